"""Every family and mode against diffusers' own pipeline, on tiny models with random weights.

The tests assert these differences; ``python -m benchmarks.parity`` prints them as a table.
Both sides get the same list of generators, float32 on the CPU.
"""

from . import kandinsky21, kandinsky22, karlo, stable_diffusion, through_unclip
from .cases import CASES

__all__ = ["CASES", "kandinsky21", "kandinsky22", "karlo", "stable_diffusion", "through_unclip"]
