"""How what a prior or a decoder is given pairs: one to one, or one for all.

========== ============ ===== ==============================================
embeddings beside them  count pictures
========== ============ ===== ==============================================
B          none, B or 1 c     B·c; the c of an embedding are neighbours
1          B            c     B·c: the embedding is for all
B          another                refused, with the numbers
========== ============ ===== ==============================================

Beside them are negatives, texts, negative texts, pictures to start from, masks, hints and noises.
A prior pairs texts, negative texts and the embeddings to start from the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sized

from torch import Tensor

from .errors import UnclipError


def paired(who: str, batches: Mapping[str, Sized | None]) -> int:
    """The size of the batch that all of ``batches`` make, by their names in messages.

    Raises:
        UnclipError: two of them have different sizes, neither of which is 1, or one is empty.
    """
    sizes = {name: len(batch) for name, batch in batches.items() if batch is not None}
    largest = max(sizes.values())
    apart = {name: size for name, size in sizes.items() if size not in (1, largest)}
    if largest and not apart:
        return largest
    most = next(name for name, size in sizes.items() if size == largest)
    first, *others = (f"{size} {name}" for name, size in {most: largest, **apart}.items())
    numbers = " and ".join([", ".join([first, *others[:-1]]), *others[-1:]])
    raise UnclipError(
        f"{who}: {numbers} do not pair; give as many of each, or a single one for all."
    )


def for_each_picture(values: Tensor, embeddings: int, count: int) -> Tensor:
    """A row for each of ``embeddings`` · ``count`` pictures, of rows that pair with embeddings."""
    if len(values) == 1:
        return values.repeat_interleave(embeddings * count, dim=0)
    return values.repeat_interleave(count, dim=0)
