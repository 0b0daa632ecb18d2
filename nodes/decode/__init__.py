"""Nodes of the decoder, p(y | z)."""

from . import decode, noise, region

__all__ = ["decode", "noise", "region"]
