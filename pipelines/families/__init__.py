"""Model families: each module builds, runs and normalises its own stage models."""
