"""Photos among the words of a suffix: sentences with photos in them, and where the photos' image tokens go.

A photo before everything else belongs to the prefix (`prefix`); one that follows something learned, or that
explains a name, is computed with the suffix: its image tokens, which the vision tower gives once, stand at
the positions of the image token.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from common.vlm.kv_cache import PrefixBatch
from common.vlm.prefix_cache import PrefixCache

IMAGE_PLACEHOLDER = "\ufffc"  # a photo's place in a sentence: Unicode's character for an object in a text


@dataclass(frozen=True, eq=False)
class InterleavedText:
    """A sentence with photos, such as ``<bo> is <image>.``, as a definition.

    Attributes:
        text: with `IMAGE_PLACEHOLDER` in the place of each photo.
        photos: (n, P, D) float32, their image tokens in the order in which they come.

    """

    text: str
    photos: torch.Tensor

    def written(self, image_token: str) -> str:
        """Write one image token for each of a photo's P into the text."""
        return self.text.replace(IMAGE_PLACEHOLDER, image_token * self.photos.shape[1])

    @classmethod
    def concatenate(cls, parts: "Iterable[InterleavedText]") -> "InterleavedText":
        """Put several one after another."""
        parts = list(parts)
        return cls(" ".join(part.text for part in parts), torch.cat([part.photos for part in parts]))


@dataclass(frozen=True, eq=False)
class ImageTokenCache:
    """Image tokens of n photos, for a layout that has the photo in the suffix; used as a `PrefixCache` is.

    Attributes:
        before: of the text that all rows begin with, without images.
        photos: (n, P, D) float32 on the CPU.

    """

    before: PrefixCache
    photos: torch.Tensor

    def __len__(self) -> int:
        """Count the photos."""
        return len(self.photos)

    def shared(self, index: int | None) -> int:
        """None that are worth it: the photo stands in the suffix, as in `PrefixCache.shared`."""
        return 0

    def select(self, indices: Sequence[int]) -> "ImageTokenCache":
        """Give only these photos, in this order."""
        return replace(self, photos=self.photos[list(indices)])

    def batches(self, order: Iterable[Sequence[int | None]], extra_slots: int = 0) -> Iterator[PrefixBatch]:
        """Batch after batch, each with the tokens of its rows' photos; see `PrefixCache.batches`."""
        for rows in order:
            (batch,) = self.before.batches([[None] * len(rows)], extra_slots)
            shown = tuple(None if row is None else self.photos[row] for row in rows)
            yield replace(batch, photos=shown)


def image_rows(photos_of: Sequence[torch.Tensor | None], prefixes: PrefixBatch) -> torch.Tensor | None:
    """Gather the image tokens of B suffixes in the order of their positions.

    Args:
        photos_of: of each suffix, (n, P, D) float32 of the photos in its sentence, or None.
        prefixes: of the B rows, whose photos may stand in the suffix as well.

    Returns:
        (N, D) float32 on the CPU; None where there are none.

    """
    shown = prefixes.photos or [None] * len(photos_of)
    pairs = zip(photos_of, shown, strict=True)
    parts = [photos.flatten(0, -2) for pair in pairs for photos in pair if photos is not None]
    return torch.cat(parts) if parts else None
