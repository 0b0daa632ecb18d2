"""Comfy API v2, the official contract for clients, over the same queue.

It is a beta: what follows the contract stands in this folder, and :data:`CONTRACT` says which
version (openapi-v2.yaml of the official documentation, autumn 2026). Two things go beyond it as
the official SDK does: labels of a job, and the list of jobs.
"""

CONTRACT = "2.0.0"
PATH = "/api/v2"
