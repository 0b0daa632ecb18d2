"""While a prior samples, a plot shows how alike its embedding is to the prompt."""

import numpy as np
import torch
from unclip_graph.pipelines.loading import DEMO_MODEL, PACKAGE_MODELS, load_model
from unclip_graph.pipelines.models.component import Options
from unclip_graph.pipelines.prior.trace import SIZE, Trace


def test_the_prior_shows_a_plot_that_grows_and_changes_nothing():
    model = load_model(PACKAGE_MODELS / DEMO_MODEL, Options("cpu"))
    text = model.text_encoder.encode(["a red circle", "a blue star"])
    shown = []

    def progress(step, total, preview=None):
        if preview and step in (2, total):
            shown.append(np.asarray(preview()))

    watched, _ = model.prior.sample(text, seed=3, steps=6, progress=progress)
    alone, _ = model.prior.sample(text, seed=3, steps=6)
    assert watched.vectors.equal(alone.vectors)
    early, late = (np.argwhere(picture.max(2) - picture.min(2) > 60) for picture in shown)
    assert shown[0].shape == (SIZE[1], SIZE[0], 3)
    assert early[:, 1].max() < late[:, 1].max()  # the lines have gone on to the right


def test_the_line_ends_as_high_as_the_cosine():
    text = torch.eye(2)[:1]
    for samples, top in ((text, True), (-text, False)):
        trace = Trace(text, lambda x: x, 4)
        for step in range(4):
            trace.keep(step, samples)
        picture = np.asarray(trace.picture(samples))
        rows = np.argwhere(picture.max(2) - picture.min(2) > 60)[:, 0]
        assert (rows.mean() < SIZE[1] / 2) == top


def test_what_is_no_number_is_drawn_as_zero():
    trace = Trace(torch.eye(2)[:1], lambda x: x, 2)
    trace.keep(0, torch.full((1, 2), torch.nan))
    assert trace.picture(torch.zeros(1, 2)).size == SIZE
