"""Steps and guidance that nobody names are the model's: its folder's or its family's."""

import dataclasses
import inspect
import json
import shutil

import diffusers
import pytest
import torch
from parity.cases import folder
from tiny import generators
from unclip_graph.pipelines.errors import ModelError
from unclip_graph.pipelines.loading import DEMO_MODEL, PACKAGE_MODELS, load_model
from unclip_graph.pipelines.models.component import Options
from unclip_graph.pipelines.stages import DecodeOptions, DecodeSettings, StageDefaults

CPU = Options(device="cpu", dtype="float32")

# folder -> stage -> (diffusers' pipeline, what its arguments begin with)
PUBLISHED = {
    "kandinsky22": {
        "prior": ("KandinskyV22PriorPipeline", ""),
        "decoder": ("KandinskyV22Pipeline", ""),
    },
    "inpaint": {"decoder": ("KandinskyV22InpaintPipeline", "")},
    "depth": {"decoder": ("KandinskyV22ControlnetPipeline", "")},
    "kandinsky21": {"prior": ("KandinskyPriorPipeline", ""), "decoder": ("KandinskyPipeline", "")},
    "karlo": {"prior": ("UnCLIPPipeline", "prior_"), "decoder": ("UnCLIPPipeline", "decoder_")},
    "karlo variations": {"decoder": ("UnCLIPImageVariationPipeline", "decoder_")},
    "stable text": {
        "prior": ("StableUnCLIPPipeline", "prior_"),
        "decoder": ("StableUnCLIPPipeline", ""),
    },
    "stable image": {"decoder": ("StableUnCLIPImg2ImgPipeline", "")},
    "variations": {"decoder": ("StableDiffusionImageVariationPipeline", "")},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_family_has_the_defaults_of_diffusers(name):
    stages = load_model(folder(name), CPU)
    for stage, (pipeline, prefix) in PUBLISHED[name].items():
        theirs = inspect.signature(getattr(diffusers, pipeline).__call__).parameters
        assert getattr(stages, stage).defaults == StageDefaults(
            theirs[f"{prefix}num_inference_steps"].default,
            theirs[f"{prefix}guidance_scale"].default,
        )


def test_karlo_enlarges_in_as_many_steps_as_diffusers():
    from unclip_graph.pipelines.decode.super_resolution import STEPS

    theirs = inspect.signature(diffusers.UnCLIPPipeline.__call__).parameters
    assert theirs["super_res_num_inference_steps"].default == STEPS


@pytest.fixture
def tuned(tiny_copy):
    """A model folder that says its own."""

    def write(settings):
        index = tiny_copy / "model_index.json"
        content = json.loads(index.read_text()) | {"_default_settings": settings}
        index.write_text(json.dumps(content))
        return load_model(tiny_copy, CPU)

    return write


def test_what_a_caller_leaves_out_is_the_models_own(tuned):
    stages = tuned(
        {
            "prior": {"steps": 3, "guidance_scale": 2.5},
            "decoder": {"steps": 4, "guidance_scale": 1.5},
        }
    )
    text = stages.text_encoder.encode(["red"])
    image, against = stages.prior.sample(text)
    same, _ = stages.prior.sample(text, steps=3, guidance_scale=2.5)
    assert image.vectors.equal(same.vectors)
    pictures = stages.decoder.decode(image, against)
    assert pictures.equal(stages.decoder.decode(image, against, steps=4, guidance_scale=1.5))
    assert pictures.equal(stages.decoder.decode(image, against, steps=None, guidance_scale=None))
    found = stages.decoder.invert(pictures, image)
    assert found.equal(stages.decoder.invert(pictures, image, steps=4))


def test_guidance_of_nought_and_one_mean_none_not_the_models_own(tuned):
    stages = tuned({"decoder": {"steps": 2, "guidance_scale": 3.0}})
    image, against = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    off, nought, own = (
        stages.decoder.decode(image, against, guidance_scale=scale, generators=generators(1, 1))
        for scale in (1.0, 0.0, None)
    )
    assert off.equal(nought)
    assert not torch.allclose(off, own, atol=1e-3)


def test_a_folder_may_state_one_setting_of_one_stage(tuned):
    stages = tuned({"prior": {"steps": 3}})
    assert stages.prior.defaults == StageDefaults(3, 4.0)
    assert stages.decoder.defaults == StageDefaults(100, 4.0)


def test_the_folder_of_a_prior_states_its_own_to_the_decoder_beside_it(tmp_path):
    for name, prior in (("kandinsky21", "tiny-2-1-prior"), ("kandinsky22", "tiny-2-2-prior")):
        decoder = shutil.copytree(folder(name), tmp_path / name / folder(name).name)
        beside = shutil.copytree(folder(name).with_name(prior), tmp_path / name / prior)
        index = json.loads((beside / "model_index.json").read_text())
        index["_default_settings"] = {"prior": {"steps": 6, "guidance_scale": 2.0}}
        (beside / "model_index.json").write_text(json.dumps(index))
        stages = load_model(decoder, CPU)
        assert stages.prior.defaults == StageDefaults(6, 2.0)
        assert stages.decoder.defaults == StageDefaults(100, 4.0)


@pytest.mark.parametrize(
    "settings",
    [
        [],
        {"prior": 3},
        {"prior": {"steps": 0}},
        {"prior": {"steps": 2.5}},
        {"prior": {"steps": True}},
        {"prior": {"guidance_scale": float("nan")}},
        {"prior": {"guidance_scale": "2"}},
        {"prior": {"num_inference_steps": 3}},
    ],
)
def test_settings_that_are_none_are_refused_by_name(tuned, settings):
    with pytest.raises(ModelError, match=r"_default_settings in model_index\.json must be like"):
        tuned(settings)


def test_the_demo_model_states_its_own_and_diffusers_passes_over_it(caplog):
    stages = load_model(PACKAGE_MODELS / DEMO_MODEL, CPU)
    assert stages.prior.defaults == StageDefaults(10, 2.0)
    assert stages.decoder.defaults == StageDefaults(25, 3.0)
    log = diffusers.utils.logging.get_logger("diffusers")
    log.addHandler(caplog.handler)
    try:
        diffusers.DiffusionPipeline.from_pretrained(PACKAGE_MODELS / DEMO_MODEL)
    finally:
        log.removeHandler(caplog.handler)
    assert "_default_settings" not in caplog.text and "not expected" not in caplog.text


def test_the_keywords_of_a_decoder_are_its_settings():
    """The keywords are what an editor completes; the settings are what a decoder reads."""
    fields = dataclasses.fields(DecodeSettings)
    assert list(DecodeOptions.__annotations__) == [field.name for field in fields]


def test_a_setting_of_another_library_is_refused_before_anything_runs(tiny_model):
    stages = load_model(tiny_model, CPU)
    image, _ = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    with pytest.raises(TypeError, match="num_inference_steps"):
        stages.decoder.decode(image, num_inference_steps=2)
