"""Default settings, in one place for the nodes, the command line and the library.

They suit the demo model; the examples for published models carry those models' own.
"""

PRIOR_STEPS = 10
"""The demo model adheres better with ten steps than with 25."""
PRIOR_GUIDANCE = 2.0
DECODER_STEPS = 25
DECODER_GUIDANCE = 3.0
TEXT_DIFF_AMOUNT = 0.4
DECODER_STRENGTH = 0.8
UPSCALE_STEPS = 7
REFINE_STEPS = 25
REFINE_STRENGTH = 0.5
INVERT_ITERATIONS = 5
