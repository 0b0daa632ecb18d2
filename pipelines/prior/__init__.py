"""The cross-modal prior, p(z_i | z_t): text embeddings become image embeddings."""
