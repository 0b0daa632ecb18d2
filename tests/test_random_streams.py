"""Every kind of draw has noise of its own."""

from unclip_graph.pipelines.models.component import Options
from unclip_graph.pipelines.models.loading import load_model


def test_a_negative_prompt_is_sampled_from_noise_of_its_own(tiny_model):
    stages = load_model(tiny_model, Options("cpu"))
    text = stages.text_encoder.encode(["a red heart"])
    image, against = stages.prior.sample(text, text, steps=2)
    assert not image.vectors.allclose(against.vectors, atol=1e-2)
