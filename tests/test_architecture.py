"""The house drawn from its imports: arrows go one way and form no circle; rooms stay small."""

import ast
from collections import defaultdict
from pathlib import Path

import unclip_graph

ROOT = Path(unclip_graph.__file__).resolve().parent
HEIGHT = {"pipelines": 0, "training": 1, "nodes": 1, "headless": 2}
"""Who may import whom: only what stands lower. Training and nodes do not know each other."""
MAX_LINES, MAX_FUNCTION_LINES = 350, 60


def modules():
    files = [path for top in HEIGHT for path in (ROOT / top).rglob("*.py")]
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files}
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


MODULES = modules()
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in MODULES.items()}


def imported(module):
    """The modules that a module imports, wherever in it; all imports of ours are relative."""
    is_package = MODULES[module].name == "__init__.py"
    here = module.split(".") if is_package else module.split(".")[:-1]
    found = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.ImportFrom) and node.level:
            up = here[: len(here) - node.level + 1] + (node.module or "").split(".") * bool(
                node.module
            )
            root = ".".join(up)
            for alias in node.names:
                name = f"{root}.{alias.name}" if f"{root}.{alias.name}" in MODULES else root
                if name in MODULES:
                    found.add(name)
    return found - {module}


ARROWS = {module: imported(module) for module in MODULES}


def rooms():
    """The arrows between folders; a file directly in a top folder is a room of its own."""
    arrows = defaultdict(set)
    for module, targets in ARROWS.items():
        here = ".".join(module.split(".")[:2])
        arrows[here] |= {".".join(target.split(".")[:2]) for target in targets} - {here}
    return arrows


def circles(arrows):
    """Groups of things that lead to one another."""

    def reached(start):
        seen, stack = set(), [start]
        while stack:
            for target in arrows.get(stack.pop(), ()):
                if target not in seen:
                    seen.add(target)
                    stack.append(target)
        return seen

    behind = {one: reached(one) for one in arrows}
    on_circles = [one for one in arrows if one in behind[one]]
    return {
        tuple(sorted(o for o in on_circles if o in behind[one] and one in behind[o]))
        for one in on_circles
    }


def test_arrows_go_one_way():
    def goes_down(one, other):
        return one == other or HEIGHT[other] < HEIGHT[one]

    wrong = [
        f"{module} imports {target}"
        for module, targets in ARROWS.items()
        for target in targets
        if not goes_down(module.split(".")[0], target.split(".")[0])
    ]
    assert not wrong


def test_there_are_no_circles_of_modules():
    assert not circles(ARROWS)


def test_there_are_no_circles_of_folders():
    assert not circles(rooms())


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d"}}) == {("b", "c"), ("d",)}


def length(function):
    """Lines of code; what is declared and documented above them costs no thought."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return function.end_lineno - body[0].lineno + 1 if body else 0


def test_files_and_functions_are_short():
    long = [
        f"{name} has {lines} lines"
        for name, path in MODULES.items()
        if (lines := path.read_text("utf-8").count("\n")) > MAX_LINES
    ]
    long += [
        f"{name}.{node.name} has {lines} lines"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (lines := length(node)) > MAX_FUNCTION_LINES
    ]
    scripts = [
        p for p in (ROOT / "web").rglob("*.js") if p.read_text("utf-8").count("\n") > MAX_LINES
    ]
    assert not long + scripts


def test_only_one_module_touches_comfyui():
    ours = {"comfy", "folder_paths", "server", "execution"}
    found = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        for imported in (
            [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
        if imported.split(".")[0] in ours
    }
    assert found == {"nodes.comfy"}
