"""What nodes refuse before anything runs: settings that cannot work."""

import pytest
from unclip_graph.headless.runner import Runner
from unclip_graph.nodes import NODE_CLASS_MAPPINGS


def refusals(node, **values):
    """What validation says of a node whose sockets are wired and whose widgets hold values."""
    prompt = {"1": {"class_type": "UnCLIPLoader", "inputs": {"model": "demo"}}}
    prompt |= {
        "2": {"class_type": "UnCLIPTextEncode", "inputs": {"text_encoder": ["1", 0], "text": "a"}},
        "3": {"class_type": "LoadImage", "inputs": {"image": "picture.png"}},
    }
    sampling = {"seed": 0, "steps": 8, "guidance_scale": 2.0}
    z = {"prior": ["1", 1], "text_embed": ["2", 0], **sampling}
    prompt["4"] = {"class_type": "UnCLIPPrior", "inputs": z}
    sources = {
        "UNCLIP_TEXT_ENCODER": ["1", 0],
        "UNCLIP_PRIOR": ["1", 1],
        "UNCLIP_DECODER": ["1", 3],
        "UNCLIP_TEXT_EMBED": ["2", 0],
        "UNCLIP_IMAGE_EMBED": ["4", 0],
        "IMAGE": ["3", 0],
        "MASK": ["3", 1],
    }
    inputs = {
        name: sources.get(str(kind), options.get("default"))
        for name, (kind, options) in NODE_CLASS_MAPPINGS[node].INPUT_TYPES()["required"].items()
    }
    prompt["5"] = {"class_type": node, "inputs": inputs | values}
    prompt["6"] = {"class_type": "PreviewAny", "inputs": {"source": ["5", 0]}}
    runner = Runner()
    return [
        problem.advice for problem in runner.check(runner.prepare(prompt)).problems.get("5", [])
    ]


PRIORS = ("UnCLIPPrior", "UnCLIPPriorRefine", "UnCLIPMultiPrompt", "UnCLIPPromptTravel")


@pytest.mark.parametrize(
    ("node", "values", "says"),
    [
        *((name, {"steps": 1}, "unclip needs 2 steps or more, found 1") for name in PRIORS),
        ("UnCLIPUpscale", {"steps": 1}, "unclip needs 2 steps or more, found 1"),
        ("UnCLIPPrior", {"steps": 1, "scheduler": "unclip"}, "needs 2 steps"),
        ("UnCLIPDecode", {"steps": 3, "scheduler": "pndm"}, "pndm needs 4 steps or more, found 3"),
        ("UnCLIPRegionEdit", {"steps": 3, "scheduler": "pndm"}, "pndm needs 4 steps"),
        ("UnCLIPDecode", {"steps": -1}, "steps is -1, smaller than the minimum 0."),
        (
            "UnCLIPDecode",
            {"scheduler": "heun"},
            "'heun', which is not on offer; choose one of: 'default'",
        ),
        ("UnCLIPSaveEmbed", {"name": "x" * 300}, "has 300 letters, which is too long"),
        ("UnCLIPSaveEmbed", {"name": "猫" * 90}, "has 90 letters, which is too long"),
        ("UnCLIPSaveEmbed", {"name": "../secret"}, "no plain file name"),
        ("UnCLIPSaveEmbed", {"name": " "}, "no plain file name"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_runs(node, values, says):
    found = refusals(node, **values)
    assert found and all(says in problem for problem in found)


@pytest.mark.parametrize(
    ("node", "values"),
    [
        *((name, {"steps": 0, "guidance_scale": -1.0}) for name in (*PRIORS, "UnCLIPDecode")),
        ("UnCLIPPrior", {"steps": 1, "scheduler": "ddim"}),
        ("UnCLIPDecode", {"steps": 4, "scheduler": "pndm"}),
        ("UnCLIPDecode", {"steps": 1}),
        ("UnCLIPDecode", {"steps": 0, "scheduler": "pndm"}),
        ("UnCLIPSaveEmbed", {"name": "x" * 243}),
    ],
)
def test_settings_that_work_are_not_refused(node, values):
    assert refusals(node, **values) == []
