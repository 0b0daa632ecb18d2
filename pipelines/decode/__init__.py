"""The decoder, p(y | z): image embeddings become pictures."""
