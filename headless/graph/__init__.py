"""Graphs built in Python, and their layout for the editor."""
