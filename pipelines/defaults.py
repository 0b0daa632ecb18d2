"""Default settings that no family changes, in one place for the nodes and the library.

Steps and guidance scales belong to a model: :class:`.stages.StageDefaults`.
"""

TEXT_DIFF_AMOUNT = 0.4
DECODER_STRENGTH = 0.8
REFINE_STRENGTH = 0.5
INVERT_ITERATIONS = 5

# What the nodes' widgets show.
PRIOR_STEPS = 10
PRIOR_GUIDANCE = 2.0
DECODER_STEPS = 25
DECODER_GUIDANCE = 3.0
UPSCALE_STEPS = 7
REFINE_STEPS = 25
