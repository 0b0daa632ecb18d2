"""Broken workflows are refused in words; see mutate_workflows.py for twenty thousand of them."""

import warnings

from mutate_workflows import mutate


def test_broken_workflows_are_refused_in_words(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ends, failures = mutate(300, 1, tmp_path)
    assert not [one[:3] for one in failures]
    assert ends["valid"] > 20
    assert ends["invalid"] > 20
    assert ends["refused"] > 20
