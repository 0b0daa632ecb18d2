"""Writes ``locales/``: what nodes and templates say, in each language that has its sentences.

    python -m benchmarks.words            # English and Chinese, and the lists of help pages
    python -m benchmarks.words --opencc   # traditional Chinese, too (pip install opencc)

``benchmarks/words/LANGUAGE.json`` has a sentence for each English one, which stands where it is
used: in a node's declaration, the index of templates, a template's note. So a changed sentence is
one without a translation, and is told. ``#editor`` are the words of the extension by key, as
``web/js/words.js`` has them, ``#commands`` and ``#settings`` those that it registers, by id, and
``#choices`` the choices of combos that are words.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from unclip_graph.headless.examples import example_path, index
from unclip_graph.headless.graph.sizes import NOTES
from unclip_graph.nodes import MENU
from unclip_graph.nodes.spec import Input, NodeSpec
from unclip_graph.nodes.widgets import Choice

from .messages import translations

ROOT = Path(__file__).resolve().parent.parent
LOCALES, SENTENCES = ROOT / "locales", ROOT / "benchmarks" / "words"
HELP = ROOT / "web" / "docs"
SOCKETS = (
    "TEXT_ENCODER",
    "PRIOR",
    "IMAGE_ENCODER",
    "DECODER",
    "TEXT_EMBED",
    "IMAGE_EMBED",
    "NOISE",
)
TAIWAN = (
    "噪波 雜訊, 加噪 加雜訊, 迴圈 循環, 模板 範本, 型別 類型, 畫素 像素, 文本 文字, 演示 示範, "
    "臺 台, 工作流程 工作流, 工作流 工作流程, 區域性 局部, 解除安裝 卸載, 擴充套件 擴展, "
    "介面卡 適配器, 采樣 取樣, 倉庫 儲存庫, 滑塊 滑桿, 歸一化 正規化, 質量 品質, 幀 影格, "
    "視訊記憶體 顯示記憶體, 視訊模型 影片模型, 高階 進階, 通過 透過, 幫助頁 說明頁, "
    "許可證 授權條款, 單檔案 單一檔案, unCLIP條件 unCLIP 條件化, CLIP視覺 CLIP 視覺, "
    "外補畫板 為外繪填充圖片, “ 「, ” 」"
)
"""What the conversion to traditional Chinese gets wrong, and what ComfyUI says on Taiwan."""
SYNTAX = str.maketrans({character: f"{{'{character}'}}" for character in "{}@|"})
"""The editor compiles titles, descriptions and names as messages, where these mean something."""

FIRST = {
    "embed": ("(save an embedding first)",),
    "encoder": ("auto",),
    "vocabulary": ("shipped",),
}
"""The words among choices that are listed at run time."""

NEEDS = re.compile(r"Needs in `models/unclip`: (.+?)\. (.+)")
NEEDS_WHAT = "Needs in `models/unclip`: {names}."

Say = Callable[[str], str]
EMPTY: Mapping[str, str] = {}


class Sentences:
    """The sentences of a language; asks for each are remembered, so that stale ones are found."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self.keyed = {key: words for key, words in known.items() if key.startswith("#")}
        self.known: dict[str, str] = {
            key: words for key, words in known.items() if key not in self.keyed
        }
        self.used: set[str] = set()
        self.missing: list[str] = []

    def __call__(self, english: str) -> str:
        """The sentence in this language: whole, with its number for {n}, or in its parts."""
        if not english:
            return english
        if english in self.known:
            self.used.add(english)
            return self.known[english]
        number = re.search(r"(?<=[ _])\d(?=[ ;,.]|$)", english)
        if number:
            general = english[: number.start()] + "{n}" + english[number.end() :]
            general = general.removesuffix("_{n}")
            if general in self.known:
                self.used.add(general)
                said = self.known[general]
                return said.replace("{n}", number[0]) if "{n}" in said else said + number[0]
        if needed := NEEDS.fullmatch(english):
            return self(NEEDS_WHAT).replace("{names}", needed[1]) + self(needed[2])
        for cut in re.finditer(r"(?<=\.) ", english):
            first, rest = english[: cut.start()], english[cut.end() :]
            if first in self.known:
                self.used.add(first)
                return self.known[first] + self(rest)
        self.missing.append(english)
        return english

    @property
    def stale(self) -> set[str]:
        """Sentences that nothing says any more."""
        return self.known.keys() - self.used


def node_words(say: Say, choices: Mapping[str, str]) -> dict[str, Any]:
    """``nodeDefs.json``: names and tooltips of nodes, inputs and outputs, and choices in words."""
    return {
        node.id: {
            "display_name": say(node.title).translate(SYNTAX),
            "description": say(node.description).translate(SYNTAX),
            "inputs": {
                one.name: {
                    "name": say(one.name),
                    "tooltip": say(one.tooltip),
                    **choice_words(one, choices),
                }
                for one in node.inputs
            },
            "outputs": {
                str(slot): {"name": say(one.name), "tooltip": say(one.tooltip)}
                for slot, one in enumerate(node.outputs)
            },
        }
        for nodes in MENU.values()
        for node in nodes
    }


