"""One thing that is wrong with a prompt, in ComfyUI's words and in plain ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..nodeclass import Input


@dataclass(frozen=True)
class Problem:
    """An error as ComfyUI's clients know it, and ``advice``: the cause and the way out.

    ``type``, ``message``, ``details`` and ``extra_info`` are the wire format; ``advice`` is a
    sentence or two for a person and names the input, not the node.
    """

    type: str
    message: str
    details: str
    advice: str
    extra_info: dict[str, Any] = field(default_factory=dict)

    def wire(self) -> dict[str, Any]:
        """The problem as ComfyUI reports it."""
        return {
            "type": self.type,
            "message": self.message,
            "details": self.details,
            "extra_info": self.extra_info,
        }


def input_missing(declared: Input) -> Problem:
    """A required input is absent."""
    way_out = (
        f"connect {_article(declared.type_name)} output to it"
        if _is_socket(declared)
        else "give it a value or connect it"
    )
    return Problem(
        "required_input_missing",
        "Required input is missing",
        declared.name,
        f"the required input {declared.name!r} is missing; {way_out}.",
        {"input_name": declared.name},
    )


def bad_link(name: str, value: Any, cause: str, way_out: str) -> Problem:
    """A link that leads nowhere, or a list that is no link."""
    return Problem(
        "bad_linked_input",
        "Bad linked input",
        f"{name}, {cause}",
        f"input {name!r}: {cause}; {way_out}.",
        {"input_name": name, "received_value": value},
    )


def type_mismatch(declared: Input, received: Any, link: list[Any], source: str) -> Problem:
    """A link carries another type than the input takes."""
    wanted = declared.type_name
    got = received if isinstance(received, str) else "COMBO"
    return Problem(
        "return_type_mismatch",
        "Return type mismatch between linked nodes",
        f"{declared.name}, received_type({received}) mismatch input_type({declared.type})",
        f"input {declared.name!r} takes {wanted}, but output {link[1]} of {source} is {got}; "
        f"connect {_article(wanted)} output instead.",
        {
            **_config(declared),
            "received_type": received,
            "linked_node": link,
        },
    )


def not_convertible(declared: Input, value: Any, error: Exception) -> Problem:
    """A constant that is not of the declared type."""
    return Problem(
        "invalid_input_type",
        f"Failed to convert an input value to a {declared.type} value",
        f"{declared.name}, {value}, {error}",
        f"input {declared.name!r} takes {_article(declared.type_name)}, but got {shown(value)}; "
        f"{_way_out(declared)}.",
        {**_config(declared), "received_value": value, "exception_message": str(error)},
    )


def out_of_range(declared: Input, value: Any, too_small: bool) -> Problem:
    """A number below ``min`` or above ``max``."""
    bound = "min" if too_small else "max"
    limit = declared.options[bound]
    word = "smaller" if too_small else "bigger"
    return Problem(
        f"value_{word}_than_{bound}",
        f"Value {value} {word} than {bound} of {limit}",
        declared.name,
        f"input {declared.name!r} is {shown(value)}, {word} than the {bound}imum {limit}; "
        f"{_way_out(declared)}.",
        {**_config(declared), "received_value": value},
    )


def not_a_choice(declared: Input, bad: list[Any], value: Any) -> Problem:
    """A value that a combo does not offer."""
    choices = declared.choices or []
    many = len(choices) > 20
    listed = f"(list of length {len(choices)})" if many else repr(choices)
    some = ", ".join(shown(choice) for choice in choices[:20]) or "nothing"
    return Problem(
        "value_not_in_list",
        "Value not in list",
        f"{declared.name}: {', '.join(repr(b) for b in bad)} not in {listed}",
        f"input {declared.name!r} is {', '.join(shown(b) for b in bad)}, which is not on offer; "
        f"choose one of: {some}{', …' if many else ''}.",
        {
            "input_name": declared.name,
            "input_config": None if many else (declared.type, dict(declared.options)),
            "received_value": value,
        },
    )


def custom_failure(name: str, said: Any) -> Problem:
    """The node's own check refused the value of an input (``name`` may be empty)."""
    reason = said if isinstance(said, str) else "the node refuses this value"
    return Problem(
        "custom_validation_failed",
        "Custom validation failed for node",
        name if said is False else f"{name} - {said}",
        f"input {name!r}: {reason}" if name else reason,
        {"input_name": name},
    )


def raised(error: Exception) -> Problem:
    """The node's declaration or own check raised."""
    kind = type(error).__name__
    return Problem(
        "exception_during_validation",
        "Exception when validating node",
        str(error),
        f"checking this node failed: {kind}: {error}; the node pack is at fault, or a value "
        "that it does not expect.",
        {"exception_type": kind},
    )


def shown(value: Any) -> str:
    """A value, short enough for a message."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _config(declared: Input) -> dict[str, Any]:
    return {
        "input_name": declared.name,
        "input_config": (declared.type, dict(declared.options)),
    }


def _is_socket(declared: Input) -> bool:
    return declared.choices is None and declared.type not in ("INT", "FLOAT", "STRING", "BOOLEAN")


def _article(noun: str) -> str:
    return f"{'an' if noun[:1] in 'AEIOaeio' else 'a'} {noun}"


def _way_out(declared: Input) -> str:
    low, high = declared.options.get("min"), declared.options.get("max")
    kind = "a whole number" if declared.type == "INT" else "a number"
    if declared.type not in ("INT", "FLOAT"):
        return f"use {_article(declared.type_name)} value"
    if low is not None and high is not None:
        return f"use {kind} from {low} to {high}"
    if low is not None:
        return f"use {kind} of at least {low}"
    return f"use {kind} of at most {high}" if high is not None else f"use {kind}"
