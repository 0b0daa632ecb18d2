"""What the README quotes: ``python -m benchmarks.NAME [--quick] [--json FILE]``."""
