"""Texts that the editor rewrites when a workflow is queued."""

import random
from datetime import datetime

import pytest
from unclip_graph.headless.formats.substitution import resolve_dynamic, resolve_prefix

MOMENT = datetime(2026, 3, 7, 9, 5, 8)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a {b} c", "a b c"),
        ("{a|a} {b|{b|b}}", "a b"),
        (r"\{a|b\}", "{a|b}"),
        (r"\{a|b}", "{a|b}"),
        (r"{a\|b}", "a|b"),
        ("a // rest\nb /* in\nside */c", "a \nb c"),
        ("{", "{"),
        ("{}", ""),
    ],
)
def test_dynamic_prompts(text, found):
    assert resolve_dynamic(text, random.Random(0)) == found


def test_every_alternative_can_be_chosen():
    found = {resolve_dynamic("{a|b|}", random.Random(seed)) for seed in range(30)}
    assert found == {"a", "b", ""}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("%date:yyyy-MM-dd%", "2026-03-07"),
        ("%date:yy-M-d%", "26-3-7"),
        ("%date:hh-mm-ss% %date:h-m-s%", "09-05-08 9-5-8"),
        ("%Prior.seed%", "7"),
        ("%Prior.path%", "a_b_c"),
        ("%Prior.gone% %nothing% 100%", "%Prior.gone% %nothing% 100%"),
    ],
)
def test_file_names(pattern, found):
    values = {("Prior", "seed"): "7", ("Prior", "path"): "a/b:c"}
    assert resolve_prefix(pattern, lambda *key: values.get(key), MOMENT) == found
