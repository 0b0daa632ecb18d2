"""The command ``unclip``: its options, what it shows, what it reports."""
