"""Chinese descriptions of scenes, with attributes left out and words varied.

Every character is a word to the tokenizer. The plainest description of a scene reads
"一个大的红色圆形在左上角，白色背景".
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from . import OWN, POSITIONS, Scene, SceneObject
from .concepts import CONCEPTS, concept, is_concept

Words = dict[str, tuple[str, ...]]

_SHAPES: Words = {
    "circle": ("圆形", "圆圈", "圆"),
    "square": ("方形", "正方形", "方块"),
    "triangle": ("三角形", "三角"),
    "diamond": ("菱形",),
    "star": ("星形", "五角星", "星星"),
    "heart": ("心形", "爱心"),
    "cross": ("十字", "十字形", "加号"),
    "ring": ("圆环", "环形"),
    "crescent": ("月牙形", "新月形"),
}
_COLOURS: Words = {
    "red": ("红色",),
    "orange": ("橙色", "橘色"),
    "yellow": ("黄色",),
    "green": ("绿色",),
    "cyan": ("青色",),
    "blue": ("蓝色",),
    "purple": ("紫色",),
    "pink": ("粉色", "粉红色"),
    "black": ("黑色",),
    "white": ("白色",),
    "gray": ("灰色",),
}
_SIZES: Words = {
    "small": ("小", "小小"),
    "medium": ("中等", "中等大小"),
    "large": ("大", "很大", "巨大"),
}
_POSITIONS: Words = {
    "top left": ("左上角", "左上方"),
    "top": ("上方", "上面", "顶部"),
    "top right": ("右上角", "右上方"),
    "left": ("左边", "左侧"),
    "center": ("中间", "中央", "中心"),
    "right": ("右边", "右侧"),
    "bottom left": ("左下角", "左下方"),
    "bottom": ("下方", "下面", "底部"),
    "bottom right": ("右下角", "右下方"),
}
_PATTERNS: Words = {"striped": ("条纹",), "dotted": ("圆点", "波点"), "checkered": ("格子",)}
_STYLES: Words = {
    "noto": ("立体风格",),
    "fluent": ("柔和风格",),
    "twemoji": ("扁平风格",),
}
_NUMBERS = {2: ("两个", "2个"), 3: ("三个", "3个"), 4: ("四个", "4个")}


LEADS = ("画", "请画", "画一幅图，", "一张图片，", "图里有", "我要", "生成")


def canonical(scene: Scene) -> str:
    """The description that states every attribute in the plainest order."""
    things = "和".join(
        f"一个{_SIZES[o.size][0]}的{_colour(o.colour)}{_names(o.shape)[0]}在{_POSITIONS[o.position][0]}"
        for o in scene.objects
    )
    return f"{things}，{_ground(scene)}"


def _names(kind: str) -> tuple[str, ...]:
    return concept(kind).chinese if is_concept(kind) else _SHAPES[kind]


def _colour(colour: str) -> str:
    return _COLOURS[colour][0] if colour != OWN else ""


def _ground(scene: Scene) -> str:
    pattern = _PATTERNS[scene.pattern][0] if scene.pattern else ""
    return f"{_COLOURS[scene.background][0]}{pattern}背景"


def _pick(words: tuple[str, ...], rng: random.Random) -> str:
    return rng.choice(words) if rng.random() < 0.35 else words[0]


def _noun(thing: SceneObject, rng: random.Random, keep: float) -> str:
    """Size, colour and kind; each attribute stays with chance ``keep``."""
    words = ""
    if rng.random() < keep:
        words = _pick(_SIZES[thing.size], rng) + ("的" if rng.random() < 0.7 else "")
    if thing.colour != OWN and rng.random() < keep + (1 - keep) / 2:
        words += _pick(_COLOURS[thing.colour], rng) + ("的" if rng.random() < 0.3 else "")
    if is_concept(thing.shape) and rng.random() < 0.05:
        return words + concept(thing.shape).emoji
    known = is_concept(thing.shape) or rng.random() < keep + (1 - keep) / 2
    return words + (_pick(_names(thing.shape), rng) if known else "图形")


def _relation(a: SceneObject, b: SceneObject, rng: random.Random) -> str:
    (row_a, column_a), (row_b, column_b) = (divmod(POSITIONS.index(o.position), 3) for o in (a, b))
    options = []
    if column_a != column_b:
        options.append("左边" if column_a < column_b else "右边")
    if row_a != row_b:
        options.append("上面" if row_a < row_b else "下面")
    return rng.choice(options)


def _things(scene: Scene, rng: random.Random, keep: float) -> str:
    objects = scene.objects
    kinds = {(o.shape, o.colour, o.size) for o in objects}
    if len(objects) > 1 and len(kinds) == 1 and rng.random() < 0.7:
        return rng.choice(_NUMBERS[len(objects)]) + _noun(objects[0], rng, keep)
    if len(objects) == 2 and rng.random() < 0.4:
        a, b = rng.sample(objects, 2)
        side = _relation(a, b, rng)
        return f"一个{_noun(a, rng, keep)}在一个{_noun(b, rng, keep)}的{side}"
    parts = []
    for thing in objects:
        article = "一个" if rng.random() < 0.8 else ""
        noun = _noun(thing, rng, keep)
        place = _pick(_POSITIONS[thing.position], rng) if rng.random() < keep else ""
        if not place:
            parts.append(article + noun)
        elif rng.random() < 0.7:
            parts.append(f"{article}{noun}在{place}")
        else:
            parts.append(f"{place}有{article}{noun}")
    return rng.choice(("和", "，")).join(parts)


def describe(scene: Scene, rng: random.Random) -> str:
    """A random description: canonical, in varied words, or with attributes left out."""
    form = rng.random()
    if form < 0.35:
        return canonical(scene)
    keep = 1.0 if form < 0.6 else 0.6
    text = _things(scene, rng, keep)
    if rng.random() < 0.2 and any(is_concept(o.shape) for o in scene.objects):
        text = f"{text}，{_pick(_STYLES[scene.style], rng)}"
    if rng.random() > max(keep, 0.7):
        return text
    ground = _ground(scene)
    form = rng.random()
    if form < 0.5:
        return f"{text}，{ground}"
    return f"{ground}，{text}" if form < 0.75 else f"{ground}上{text}"


def characters(concepts: int) -> Iterator[str]:
    """Every character that descriptions with that many concepts can hold, for the tokenizer."""
    texts = ["一个的在和，。有上左右边下面图形背景两三四大小只朵是", *LEADS]
    for table in (_SHAPES, _COLOURS, _SIZES, _POSITIONS, _PATTERNS, _STYLES):
        texts += [word for names in table.values() for word in names]
    texts += [name for thing in CONCEPTS[:concepts] for name in thing.chinese]
    yield from dict.fromkeys("".join(texts))
