"""Karlo: equal to diffusers' pipelines, stage by stage with the same generators."""

import functools

import pytest
import torch
from tiny_families import karlo_pipeline, write_karlo
from unclip_graph.pipelines.components import Options
from unclip_graph.pipelines.errors import ModelError, UnclipError
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.randomness import generators

CPU = Options(device="cpu", dtype="float32")
STEPS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_karlo(tmp_path_factory.mktemp("karlo") / "tiny-karlo")


@pytest.fixture(scope="module")
def variations(tmp_path_factory):
    return write_karlo(tmp_path_factory.mktemp("karlo") / "tiny-variations", variation=True)


@pytest.fixture
def small_pictures(monkeypatch):
    """What the references hand to their super-resolution."""
    seen = []
    enlarge = torch.nn.functional.interpolate

    @functools.wraps(enlarge)
    def kept(picture, *args, **kwargs):
        if kwargs.get("mode") == "bicubic":
            seen.append((picture * 0.5 + 0.5).clamp(0, 1).permute(0, 2, 3, 1))
        return enlarge(picture, *args, **kwargs)

    monkeypatch.setattr(torch.nn.functional, "interpolate", kept)
    return seen


# The small picture travels as 0..1 instead of -1..1, which rounds its last bit; networks
# with random weights amplify that.
UPSCALED = 2e-3


@pytest.mark.parametrize("prompts", [["red"], ["red", "a blue star"]])
def test_text_to_image_equals_the_reference(folder, prompts, small_pictures):
    count = len(prompts)
    expected = karlo_pipeline(folder)(
        prompts,
        prior_num_inference_steps=STEPS,
        decoder_num_inference_steps=STEPS,
        super_res_num_inference_steps=STEPS,
        prior_guidance_scale=4.0,
        decoder_guidance_scale=8.0,
        generator=generators(3, count),
        output_type="np",
    ).images
    stages, draws = load_model(folder, CPU), generators(3, count)
    text = stages.text_encoder.encode(prompts)
    image, null = stages.prior.sample(text, steps=STEPS, guidance_scale=4.0, generators=draws)
    small = stages.decoder.decode(
        image, null, text=text, steps=STEPS, guidance_scale=8.0, generators=draws
    )
    assert small.equal(small_pictures[0])
    large = stages.decoder.upscale(small, steps=STEPS, generators=draws)
    assert (large - torch.from_numpy(expected)).abs().max() < UPSCALED


def test_image_variation_equals_the_reference(variations, small_pictures):
    embeds = torch.randn(2, 32, generator=generators(1, 1)[0])
    expected = karlo_pipeline(variations)(
        image_embeddings=embeds,
        decoder_num_inference_steps=STEPS,
        super_res_num_inference_steps=STEPS,
        decoder_guidance_scale=8.0,
        generator=generators(3, 2),
        output_type="np",
    ).images
    stages, draws = load_model(variations, CPU), generators(3, 2)
    image = stages.image_encoder.encode(torch.rand(2, 40, 40, 3))
    image = type(image)(embeds, image.space)
    small = stages.decoder.decode(image, steps=STEPS, guidance_scale=8.0, generators=draws)
    large = stages.decoder.upscale(small, steps=STEPS, generators=draws)
    assert small.equal(small_pictures[0])
    assert (large - torch.from_numpy(expected)).abs().max() < UPSCALED


def test_variations_have_no_prior(variations):
    with pytest.raises(ModelError, match="has no prior"):
        load_model(variations, CPU).prior.sample(None)


def test_the_prompt_matters_to_the_decoder(folder):
    stages = load_model(folder, CPU)
    text = stages.text_encoder.encode(["red"])
    image, null = stages.prior.sample(text, steps=2)
    told = stages.decoder.decode(image, null, text=text, steps=2)
    assert not told.equal(stages.decoder.decode(image, null, steps=2))
    assert stages.decoder.decode(image, null, text=text, count=3, steps=2).shape[0] == 3


def test_a_picture_or_a_part_of_it_can_be_redrawn(folder):
    stages = load_model(folder, CPU)
    image, null = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    start, mask = torch.rand(1, 16, 16, 3), torch.zeros(1, 16, 16)
    kept = stages.decoder.decode(image, null, init_image=start, strength=0.0, steps=2)
    torch.testing.assert_close(kept, start, atol=1e-6, rtol=0)
    mask[:, :, 8:] = 1
    drawn = stages.decoder.decode(image, null, init_image=start, mask=mask, strength=1.0, steps=3)
    torch.testing.assert_close(drawn[:, :, :6], start[:, :, :6], atol=1e-6, rtol=0)
    assert (drawn - start)[:, :, 10:].abs().mean() > 0.05


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 32}, "draws 16x16 pixels; set width to 0"),
        ({"hint": torch.rand(1, 16, 16, 3)}, "takes no hint"),
        ({"scheduler": "euler"}, "Unknown scheduler"),
    ],
)
def test_what_does_not_fit_is_refused(folder, settings, message):
    stages = load_model(folder, CPU)
    image, null = stages.prior.sample(stages.text_encoder.encode(["red"]), steps=2)
    with pytest.raises(UnclipError, match=message):
        stages.decoder.decode(image, null, steps=2, **settings)


def test_only_a_cascade_upscales(tiny_pair):
    decoder = load_model(tiny_pair[1], CPU).decoder
    with pytest.raises(UnclipError, match="no super-resolution of its own"):
        decoder.upscale(torch.rand(1, 16, 16, 3))
