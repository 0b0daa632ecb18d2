"""The page that shows unCLIP whole draws what the engine draws."""

import runpy
import sys
from pathlib import Path

import torch
from PIL import Image
from unclip_graph import UnCLIP

PAGE = Path(__file__).resolve().parent.parent / "examples" / "one_page.py"
PROMPT = "a large red circle on a white background"


def test_one_page_draws_the_engines_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(PAGE), PROMPT, str(tmp_path / "a.png")])
    try:
        runpy.run_path(str(PAGE))
    finally:
        torch.set_grad_enabled(True)
    model = UnCLIP.from_pretrained(device="cpu", dtype="float32")
    (expected,) = model(PROMPT, generator=torch.Generator().manual_seed(0)).images
    assert Image.open(tmp_path / "a.png").tobytes() == expected.tobytes()


def test_one_page_stays_one_page():
    assert len(PAGE.read_text("utf-8").splitlines()) <= 60
