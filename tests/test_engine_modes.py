"""Image to image, inpainting, depth and emb2emb: equal to diffusers, and what they promise."""

import pytest
import torch
from tiny import WIDTH, write_controlnet_decoder, write_inpainting_decoder
from unclip_graph.pipelines.components import Options
from unclip_graph.pipelines.embeddings import ImageEmbedding
from unclip_graph.pipelines.errors import UnclipError, UnclipWarning
from unclip_graph.pipelines.images import to_pil
from unclip_graph.pipelines.inpainting import kept_latents
from unclip_graph.pipelines.loading import load_model
from unclip_graph.pipelines.randomness import generators

CPU = Options(device="cpu", dtype="float32")
STEPS = 5
SETTINGS = {"num_inference_steps": STEPS, "guidance_scale": 3.0, "output_type": "np"}


def quiet(pipeline):
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("modes")
    return {
        "inpaint": write_inpainting_decoder(root / "tiny-decoder-inpaint"),
        "depth": write_controlnet_decoder(root / "tiny-controlnet-depth"),
    }


@pytest.fixture(scope="module")
def plain(tiny_pair):
    return load_model(tiny_pair[1], CPU)


def pictures(count, edge=16, seed=0):
    levels = torch.randint(0, 256, (count, edge, edge, 3), generator=generators(seed, 1)[0])
    return levels.float() / 255


def embeds(space, count, seed=0):
    draw = generators(seed, 1)[0]
    image, null = (torch.randn(count, WIDTH, generator=draw) for _ in range(2))
    return ImageEmbedding(image, space), ImageEmbedding(null, space)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_image_to_image_equals_the_reference(plain, tiny_pair, count, strength):
    from diffusers import KandinskyV22Img2ImgPipeline

    image, null = embeds(plain.decoder.space, count)
    start = pictures(count)
    expected = quiet(KandinskyV22Img2ImgPipeline.from_pretrained(tiny_pair[1]))(
        image_embeds=image.vectors,
        negative_image_embeds=null.vectors,
        image=to_pil(start),
        strength=strength,
        height=16,
        width=16,
        generator=generators(3, count),
        **SETTINGS,
    ).images
    ours = plain.decoder.decode(
        image,
        null,
        init_image=start,
        strength=strength,
        steps=STEPS,
        guidance_scale=3.0,
        generators=generators(3, count),
    )
    assert ours.equal(torch.from_numpy(expected))


def square_mask(edge=16):
    mask = torch.zeros(1, edge, edge)
    mask[:, 4:10, 6:12] = 1
    return mask


def test_inpainting_decoder_equals_the_reference(folders):
    from diffusers import KandinskyV22InpaintPipeline

    decoder = load_model(folders["inpaint"], CPU).decoder
    image, null = embeds(decoder.space, 1)
    start, mask = pictures(1), square_mask()
    expected = quiet(KandinskyV22InpaintPipeline.from_pretrained(folders["inpaint"]))(
        image_embeds=image.vectors,
        negative_image_embeds=null.vectors,
        image=to_pil(start),
        mask_image=to_pil(mask[..., None]),
        height=16,
        width=16,
        generator=generators(3, 1),
        **SETTINGS,
    ).images
    ours = decoder.decode(
        image,
        null,
        init_image=start,
        mask=mask,
        strength=1.0,
        steps=STEPS,
        guidance_scale=3.0,
        generators=generators(3, 1),
    )
    assert ours.equal(torch.from_numpy(expected))


@pytest.mark.parametrize("count", [1, 2])
def test_depth_decoder_equals_the_reference(folders, count):
    from diffusers import KandinskyV22ControlnetPipeline

    decoder = load_model(folders["depth"], CPU).decoder
    image, null = embeds(decoder.space, count)
    depth = pictures(count, edge=64)  # eight pixels to a latent
    expected = quiet(KandinskyV22ControlnetPipeline.from_pretrained(folders["depth"]))(
        image_embeds=image.vectors,
        negative_image_embeds=null.vectors,
        hint=depth.permute(0, 3, 1, 2),
        height=16,
        width=16,
        generator=generators(3, count),
        **SETTINGS,
    ).images
    ours = decoder.decode(
        image,
        null,
        hint=depth,
        steps=STEPS,
        guidance_scale=3.0,
        generators=generators(3, count),
    )
    assert ours.equal(torch.from_numpy(expected))


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_refining_an_embedding_equals_the_reference(plain, tiny_pair, strength, negative):
    from diffusers import KandinskyV22PriorEmb2EmbPipeline

    pipeline = quiet(KandinskyV22PriorEmb2EmbPipeline.from_pretrained(tiny_pair[0]))
    image, _ = embeds(plain.prior.space, 1)
    # The reference noises the embedding as it is; standardise it there, as we do inside.
    standard = (image.vectors - pipeline.prior.clip_mean) / pipeline.prior.clip_std
    draws = 2 if negative else 1
    expected = pipeline(
        "red",
        image=standard.detach(),
        strength=strength,
        negative_prompt="green" if negative else None,
        num_inference_steps=STEPS,
        guidance_scale=3.0,
        generator=generators(5, draws),
    )
    texts = plain.text_encoder.encode(["red", "green"] if negative else ["red"])
    ours, null = plain.prior.sample(
        texts[:1],
        texts[1:] if negative else None,
        image=image,
        strength=strength,
        steps=STEPS,
        guidance_scale=3.0,
        generators=generators(5, draws),
    )
    assert ours.vectors.equal(expected.image_embeds)
    assert null.vectors.equal(expected.negative_image_embeds)


