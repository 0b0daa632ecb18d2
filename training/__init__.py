"""Recipes that make the demo model from rendered scenes."""
