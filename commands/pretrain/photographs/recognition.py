"""Measures recognition by reference photos: of test photos' subjects, and of real subjects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from commands.pretrain.criterion import Criterion
from commands.pretrain.photographs import views
from commands.pretrain.photographs.looks import nearest
from common import vlm
from common.core.images import load_image
from common.prompts.evaluation import parse, recognition_question

NAME = "boka"
TOKEN = f"<{NAME}>"


def recognized(
    base: vlm.Base,
    prefixes: vlm.PrefixCache,
    trials: Sequence[tuple[int, Sequence[int]]],
    references: torch.Tensor,
) -> np.ndarray:
    """Whether the base says Yes, for (photo, references) trials, with each reference in a sentence."""
    queries = [
        vlm.Query(
            recognition_question(NAME),
            photo,
            vlm.InterleavedText.concatenate(
                vlm.InterleavedText(f"{TOKEN} is {vlm.IMAGE_PLACEHOLDER}.", references[[number]])
                for number in chosen
            ),
        )
        for photo, chosen in trials
    ]
    answers = vlm.answer(base, queries, prefixes, max_new_tokens=4, batch_size=64)
    return np.array([parse(answer.text, ("Yes",)) is not None for answer in answers])


def weighted(name: str, yes: np.ndarray, own: np.ndarray, floor: float) -> Criterion:
    """Mean of the shares of own photos accepted and of others rejected."""
    value = float((yes[own].mean() + (~yes[~own]).mean()) / 2)
    return Criterion(name, value, len(yes), floor, 0.5)


def pseudo_subjects(
    base: vlm.Base, images: Sequence[Image.Image], prefixes: vlm.PrefixCache, seed: int
) -> list[Criterion]:
    """Recognition of photos' subjects from another look at the photo, against others and those most alike."""
    torch.manual_seed(seed)
    looks = [views.ANEW(image) for image in images]
    references = vlm.image_tokens(base, looks)
    own = vlm.image_tokens(base, list(images))
    count = len(images)
    alike = nearest(own.mean(1).numpy(), 1)[:, 0]
    strangers = (np.arange(count) + count // 2) % count
    trials = [
        (index, [other])
        for others in (np.arange(count), strangers, alike)
        for index, other in enumerate(others)
    ]
    yes = recognized(base, prefixes, trials, references)
    mine = np.arange(len(trials)) < count
    easy, hard = np.arange(len(trials)) < 2 * count, mine | (np.arange(len(trials)) >= 2 * count)
    return [
        weighted("recognition of Flickr8k's subjects from another look", yes[easy], mine[easy], 0.93),
        weighted("the same, against the photo most alike", yes[hard], mine[hard], 0.0),
    ]


def subjects(base: vlm.Base, folder: Path, rng: np.random.Generator) -> list[Criterion]:
    """Recognition of real subjects, folders of photos beside classes.csv, from one and three references."""
    lines = (folder / "classes.csv").read_text(encoding="utf-8").splitlines()[1:]
    kinds = dict(line.split(",") for line in lines)
    files = [(subject, file) for subject in kinds for file in sorted((folder / subject).glob("*.jpg"))]
    owner = np.array([subject for subject, _ in files])
    kind = np.array([kinds[subject] for subject in owner])
    images = [load_image(file) for _, file in files]
    references, prefixes = vlm.image_tokens(base, images), vlm.encode_prefixes(base, images, 64)
    criteria = []
    for count in (1, 3):
        trials, own, same = [], [], []
        for subject in kinds:
            chosen = rng.permutation(np.flatnonzero(owner == subject))[:count]
            for photo in np.setdiff1d(np.arange(len(files)), chosen):
                trials.append((int(photo), chosen.tolist()))
                own.append(owner[photo] == subject)
                same.append(owner[photo] != subject and kind[photo] == kinds[subject])
        yes, mine, alike = recognized(base, prefixes, trials, references), np.array(own), np.array(same)
        label = f"recognition of real subjects from {count} photo" + "s" * (count > 1)
        criteria.append(weighted(f"{label}, other subjects", yes, mine, 0.93))
        criteria.append(weighted(f"{label}, same class", yes[mine | alike], mine[mine | alike], 0.85))
    return criteria
