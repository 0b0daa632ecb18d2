"""A node is one annotated function, and everything about the node is read from it.

::

    @node("UnCLIPUpscale", "unCLIP upscale", aliases=["super resolution"])
    def upscale(
        decoder: Annotated[Decoder, "A decoder that has a super-resolution."],
        image: Annotated[Image, As("images"), "Pictures that this decoder drew."],
        seed: Annotated[Seed, "Chooses the details that are added."] = 0,
    ) -> Annotated[Image, Output("image", "The enlarged pictures.")]:
        \"""Enlarges pictures with the decoder's own super-resolution.\"""
        return forward(decoder.upscale)

A parameter is an input. Its type is a socket (:mod:`.sockets`) or a widget
(:mod:`.widgets`; a plain bool, str or Literal is one, too), its texts are the tooltip, the
nearest first, and its default is what the widget shows. What stands after ``*`` may be
missing from a saved graph: inputs that a later version adds go there, to the end. The
docstring is the description, what is returned the outputs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ..pipelines.errors import UnclipError
from .sockets import Socket
from .widgets import ADVANCED, Choice, Number, Switch, Text, Widget

T = TypeVar("T")


@dataclass(frozen=True)
class As:
    """The name under which :func:`forward` passes an input on, if it is not its own."""

    name: str


@dataclass(frozen=True)
class Numbered:
    """A parameter that stands for several inputs, name_1, name_2, ...; the node gets a list.

    Attributes:
        least: so many there always are.
        most: so many there can be; those that are not wired are None.
    """

    least: int
    most: int


@dataclass(frozen=True)
class Output:
    """One output: its name, what it is, and the socket that the annotation is about."""

    name: str
    tooltip: str
    type: str = ""


@dataclass(frozen=True)
class Input:
    """One input, as saved graphs name it.

    Attributes:
        type: its socket or widget.
        default: what the widget shows at first; None for the ``unset`` of a number.
        required: whether a graph without it is refused.
    """

    name: str
    type: Socket | Widget
    tooltip: str
    default: Any
    required: bool
    advanced: bool

    def read(self, value: Any) -> Any:
        """A value as the function wants it."""
        unset = self.type.unset if isinstance(self.type, Number) else None
        return None if unset is not None and value == unset else value

    def check_socket(self, value: Any, title: str) -> None:
        """Refuse what does not belong on this wire.

        Raises:
            UnclipError: the message names what came and what is wanted.
        """
        wire = self.type
        if isinstance(wire, Widget) or (value is None and not self.required) or wire.fits(value):
            return
        raise UnclipError(
            f"{title}: the input {self.name} wants {wire.wants}, "
            f"found a {type(value).__name__}. Wire an output of type {wire.name}."
        )


@dataclass(frozen=True)
class Parameter:
    """One parameter of a node's function and the input, or the numbered inputs, behind it."""

    name: str
    passed_as: str
    numbered: bool
    inputs: tuple[Input, ...]

    def read(self, values: Mapping[str, Any]) -> Any:
        """What the function gets for the values of the inputs; a missing one is the default."""
        found = [
            one.read(values[one.name]) if one.name in values else one.default for one in self.inputs
        ]
        return found if self.numbered else found[0]


