"""For scripts that test_comfyui.py runs inside ComfyUI's interpreter, without its server.

Their arguments are the pack's folder and a base folder; the working directory is ComfyUI's
checkout.
"""

import asyncio
import importlib.util
import sys


def load_pack():
    """The pack as ComfyUI loads it, on the CPU."""
    pack, base = sys.argv[1:]
    sys.argv = ["main.py", "--cpu", "--base-directory", base]
    sys.path.insert(0, "")

    import comfy.options

    comfy.options.enable_args_parsing()
    import folder_paths  # noqa: F401  (tells the pack that it is in ComfyUI)

    spec = importlib.util.spec_from_file_location("pack", f"{pack}/__init__.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["pack"] = module
    spec.loader.exec_module(module)
    return module


def core_classes(*modules):
    """The node classes of ComfyUI's own modules, which are of the older kind or the newer."""
    found = {}
    for module in modules:
        if hasattr(module, "NODE_CLASS_MAPPINGS"):
            found |= module.NODE_CLASS_MAPPINGS
        else:
            extension = asyncio.run(module.comfy_entrypoint())
            classes = asyncio.run(extension.get_node_list())
            found |= {cls.GET_SCHEMA().node_id: cls for cls in classes}
    return found


def caller(classes):
    """A function that runs a node of ``classes`` by its name; it gives a tuple of outputs."""

    def call(name, **inputs):
        outputs = getattr(classes[name](), classes[name].FUNCTION)(**inputs)
        return getattr(outputs, "args", outputs)

    return call
