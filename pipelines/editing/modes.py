"""The choices that edits offer; apart from them, because menus list these without torch."""

from __future__ import annotations

from typing import Literal

BlendMode = Literal["spherical", "linear"]
FrameMode = Literal["fixed", "path", "fresh"]
RerankMode = Literal["similarity", "diversity"]
Operation = Literal["add", "subtract", "project out", "match length", "scale", "normalise"]
