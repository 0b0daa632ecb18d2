"""``python -m unclip_graph.headless`` is the command ``unclip``."""

import sys

from .cli import main

sys.exit(main())
