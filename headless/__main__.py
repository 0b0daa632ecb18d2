"""``python -m unclip_graph.headless`` is the command ``unclip``."""

import sys

from .command.cli import main

sys.exit(main())
