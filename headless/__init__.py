"""Saved workflows without the editor: formats, validation, execution, command line."""
