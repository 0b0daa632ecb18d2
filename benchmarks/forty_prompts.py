"""What first-time users type, drawn as it comes: ``python -m benchmarks.forty_prompts``.

Twenty English and twenty Chinese prompts, default settings and one seed; the sheet is
``docs/forty_prompts.png``, what is wrong with it is told in ``docs/forty_prompts.md``.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from PIL import Image, ImageDraw
from unclip_graph import UnCLIP
from unclip_graph.pipelines.errors import UnclipError

SEED = 1
COLUMNS = 8
REFUSED = "#dddddd"
PROMPTS = (
    "a cat",
    "a dog",
    "a red apple",
    "cute puppy",
    "a house",
    "a car",
    "please draw a panda",
    "a close-up of an owl",
    "sunflower",
    "a slice of pizza",
    "a red circle",
    "a big blue star",
    "a green heart on a pink background",
    "circle, pink, large, bottom, white background",
    "three red squares",
    "a red circle left of a blue square",
    "a purple cat",
    "a fox on a green background",
    "a rokcet",
    "a dragon",
    "一只猫",
    "一只狗",
    "请画一只熊猫",
    "一个苹果",
    "一座房子",
    "一辆汽车",
    "太阳",
    "一朵玫瑰",
    "蝴蝶",
    "一条鱼",
    "红色的圆",
    "一颗大的黄色五角星",
    "粉色背景上有一个粉色的大圆形，位于下方",
    "蓝色背景上的白色月牙",
    "两个绿色的三角形",
    "一隻貓",
    "左上角有一个小的紫色心形，背景是黄色",
    "三只企鹅",
    "一架飞机，白色背景",
    "机器人",
)
FOLDER = Path(__file__).parent.parent / "docs"


def sheet(pictures: list[Image.Image]) -> Image.Image:
    """All pictures in rows of eight, numbered from 1."""
    edge = pictures[0].width
    canvas = Image.new("RGB", (COLUMNS * edge, -(-len(pictures) // COLUMNS) * edge))
    for i, picture in enumerate(pictures):
        canvas.paste(picture, (i % COLUMNS * edge, i // COLUMNS * edge))
    draw = ImageDraw.Draw(canvas)
    for i in range(len(pictures)):
        place = (i % COLUMNS * edge + 4, i // COLUMNS * edge + 2)
        draw.text(place, str(i + 1), fill="white", stroke_width=1, stroke_fill="black")
    return canvas


def main(argv: list[str] | None = None) -> None:
    """Draw the sheet and print what the engine says of the prompts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a model folder instead of the demo model")
    parser.add_argument("--out", type=Path, default=FOLDER / "forty_prompts.png")
    options = parser.parse_args(argv)
    model = UnCLIP.from_pretrained(options.model)
    pictures = []
    for number, prompt in enumerate(PROMPTS, 1):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                pictures += model.generate_images(prompt, num_images=1, seed=SEED)
                told = [str(warning.message) for warning in said]
            except UnclipError as error:
                pictures.append(Image.new("RGB", pictures[0].size, REFUSED))
                told = [str(error)]
        print(number, prompt, *told, flush=True)
    sheet(pictures).quantize(256).save(options.out, optimize=True)


if __name__ == "__main__":
    main()
