"""Default settings that no family changes, in one place for the nodes and the library.

Steps and guidance scales belong to a model: :class:`.stages.StageDefaults`.
"""

TEXT_DIFF_AMOUNT = 0.4
DECODER_STRENGTH = 0.8
REFINE_STRENGTH = 0.5
INVERT_ITERATIONS = 5
