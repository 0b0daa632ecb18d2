"""Edits of image embeddings, p(z_1 | z_0, t): one file a theme."""

from . import batches, directions, embeddings, files, prompts

__all__ = ["batches", "directions", "embeddings", "files", "prompts"]
