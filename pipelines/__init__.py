"""The engine: models, embeddings, sampling and editing, usable alone as a library."""
