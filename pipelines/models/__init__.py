"""Models on disk, on the Hub and in memory: found, checked, loaded and placed."""
