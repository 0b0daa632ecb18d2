"""``python -m unclip_graph.headless`` is the command ``unclip``."""

import sys

CANCELLED = 130


def main() -> int:
    """Run the command; Ctrl-C while its modules are imported cancels it, too."""
    try:
        from .command.cli import main as command

        return command()
    except KeyboardInterrupt:
        return CANCELLED


if __name__ == "__main__":
    sys.exit(main())
