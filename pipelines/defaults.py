"""Default settings, in one place for the nodes, the command line and the library."""

PRIOR_STEPS = 25
PRIOR_GUIDANCE = 2.0
DECODER_STEPS = 25
DECODER_GUIDANCE = 3.0
TEXT_DIFF_AMOUNT = 0.4
DECODER_STRENGTH = 0.8
REFINE_STRENGTH = 0.5
INVERT_ITERATIONS = 5
