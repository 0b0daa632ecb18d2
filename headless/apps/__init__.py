"""Workflows as apps: what their App mode shows is what command line, HTTP and MCP offer.

``app`` names and types the inputs of one workflow, ``library`` knows which apps there are,
``mcp_server`` serves them as tools.
"""
