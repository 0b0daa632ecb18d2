"""Workflow files: reading them with limits, and turning the editor's format into a prompt."""
