"""One subject from its tables to its head and vector: owns which rows teach what, and the random streams.

The photos as they are and the negatives as they are (split validation) train the head; the same photos, with
what was said about them, teach the vector. Does not own either training (`heads`, `learn`).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from common import vlm
from common.core import images, io, schema
from common.core import seed as seeds
from common.core.conversations import read_conversations
from common.core.errors import UserError
from common.core.io import Row
from common.methods.interface import MethodSubject
from common.methods.myvlm import heads
from common.methods.myvlm.augment import augmented
from common.methods.myvlm.captioner import Captioner
from common.methods.myvlm.captions import before_qformer
from common.methods.myvlm.features import FeatureExtractor
from common.methods.myvlm.fitting_state import FittedHead, FittingState
from common.methods.myvlm.learn import after_image_tokens
from common.methods.myvlm.optimize import ConceptPhoto, optimize
from common.methods.myvlm.own_questions import ask
from common.methods.myvlm.settings import MyVLMSettings
from common.methods.myvlm.training_pairs import Identifier, training_pairs
from common.training.curves import Curves


class ConceptData(NamedTuple):
    """DATASET rows of a subject's unchanged photos and negatives, and its CONVERSATIONS rows."""

    photos: list[Row]
    negatives: list[Row]
    conversations: list[Row]

    @classmethod
    def of(cls, subject: MethodSubject) -> "ConceptData":
        """Read the tables."""
        rows = io.read_parquet(subject.dataset, schema.DATASET).to_pylist()
        both = [
            [row for row in rows if row["split"] == "validation" and row["label"] == label]
            for label in ("yes", "no")
        ]
        return cls(*both, read_conversations(subject.id))


def refuse_untaught(
    subjects: Sequence[MethodSubject], words: Mapping[str, Identifier], name: str, settings: MyVLMSettings
) -> None:
    """Raise UserError for the first subject of whose photos nothing is said that a vector could be taught.

    `words` are the subjects' identifiers by id; `name` is that of the method's section. Its own questions are
    asked later, of any photo.
    """
    if settings.mode == "vqa" and settings.own_questions:
        return
    for subject in subjects:
        conversations = read_conversations(subject.id)
        pairs = training_pairs(words[subject.id], conversations, settings.instruction, settings.mode)
        if not any(pairs.values()):
            raise UserError(
                f"nothing in {subject.conversations} teaches {subject.token}: MyVLM learns from captions "
                "that name the subject, from answers that say what it is and, with mode vqa, from all "
                f"questions; take methods.{name} out of params.yaml, set methods.{name}.mode to vqa, or use "
                "another base model"
            )


def fit_head(
    subject: MethodSubject,
    data: ConceptData,
    features: FeatureExtractor,
    settings: MyVLMSettings,
    seed: int,
    curves: Curves,
) -> FittedHead:
    """The head, the keys of the train photos, and what it was trained on and how it did on the rest.

    Raises UserError if no train photo shows one face alone, where faces are used.
    """
    photos = [_image(row) for row in data.photos]
    if features.feature(subject.kind) == heads.FaceHead.feature:
        faces = features.of(heads.FaceHead.feature, photos)
        keys = torch.from_numpy(heads.own_faces(faces, settings.face_distance))
        if not len(keys):
            raise UserError(
                f"{settings.face_model} finds nobody alone in the train photos of {subject.id}: add a photo "
                "with one face, or set face_model to null"
            )
        return heads.FaceHead(settings.face_distance, keys), keys, {"positives": _sources(data.photos)}

    recipe = settings.head
    rng = seeds.stream(seed, settings.method, subject.id, "head")
    order = rng.permutation(len(data.negatives))
    kept = int(len(order) * recipe.held_out)
    held_out, used = ([data.negatives[i] for i in part] for part in (order[:kept], order[kept:]))

    def views(pictures: Sequence[Image.Image]) -> np.ndarray:
        made = [augmented(pictures[i % len(pictures)], recipe.changes, rng) for i in range(recipe.pictures)]
        return features.of(heads.LinearHead.feature, made)

    head = heads.train(
        views(photos),
        views([_image(row) for row in used]),
        recipe,
        seeds.torch_stream(seed, settings.method, subject.id, "head"),
        curves,
    )
    chances = head.probabilities(features.of(head.feature, photos))
    split = {
        "positives": _sources(data.photos),
        "negatives": _sources(used),
        "held_out": _sources(held_out),
        "recall": _share(chances >= head.level),
    }
    if held_out:
        others = head.probabilities(features.of(head.feature, [_image(row) for row in held_out]))
        split["held_out_rejected"] = _share(others < head.level)
    return head, torch.from_numpy(np.stack([1 - chances, chances], 1)), split


def fit_vector(
    base: vlm.Base | Captioner,
    subject: MethodSubject,
    data: ConceptData,
    identifier: Identifier,
    settings: MyVLMSettings,
    seed: int,
    batch_size: int,
    curves: Curves,
    state: FittingState,
) -> dict[int, torch.Tensor]:
    """The vector after steps, (1, D) float32 (see `optimize`)."""
    own = settings.own_questions if settings.mode == "vqa" else None
    mode = "captioning" if own else settings.mode
    pairs = training_pairs(identifier, data.conversations, settings.instruction, mode)
    if own and isinstance(base, vlm.Base):
        shown = {row["source_sha256"]: _image(row) for row in data.photos}
        for photo, tasks in ask(base, subject, identifier, shown, own, batch_size).items():
            pairs[photo] = [*pairs.get(photo, []), *tasks]
    photos = [
        ConceptPhoto(_image(row), pairs[row["source_sha256"]])
        for row in data.photos
        if pairs.get(row["source_sha256"])
    ]
    rng = seeds.stream(seed, settings.method, subject.id, "vector")
    recipe, title = settings.embedding, f"{settings.method}: {subject.id}"
    if isinstance(base, Captioner):
        prepare = before_qformer(base, batch_size)
    else:
        prepare = after_image_tokens(base, recipe, batch_size, title)
    return optimize(base.hidden_size, base.device, prepare, photos, recipe, rng, title, curves, state)


def _image(row: Row) -> Image.Image:
    return images.load_image(row["image"]["bytes"], row["image"]["path"])


def _sources(rows: Sequence[Row]) -> list[str]:
    return sorted(row["source"] for row in rows)


def _share(hits: np.ndarray) -> float:
    return round(float(hits.mean()), 6)
