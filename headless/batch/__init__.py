"""A workflow over a table of inputs: ``unclip batch``."""
