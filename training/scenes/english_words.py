"""The words and sentences of English descriptions, for ``english.py``."""

from __future__ import annotations

from . import POSITIONS

Words = dict[str, tuple[str, ...]]

SHAPE_WORDS: Words = {
    "circle": ("disc", "disk", "round dot", "dot", "ball", "round shape"),
    "square": ("block", "cube", "square shape"),
    "triangle": ("triangular shape", "three sided shape"),
    "diamond": ("rhombus", "lozenge", "diamond shape"),
    "cross": ("plus sign", "plus", "cross shape"),
    "ring": ("hoop", "hollow circle", "loop"),
    "crescent": ("crescent shape", "sickle"),
    "heart": ("heart shape", "love heart", "❤️", "❤"),
    "star": ("five pointed star", "star shape", "⭐"),
}
SIZE_WORDS: Words = {
    "small": ("little", "tiny", "mini", "small sized"),
    "medium": ("medium sized", "middle sized", "mid sized", "average sized"),
    "large": ("big", "large sized"),
    "huge": ("giant", "enormous", "gigantic", "massive", "very big", "very large"),
}
COLOUR_WORDS: Words = {
    "red": ("crimson", "scarlet", "bright red"),
    "orange": ("amber",),
    "yellow": ("golden", "bright yellow"),
    "green": ("emerald", "dark green"),
    "purple": ("violet",),
    "cyan": ("turquoise", "aqua", "teal"),
    "blue": ("navy", "azure", "dark blue"),
    "pink": ("magenta", "hot pink"),
    "black": ("jet black",),
    "white": ("snow white",),
}
BACKGROUND_WORDS: Words = {
    "gray": ("grey", "silver"),
    "blue": ("light blue", "pale blue", "sky blue"),
    "green": ("light green", "pale green", "mint"),
    "yellow": ("light yellow", "pale yellow", "cream"),
    "pink": ("light pink", "pale pink"),
}
POSITION_PHRASES: Words = {
    "top left": ("in the upper left", "in the top left corner", "at the top left", "top left"),
    "top": ("in the upper middle", "at the top center", "on top", "top", "near the top"),
    "top right": (
        "in the upper right",
        "in the top right corner",
        "at the top right",
        "top right",
    ),
    "left": ("in the middle left", "on the left side", "left", "at the left", "to the left"),
    "center": ("in the middle", "in the centre", "at the center", "center", "centered"),
    "right": ("in the middle right", "on the right side", "right", "at the right", "to the right"),
    "bottom left": (
        "in the lower left",
        "in the bottom left corner",
        "at the bottom left",
        "bottom left",
    ),
    "bottom": ("in the lower middle", "at the bottom center", "bottom", "near the bottom"),
    "bottom right": (
        "in the lower right",
        "in the bottom right corner",
        "at the bottom right",
        "bottom right",
    ),
}
CANONICAL_POSITION = {
    position: f"at the {position}" if position in ("top", "bottom") else f"in the {position}"
    for position in POSITIONS
} | {"left": "on the left", "right": "on the right"}
PATTERN_WORDS: Words = {"striped": ("stripy",), "dotted": ("spotted",), "checkered": ("checked",)}
STYLES: Words = {
    "noto": ("in a shaded style", "in noto style"),
    "fluent": ("in a soft style", "in fluent style"),
    "twemoji": ("in a flat style", "in twemoji style"),
}
NUMBERS = {2: ("two", "2", "a pair of"), 3: ("three", "3"), 4: ("four", "4")}

# How a noun takes what is said of it; ``a`` marks where an article goes.
AFTER_NOUN: dict[tuple[bool, bool], tuple[str, ...]] = {
    (True, True): (  # size and colour
        "{noun} that is {size} and {colour}",
        "{noun} that is {colour} and {size}",
        "{noun} which is {colour} and {size}",
        "{colour} {noun} that is {size}",
        "{size} {noun} that is {colour}",
        "{size} {noun} in {colour}",
        "{noun}, {size} and {colour}",
        "{noun} , {colour} , {size}",
        "{colour} {noun} of {size} size",
        "{size} {noun} with {colour} color",
    ),
    (False, True): (
        "{noun} that is {colour}",
        "{noun} in {colour}",
        "{noun} with {colour} color",
        "{noun} which is {colour}",
    ),
    (True, False): ("{noun} that is {size}", "{noun} of {size} size", "{noun}, {size}"),
}
FILLING = (  # another way to say that a thing is huge
    "a close up of {}",
    "a closeup of {}",
    "close up of {}",
    "{} filling the picture",
    "{} that fills the picture",
    "{} filling the whole image",
    "a close view of {}",
    "a full picture of {}",
)
PLACED = ("{noun} placed {place}", "{noun} located {place}", "{noun} positioned {place}")
PLACE_FIRST = ("{place}, {noun}", "{place} there is {noun}", "{place} is {noun}")
ON_GROUND = (
    "on {a} background",
    "against {a} background",
    "with {a} background",
    "over {a} background",
    "on {a} backdrop",
    "in front of {a} background",
    "on {a} surface",
    "on {g}",
    "on plain {g}",
)
GROUND_APART = (
    "{g} background",
    "the background is {g}",
    "background is {g}",
    "background {g}",
    "background {g}",
    "{g} backdrop",
)
FRAMES = (
    "a picture of {}",
    "an image of {}",
    "a photo of {}",
    "a drawing of {}",
    "an illustration of {}",
    "an icon of {}",
    "picture of {}",
    "draw {}",
    "draw {} for me",
    "please draw {}",
    "please paint {}",
    "paint {}",
    "can you draw {}",
    "could you draw {}",
    "show me {}",
    "give me {}",
    "create {}",
    "generate {}",
    "generate an image of {}",
    "there is {}",
    "i want {}",
    "i want to see {}",
    "make {}",
    "{} please",
)
