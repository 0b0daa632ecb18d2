"""Edits of image embeddings, p(z_1 | z_0, t): short pure functions, one file an idea."""