def choice_words(one: Input, choices: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The choices of an input that are words; files and names of methods stay as they are."""
    if not isinstance(one.type, Choice):
        return {}
    fixed = one.type.names if isinstance(one.type.names, tuple) else FIRST.get(one.name, ())
    told = {choice: choices[choice] for choice in fixed if choice in choices}
    return {"options": told} if told else {}


def main_words(say: Say, extension: Mapping[str, Any]) -> dict[str, Any]:
    """``main.json``: the menu, the sockets, the templates, and what the extension says."""
    stages = {stage: stage.split(" ", 1) for stage in MENU}
    return {
        "nodeCategories": {
            "unCLIP": "unCLIP",
            **{stage: f"{number} {say(name)}" for stage, (number, name) in stages.items()},
        },
        "dataTypes": {f"UNCLIP_{kind}": say(f"UNCLIP_{kind}") for kind in SOCKETS},
        "unclip": {**dict(template_words(say)), **extension},
    }


def template_words(say: Say) -> Iterator[tuple[str, str]]:
    """Of each template the title, a sentence and the note."""
    for group in index():
        yield f"templates.{group['id']}", say(group["title"])
        for one in group["templates"]:
            key = f"template.{one['id']}"
            yield f"{key}.title", say(one["title"])
            yield f"{key}.description", say(one["description"])
            yield f"{key}.note", note_words(say, one["id"])


def note_words(say: Say, name: str) -> str:
    """What the note of a template says, line by line."""
    path = example_path(name)
    assert path is not None
    nodes = json.loads(path.read_text("utf-8"))["nodes"]
    text = next(node["widgets_values"][0] for node in nodes if node["type"] in NOTES)
    lines = (re.fullmatch(r"(### |- |)(.*)", line) for line in text.split("\n"))
    return "\n".join(line[1] + say(line[2]) for line in lines if line)


def help_page(page: str, node: NodeSpec, words: Mapping[str, Any]) -> str:
    """A Chinese help page with its two lists as the words of the node say them.

    Lists, as the panel of the editor is narrow: a table with both names would not fit.
    """
    inputs = {one.name: words["inputs"][one.name] for one in node.inputs}
    outputs = {one.name: words["outputs"][str(n)] for n, one in enumerate(node.outputs)}
    for title, rows in (("## 输入\n\n", inputs), ("## 输出\n\n", outputs)):
        told = "".join(
            f"- **{row['name']}** `{name}`：{row['tooltip']}\n" for name, row in rows.items()
        )
        before, _, rest = page.partition(title)
        page = before + title + told + re.sub(r"\A([|-].*\n)+", "", rest)
    return re.sub(r"\A# .*", f"# {words['display_name']}", page)


def help_pages(words: Mapping[str, Any]) -> dict[Path, str]:
    """The Chinese help pages by their files."""
    nodes = (node for nodes in MENU.values() for node in nodes)
    paths = {node: HELP / node.id / "zh.md" for node in nodes}
    return {
        path: help_page(path.read_text("utf-8"), node, words[node.id])
        for node, path in paths.items()
    }


def read(language: str) -> Sentences:
    """The sentences of a language."""
    known = json.loads((SENTENCES / f"{language}.json").read_text("utf-8"))
    return Sentences({**known, "#messages": translations(language)})


def files(
    say: Say, extension: Mapping[str, Any] = EMPTY, choices: Mapping[str, str] = EMPTY
) -> dict[str, dict[str, Any]]:
    """The files of a language by name."""
    return {"nodeDefs": node_words(say, choices), "main": main_words(say, extension)}


def translated(say: Sentences) -> dict[str, dict[str, Any]]:
    """The same with the words that are known by key, those of the extension among them."""
    keyed = say.keyed
    extension = {**keyed["#editor"], "messages": keyed["#messages"]}
    told = files(say, extension, keyed["#choices"])
    told["main"]["settingsCategories"] = keyed["#settingsCategories"]
    commands = {_id(id): {"label": label} for id, label in keyed["#commands"].items()}
    settings = {_id(id): words for id, words in keyed["#settings"].items()}
    return told | {"commands": commands, "settings": settings}


def _id(id: str) -> str:
    """An id as the editor looks it up among words."""
    return id.replace(".", "_")


def write(language: str, told: Mapping[str, Any]) -> None:
    """Write the files of a language."""
    for name, words in told.items():
        path = LOCALES / language / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(words, ensure_ascii=False, indent=2) + "\n", "utf-8")


def traditional(told: Any) -> Any:
    """Simplified Chinese as it is written on Taiwan."""
    import opencc  # type: ignore[import-not-found]

    converter = opencc.OpenCC("s2twp")

    def convert(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: convert(one) for key, one in value.items()}
        # What is in backticks is typed as it stands: the demo model reads simplified Chinese.
        parts = re.split(r"(`[^`\n]*`)", value)
        return "".join(part if part[:1] == "`" else words(part) for part in parts)

    def words(text: str) -> str:
        said = str(converter.convert(text))
        for pair in TAIWAN.split(", "):
            said = said.replace(*pair.split(" ", 1))
        return re.sub(" ?([「」]) ?", r"\1", said)

    return convert(told)


def main() -> None:
    """Write the locales, and say what is missing or stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--opencc", action="store_true", help="write traditional Chinese, too")
    arguments = parser.parse_args()
    write("en", files(lambda text: text))
    chinese = read("zh")
    told = translated(chinese)
    write("zh", told)
    pages = help_pages(told["nodeDefs"])
    for path, page in pages.items():
        path.write_text(page, "utf-8")
    if arguments.opencc:
        write("zh-TW", traditional(told))
        for path, page in pages.items():
            path.with_name("zh-TW.md").write_text(traditional(page), "utf-8")
    print(json.dumps({"missing": chinese.missing, "stale": sorted(chinese.stale)}, indent=1))


if __name__ == "__main__":
    main()
