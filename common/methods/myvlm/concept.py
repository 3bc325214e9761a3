"""A learned concept: its head, its embedding, and answers about photos with the embedding in place.

Owns the files of a subject:

    head.safetensors         the head (see `heads`)
    embedding.safetensors    keys (n, ·) signals of the train photos, values (1, D) the vector that they all
                             stand for, both float32
    checkpoints.safetensors  {step}.values (1, D), the vector after so many steps
    split.json               photos that the head was trained on, or kept from, and how it does on the latter

MyVLM keeps keys for the decision; only a face head decides by them, a linear head's are its probabilities.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image

from common import vlm
from common.core import images, io
from common.core.errors import UserError
from common.methods.interface import Photos, Request
from common.methods.myvlm import heads
from common.methods.myvlm.captioner import Captioner
from common.methods.myvlm.learn import token_lengths
from common.methods.myvlm.training_pairs import Identifier
from common.methods.respond import answer_group
from common.vlm.image_suffix_tokens import append

FILE, CHECKPOINTS, SPLIT = "embedding.safetensors", "checkpoints.safetensors", "split.json"


@dataclass(frozen=True, eq=False)
class Concept:
    """What was learned of a subject.

    Attributes:
        identifier: its word and token.
        head: decides whether a photo shows it.
        keys: (n, ·) float32.
        values: (1, D) float32, of length 1.
        info: of the embedding's file.

    """

    identifier: Identifier
    head: heads.Head
    keys: torch.Tensor
    values: torch.Tensor
    info: Mapping[str, Any]

    def save(self, folder: Path, steps: Mapping[int, torch.Tensor], split: Mapping[str, Any]) -> None:
        """Write all files; `steps` are the values after each kept number of steps."""
        self.head.save(folder)
        info = {"identifier": self.identifier.word, **self.info}
        io.write_safetensors(folder / FILE, {"keys": self.keys, "values": self.values}, info)
        values = {f"{step}.values": values for step, values in steps.items()}
        io.write_safetensors(folder / CHECKPOINTS, values, info)
        io.write_json(folder / SPLIT, split)

    @classmethod
    def load(cls, folder: Path, base: vlm.Base | Captioner, step: int | None = None) -> "Concept":
        """Read the files, the vector as it was after `step` steps, or at last.

        Raises UserError if they are missing, were made for another base, or the vector was not kept.
        """
        tensors, info = io.read_safetensors(folder / FILE)
        if info["base"] != base.fingerprint:
            raise UserError(
                f"{folder} was fitted to another base model than {base.name}: "
                f"run `dvc repro fit_baseline@{folder.parent.name}`"
            )
        identifier = Identifier(f"<{folder.name}>", info.pop("identifier"))
        values = tensors["values"] if step is None else _values_after(step, folder)
        return cls(identifier, heads.load(folder), tensors["keys"], values, info)


def checkpoints(folder: Path) -> dict[int, torch.Tensor]:
    """The vectors that were kept, (1, D) float32 of length 1, by the steps that they are after."""
    tensors, _ = io.read_safetensors(folder / CHECKPOINTS)
    return {int(name.removesuffix(".values")): values for name, values in tensors.items()}


def _values_after(step: int, folder: Path) -> torch.Tensor:
    """The vector after so many steps; MyVLM's own files count them from 0, so that 99 is the last of 100."""
    kept = checkpoints(folder)
    for number in (step, step + 1):
        if number in kept:
            return kept[number]
    raise UserError(
        f"{folder} keeps no vector after {step} steps: set methods.{folder.parent.name}.checkpoint to one of "
        f"{', '.join(map(str, sorted(kept)))}, or to null for the last"
    )


def stored_bytes(folder: Path) -> int:
    """Size of what answering reads."""
    return sum((folder / name).stat().st_size for name in (heads.FILE, FILE))


class PlacedRequest(NamedTuple):
    """A question, and what the model is given with it.

    Attributes:
        request: as asked.
        concepts: those whose vectors stand with its photo.
        named: whom it may name; a word that two share is taken for the first in the answer.

    """

    request: Request
    concepts: Sequence[Concept]
    named: Sequence[Identifier]

    @property
    def worded(self) -> Request:
        """The request as the model reads it, with words for the tokens of those that it may name."""
        question = reduce(lambda text, who: who.with_word(text), self.named, self.request.question)
        return self.request._replace(question=question)

    def with_tokens(self, answer: vlm.Answer) -> vlm.Answer:
        """The answer as all others write it; see `worded`."""
        return replace(answer, text=reduce(lambda text, who: who.with_token(text), self.named, answer.text))


def answer_placed(
    base: vlm.Base, photos: Photos, placed: Sequence[PlacedRequest], batch_size: int
) -> list[vlm.Answer]:
    """Answer questions about photos with vectors after the image tokens.

    Photos of the same concepts go together, so that a further subject does not change the last bits.

    Args:
        base: the model.
        photos: by key.
        placed: questions, each with a photo and one or more concepts.
        batch_size: photos, and questions, per forward pass.

    """
    worded = [each.worded for each in placed]
    answers: dict[int, vlm.Answer] = {}
    by_concepts: dict[tuple[Concept, ...], dict[str | None, list[int]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for number, each in enumerate(placed):
        by_concepts[tuple(each.concepts)][each.request.photo].append(number)
    for concepts, by_photo in by_concepts.items():
        shown = [photo for photo in photos if photo in by_photo]
        for start in range(0, len(shown), batch_size):
            group = shown[start : start + batch_size]
            pictures = [images.load_image(photos[photo]) for photo in group]
            prefixes = _with_vectors(base, pictures, concepts, batch_size)
            numbers = [number for photo in group for number in by_photo[photo]]
            nothing = [None] * len(placed)
            answers |= answer_group(base, worded, nothing, numbers, group, prefixes, batch_size)
    return [each.with_tokens(answers[number]) for number, each in enumerate(placed)]


def _with_vectors(
    base: vlm.Base, pictures: Sequence[Image.Image], concepts: Sequence[Concept], batch_size: int
) -> vlm.PrefixCache:
    """Prefixes of n pictures with the vectors of m concepts."""
    lengths = [  # m of (n,)
        token_lengths(base, pictures, concept.info["norm"], batch_size) for concept in concepts
    ]
    directions = torch.cat([concept.values for concept in concepts])  # (m, D)
    vectors = torch.stack(lengths, 1).unsqueeze(-1) * directions  # (n, m, D)
    prefixes = vlm.encode_prefixes(base, pictures, batch_size)
    return append(base, prefixes, range(len(pictures)), vlm.to_device(vectors, base.device))
