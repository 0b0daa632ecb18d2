"""Text and image towers: prompts and pictures become embeddings, z_t and z_0."""