@dataclass(frozen=True)
class NodeSpec:
    """The declaration of a node, read.

    Attributes:
        id: the class name in saved workflows, which stays for ever.
        title: what the editor shows.
        aliases: other words under which people search for it.
        is_changed: tells the host when to run the node again although no input changed.
        check: what is wrong with the values of the inputs that its parameters name, or None;
            asked before anything runs. A value is None if it comes from another node.
        is_output: runs even if nothing is wired to its outputs.
    """

    id: str
    title: str
    function: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    outputs: tuple[Output, ...]
    aliases: tuple[str, ...]
    is_changed: Callable[..., Any] | None
    check: Callable[..., str | None] | None
    is_output: bool

    @property
    def description(self) -> str:
        """The docstring of the function, on one line."""
        return " ".join((self.function.__doc__ or "").split())

    @property
    def inputs(self) -> list[Input]:
        """All inputs in the order of saved graphs: first those that must be there."""
        every = [one for parameter in self.parameters for one in parameter.inputs]
        return sorted(every, key=lambda one: not one.required)

    def run(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The outputs for the values of the inputs."""
        for one in self.inputs:
            one.check_socket(values.get(one.name), self.title)
        given = {one: one.read(values) for one in self.parameters}
        token = _given.set({one.passed_as: value for one, value in given.items()})
        try:
            result = self.function(**{one.name: value for one, value in given.items()})
        finally:
            _given.reset(token)
        return result if isinstance(result, tuple) else (result,)


_given: ContextVar[Mapping[str, Any]] = ContextVar("given")


def forward(method: Callable[..., T], **more: Any) -> T:
    """Call ``method`` with every input of the running node, and with ``more``.

    An input goes under the name it has, or under that of :class:`As`; the model whose method
    it is does not go along.
    """
    owner = getattr(method, "__self__", None)
    inputs = _given.get().items()
    given = {name: value for name, value in inputs if value is None or value is not owner}
    return method(**given, **more)


def node(
    id: str,
    title: str,
    *,
    aliases: Sequence[str] = (),
    is_changed: Callable[..., Any] | None = None,
    check: Callable[..., str | None] | None = None,
    is_output: bool = False,
) -> Callable[[Callable[..., Any]], NodeSpec]:
    """Declare the function below as a node; see :class:`NodeSpec` for the arguments."""

    def declared(function: Callable[..., Any]) -> NodeSpec:
        hints = get_type_hints(function, include_extras=True)
        outputs = tuple(_outputs(hints.pop("return")))
        parameters = tuple(
            _parameter(one, hints[one.name])
            for one in inspect.signature(function).parameters.values()
        )
        return NodeSpec(
            id, title, function, parameters, outputs, tuple(aliases), is_changed, check, is_output
        )

    return declared


def _parameter(declared: inspect.Parameter, hint: Any) -> Parameter:
    plain, marks = _read(hint)
    renamed = next((mark.name for mark in marks if isinstance(mark, As)), declared.name)
    numbered = next((mark for mark in marks if isinstance(mark, Numbered)), None)
    if numbered is None:
        required = declared.kind is not declared.KEYWORD_ONLY
        default = None if declared.default is declared.empty else declared.default
        inputs = [_input(declared.name, plain, marks, default, required)]
    else:
        inputs = [
            _input(
                f"{declared.name}_{n}",
                plain,
                [mark.replace("{n}", str(n)) if isinstance(mark, str) else mark for mark in marks],
                None if declared.default is declared.empty else declared.default[n - 1],
                n <= numbered.least,
            )
            for n in range(1, numbered.most + 1)
        ]
    return Parameter(declared.name, renamed, numbered is not None, tuple(inputs))


def _input(name: str, plain: Any, marks: list[Any], default: Any, required: bool) -> Input:
    tooltip = " ".join(mark for mark in reversed(marks) if isinstance(mark, str))
    return Input(name, _type(plain, marks), tooltip, default, required, ADVANCED in marks)


def _outputs(hint: Any) -> Iterator[Output]:
    for one in get_args(hint) if get_origin(hint) is tuple else [hint]:
        plain, marks = _read(one)
        declared = next(mark for mark in marks if isinstance(mark, Output))
        type = _type(plain, marks)
        name = type.name if isinstance(type, Socket) else str(type.kind())
        yield Output(declared.name, declared.tooltip, name)


def _type(plain: Any, marks: list[Any]) -> Socket | Widget:
    """The socket or widget of an annotation."""
    if get_origin(plain) is Literal:
        return Choice(get_args(plain))
    own = [mark for mark in marks if isinstance(mark, (Socket, Widget))]
    return own[-1] if own else {bool: Switch(), str: Text()}[plain]


def _read(hint: Any) -> tuple[Any, list[Any]]:
    """The plain type of an annotation, without None, and its marks, the innermost first."""
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *own = get_args(hint)
        plain, marks = _read(inner)
        return plain, [*marks, *own]
    if origin in (Union, UnionType):
        (arm,) = (arm for arm in get_args(hint) if arm is not type(None))
        return _read(arm)
    if isinstance(origin, type) and issubclass(origin, Sequence) and origin is not tuple:
        return _read(*get_args(hint))
    return hint, []
