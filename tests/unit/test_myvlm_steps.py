"""What the steps of a concept embedding see: every caption of a photo, each photo once, changed views."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from common.methods.myvlm.optimize import ConceptPhoto, Losses, optimize
from common.methods.myvlm.settings import Changes, Embeddings
from common.methods.myvlm.training_pairs import Identifier, Pair, training_pairs
from common.training.curves import Curves
from tests.support.vlm_helpers import noise_images

RECIPE = Embeddings(
    steps=60,
    batch_size=2,
    learning_rate=0.1,
    weight_decay=0.0,
    clip=1.0,
    norm="patch",
    penalty="paid",
    penalty_weight=0.5,
    checkpoints=25,
    changes=Changes(flip=0.5, brightness=0.6, rotation=45),
)
CAPTIONS = [f"<bo> is next to {thing}." for thing in ("a tree", "a ball", "a cat", "it", "us")]


class Seen:
    """Losses that pull the vector to the first axis, and what they were prepared with."""

    def prepare(
        self, views: Sequence[Image.Image], pairs: Sequence[Pair], steps: Sequence[Sequence[int]]
    ) -> Losses:
        self.views, self.pairs, self.steps = views, pairs, steps
        return lambda step, vector: (1 - vector[0, 0], vector[0, 1] ** 2)


def photos() -> list[ConceptPhoto]:
    rows = [
        {"kind": "caption", "photo_sha256": photo, "question": "", "answer": text}
        for photo in "12"
        for text in CAPTIONS
    ]
    pairs = training_pairs(Identifier.of("bo", "sks"), rows, "Caption {identifier}.", "captioning")
    return [ConceptPhoto(image, pairs[name]) for name, image in zip("12", noise_images(2), strict=True)]


def learned(seed: int = 0) -> tuple[dict[int, torch.Tensor], Seen]:
    seen, rng = Seen(), np.random.default_rng(seed)
    kept = optimize(4, torch.device("cpu"), seen.prepare, photos(), RECIPE, rng, "bo", Curves("bo"))
    return kept, seen


def test_every_caption_of_a_photo_is_drawn_about_as_often() -> None:
    _, seen = learned()
    drawn = Counter(seen.pairs)
    assert set(drawn) == {("Caption sks.", text.replace("<bo>", "sks")) for text in CAPTIONS}
    assert all(abs(count - 24) < 4 * 24**0.5 for count in drawn.values())  # of 120, four deviations


def test_a_step_takes_each_photo_once_and_every_view_is_another() -> None:
    _, seen = learned()
    assert seen.steps == [[2 * step, 2 * step + 1] for step in range(60)]
    first, second = (np.asarray(image).mean() for image in noise_images(2))
    assert first != second and len({view.tobytes() for view in seen.views}) == 120


def test_the_same_stream_draws_the_same_and_another_does_not() -> None:
    (kept, seen), (again, same), (_, other) = learned(), learned(), learned(1)
    assert seen.pairs == same.pairs and all(torch.equal(kept[step], again[step]) for step in kept)
    assert seen.pairs != other.pairs


def test_vectors_are_kept_after_steps_and_are_where_the_loss_wants_them() -> None:
    kept, _ = learned()
    assert list(kept) == [25, 50, 60]
    assert all(float(vector[0, 0]) > 0.99 for vector in kept.values())
    assert all(abs(float(vector.norm()) - 1) < 1e-5 for vector in kept.values())