def test_strength_nought_keeps_the_picture_and_the_embedding(plain):
    image, null = embeds(plain.decoder.space, 1)
    start = pictures(1)
    kept = plain.decoder.decode(image, null, init_image=start, strength=0.0, steps=STEPS)
    again = plain.decoder.decode(image, null, init_image=start, strength=0.0, seed=9, steps=2)
    assert kept.equal(again)
    refined, _ = plain.prior.sample(
        plain.text_encoder.encode(["red"]), image=image, strength=0.0, steps=STEPS
    )
    torch.testing.assert_close(refined.vectors, image.vectors)


def test_a_decoder_without_mask_channels_keeps_what_is_not_masked(plain):
    image, null = embeds(plain.decoder.space, 1)
    start, mask = pictures(1, 32), torch.zeros(1, 32, 32)
    mask[:, :, 16:] = 1
    whole = plain.decoder.decode(image, null, init_image=start, strength=0.0, steps=2)
    drawn = plain.decoder.decode(
        image, null, init_image=start, mask=mask, strength=1.0, steps=STEPS
    )
    change = (drawn - whole).abs().mean((0, 1, 3))
    assert change[:8].max() < change[24:].mean() / 2


def test_masks_reach_one_latent_further(plain):
    mask = torch.zeros(1, 16, 16)
    assert kept_latents(mask, (8, 8)).eq(1).all()
    assert kept_latents(mask + 1, (8, 8)).eq(0).all()
    mask[:, 6:8, 6:8] = 1  # one latent
    kept = kept_latents(mask, (8, 8))
    assert kept[0, 0, 3, 3] == kept[0, 0, 2, 3] == kept[0, 0, 4, 4] == 0
    assert int((1 - kept).sum()) == 7


def test_the_picture_gives_the_size(plain):
    image, null = embeds(plain.decoder.space, 1)
    drawn = plain.decoder.decode(image, null, init_image=pictures(1, 20), steps=2)
    assert drawn.shape == (1, 20, 20, 3)
    drawn = plain.decoder.decode(
        image, null, init_image=pictures(1, 20), steps=2, width=32, height=24
    )
    assert drawn.shape == (1, 24, 32, 3)


def test_the_starting_noise_can_be_given(plain):
    image, null = embeds(plain.decoder.space, 1)
    noise = torch.randn(1, 4, 8, 12, generator=generators(1, 1)[0])
    drawn = plain.decoder.decode(image, null, noise=noise, steps=2, seed=1)
    assert drawn.shape == (1, 16, 24, 3)
    assert drawn.equal(plain.decoder.decode(image, null, noise=noise, steps=2, seed=2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mask": torch.ones(1, 16, 16)}, "a mask needs an init_image"),
        (
            {"mask": torch.ones(1, 8, 16), "init_image": pictures(1)},
            "the mask is 16x8, the init_image 16x16",
        ),
        (
            {"mask": torch.zeros(1, 64, 64), "init_image": pictures(1)},
            "the mask is empty.*Paint a mask",
        ),
        ({"hint": pictures(1)}, "takes no hint"),
        ({"strength": 1.5}, "within 0 and 1"),
        ({"init_image": pictures(3)}, "3 init images do not pair with 2"),
        ({"noise": torch.zeros(1, 9, 8, 8)}, "noise has 9 channels"),
        ({"count": 0}, "count must be 1 or more"),
        ({"width": 0}, "at least 1 pixel"),
    ],
)
def test_what_does_not_fit_is_refused(plain, settings, message):
    with pytest.raises(UnclipError, match=message):
        plain.decoder.decode(*embeds(plain.decoder.space, 2), steps=2, **settings)


def test_a_depth_decoder_wants_a_depth_map(folders):
    decoder = load_model(folders["depth"], CPU).decoder
    with pytest.raises(UnclipError, match="draws after a depth map"):
        decoder.decode(*embeds(decoder.space, 1), steps=2)


def test_a_prompt_for_a_decoder_that_sees_none_is_a_warning(plain):
    text = plain.text_encoder.encode(["red"])
    with pytest.warns(UnclipWarning, match="text_embed has no effect"):
        plain.decoder.decode(*embeds(plain.decoder.space, 1), steps=1, text=text)


def test_an_inpainting_decoder_draws_without_a_mask(folders):
    decoder = load_model(folders["inpaint"], CPU).decoder
    assert decoder.decode(*embeds(decoder.space, 1), steps=2).shape == (1, 16, 16, 3)
