"""Whether a picture is like those that a vision tower was trained on.

A small tower's embeddings do not tell: it sees a shape in a photo and embeds that, as near to
others as any. What its last layer says of the patches, averaged over them, does tell. The
distance is Mahalanobis' (as in Lee et al. 2018, https://arxiv.org/abs/1807.03888).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import ModelError

FAMILIAR_FILE = "familiar.safetensors"


def seen(states: Tensor) -> Tensor:
    """The mean [B, C] of a tower's last states [B, 1 + patches, C], without the class token."""
    return states[:, 1:].float().mean(1).cpu()


@dataclass(frozen=True)
class Familiar:
    """How what a tower sees of its training pictures is spread.

    Attributes:
        mean: of ``seen`` [C].
        precision: the inverse of its covariance [C, C].
        limit: the distance that hardly any of them has.
    """

    mean: Tensor
    precision: Tensor
    limit: Tensor

    @classmethod
    def of(cls, processor: Path) -> Familiar | None:
        """What the folder of an image processor holds; None for models that do not say.

        Raises:
            ModelError: the file cannot be read.
        """
        path = processor / FAMILIAR_FILE
        if not path.is_file():
            return None
        from safetensors.torch import load_file

        try:
            return cls(**load_file(path))
        # The safetensors library raises an exception of its own for a corrupt file.
        except Exception as error:
            raise ModelError(f"{path} cannot be read: {error}. Copy it again.") from error

    @classmethod
    def fitted(cls, examples: Tensor, others: Tensor, share: float = 0.995) -> Familiar:
        """The spread of ``examples`` [N, C]; a ``share`` of ``others`` lies within the limit."""
        mean = examples.mean(0)
        covariance = torch.cov(examples.T.double())
        covariance += 1e-3 * torch.diag(torch.diag(covariance))
        familiar = cls(
            mean, torch.linalg.inv(covariance).float().contiguous(), torch.tensor(torch.inf)
        )
        return cls(mean, familiar.precision, torch.quantile(familiar.distance(others), share))

    def distance(self, seen: Tensor) -> Tensor:
        """How far from the mean [B], in deviations."""
        away = seen - self.mean
        return torch.einsum("bi,ij,bj->b", away, self.precision, away).clamp(min=0).sqrt()

    def save(self, processor: Path) -> None:
        """Write it into the folder of the image processor."""
        from safetensors.torch import save_file

        save_file(dict(vars(self)), processor / FAMILIAR_FILE)
