"""Small V1 nodes without torch, for tests of the executor. `CALLS` logs what ran."""

from typing import Any

from unclip_graph.headless.execution.call import ExecutionBlocker

CALLS: list[Any] = []


def v1(required=None, optional=None, hidden=None, returns=("INT",), output=False, **more):
    """A V1 class around a function `run(self, **inputs)`."""

    def make(function):
        sections = {"required": required or {}, "optional": optional or {}, "hidden": hidden or {}}
        attributes = {
            "INPUT_TYPES": classmethod(lambda cls: sections),
            "RETURN_TYPES": returns,
            "FUNCTION": "run",
            "OUTPUT_NODE": output,
            "run": function,
            **more,
        }
        return type(function.__name__, (), attributes)

    return make


INT = ("INT", {"default": 0, "min": -1000, "max": 1000})


@v1({"value": INT})
def Number(self, value):
    CALLS.append(("Number", value))
    return (value,)


@v1({"a": INT}, {"b": INT})
def Add(self, a, b=0):
    CALLS.append(("Add", a, b))
    return (a + b,)


@v1({"values": INT}, output=True, returns=())
def Show(self, values):
    CALLS.append(("Show", values))
    return {"ui": {"values": [values]}}


@v1({"values": INT}, output=True, returns=(), INPUT_IS_LIST=True)
def ShowList(self, values):
    CALLS.append(("ShowList", values))
    return {"ui": {"values": list(values)}}


@v1({"count": INT}, OUTPUT_IS_LIST=(True,))
def Range(self, count):
    CALLS.append(("Range", count))
    return (list(range(count)),)


@v1({"value": INT})
def Fails(self, value):
    raise RuntimeError(f"no {value} here")


@v1({"value": INT}, {"message": ("STRING", {})})
def Block(self, value, message=None):
    return (ExecutionBlocker(message) if value < 0 else value,)


@v1(optional={f"i{n}": INT for n in range(1000)})
def Sum(self, **inputs):
    CALLS.append("Sum")
    return (sum(inputs.values()),)


class Switch:
    """Takes `yes` or `no` by `choose`, and computes only the one it takes."""

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls):
        lazy = ("INT", {"lazy": True})
        return {"required": {"choose": ("BOOLEAN", {}), "yes": lazy, "no": lazy}}

    def check_lazy_status(self, choose, yes, no):
        CALLS.append(("asked", yes, no))
        return ["yes" if choose else "no"]

    def run(self, choose, yes, no):
        CALLS.append(("Switch", yes, no))
        return (yes if choose else no,)


class Counter:
    """Counts its own calls; never cached."""

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"

    def __init__(self):
        self.count = 0

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    @classmethod
    def IS_CHANGED(cls):
        return float("nan")

    def run(self):
        self.count += 1
        return (self.count,)


NODES = {
    cls.__name__: cls
    for cls in (Number, Add, Show, ShowList, Range, Fails, Block, Sum, Switch, Counter)
}


def node(class_type, title=None, **inputs):
    made = {"class_type": class_type, "inputs": inputs}
    return {**made, "_meta": {"title": title}} if title else made
