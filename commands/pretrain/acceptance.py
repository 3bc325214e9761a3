"""Measures what the base models can do on individuals never seen, and writes the model card.

Every ability is a share of right answers with a 95 % Wilson interval, beside a blind control that gets the
same questions with another individual's photo. Reference photos are asked through transformers' plain
interface.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from commands.pretrain.criterion import Criterion
from commands.pretrain.perception import perception
from commands.pretrain.questions import ask
from common import vlm
from common.prompts.evaluation import recognition_question
from common.world import text
from common.world.attributes import Individual, Scene, draw_individual, draw_scene, lookalike
from common.world.draw import sprite, view

SUBJECT = "boka"
NAME = f"<{SUBJECT}>"
FORMS = ("open", "whole", "probe", "choose")  # of questions


def photograph(who: Individual, scene: Scene, rng: np.random.Generator) -> Image.Image:
    """A photo as users have it."""
    return Image.fromarray(view(sprite(who), scene, rng))


def area(positive: np.ndarray, negative: np.ndarray) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, ties half."""
    difference = positive[:, None] - negative[None]
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))


def questions(
    base: vlm.Base, rng: np.random.Generator, photos: int, each: int, forms: tuple[str, ...], defined: bool
) -> list[Criterion]:
    """Questions about a photo, of each form so many per photo.

    With `defined` a sentence before them defines a name: that of whom the photo shows, in every other photo,
    or of somebody else. It should change nothing.
    """
    shown = [(draw_individual(rng), draw_scene(rng)) for _ in range(photos)]
    names = [
        text.definition(NAME, draw_individual(rng) if index % 2 else who)
        for index, (who, _) in enumerate(shown)
    ]
    prefixes = vlm.encode_prefixes(base, [photograph(*pair, rng) for pair in shown], 64)
    criteria = []
    for form in forms:
        asked = [
            (index, *ask(form, "the subject", *shown[index], rng))
            for index in range(photos)
            for _ in range(each)
        ]
        wanted = [answer for *_, answer in asked]

        def right(shift: int, asked: list = asked, wanted: list = wanted) -> float:
            queries = [
                vlm.Query(question, (index + shift) % photos, names[index] if defined else None)
                for index, question, _ in asked
            ]
            answers = vlm.answer(base, queries, prefixes, max_new_tokens=24, batch_size=64)
            return float(np.mean([answer.text == want for answer, want in zip(answers, wanted, strict=True)]))

        label = f"photo, a name defined: {form}" if defined else f"photo: {form}"
        criteria.append(Criterion(label, right(0), len(asked), 0.92, right(1)))
    return criteria


def text_only(base: vlm.Base, rng: np.random.Generator, people: int) -> list[Criterion]:
    """Questions about a name that a sentence defines; blind means that another's sentence defines it."""
    drawn = [draw_individual(rng) for _ in range(people)]
    unused = vlm.encode_prefixes(base, [photograph(drawn[0], draw_scene(rng), rng)], 1)
    asked = [(index, *ask(form, NAME, drawn[index], None, rng)) for index in range(people) for form in FORMS]

    def right(shift: int) -> float:
        queries = [
            vlm.Query(question, None, text.definition(NAME, drawn[(index + shift) % people]))
            for index, question, _ in asked
        ]
        answers = vlm.answer(base, queries, unused, max_new_tokens=24, batch_size=64)
        return float(
            np.mean([answer.text == want for answer, (*_, want) in zip(answers, asked, strict=True)])
        )

    return [Criterion("text only, from a sentence", right(0), len(asked), 0.95, right(1))]


def cast(rng: np.random.Generator, people: int) -> list[tuple[Individual, list[tuple[str, Individual]]]]:
    """Individuals, each with itself twice and with one of each kind of other."""
    result = []
    for _ in range(people):
        who = draw_individual(rng)
        others = [("self", who)] * 4 + [("stranger", draw_individual(rng))]
        others += [
            (group, lookalike(who, rng, changed))
            for group, changed in (("marking", 0), ("one", 1), ("two", 2))
        ]
        result.append((who, others))
    return result


Asker = Callable[[list[Image.Image], list[Individual], list[Image.Image]], tuple[list[bool], np.ndarray]]


def recognition(
    name: str, asker: Asker, rng: np.random.Generator, people: int, groups: tuple[str, ...]
) -> list[Criterion]:
    """Weighted accuracy over `groups` of negatives and, by photo, the AUC for markings alone."""
    trials = [(who, group, shown) for who, others in cast(rng, people) for group, shown in others]
    images = [photograph(shown, draw_scene(rng), rng) for *_, shown in trials]
    references = [photograph(who, draw_scene(rng), rng) for who, *_ in trials]
    said_yes, scores = asker(images, [who for who, *_ in trials], references)
    said, group = np.array(said_yes), np.array([group for _, group, _ in trials])
    mine, others = group == "self", np.isin(group, groups)
    weighted = float((said[mine].mean() + (~said[others]).mean()) / 2)
    floor = 0.85 if "marking" in groups else 0.80
    criteria = [
        Criterion(
            f"recognition from a {name}, weighted", weighted, int(mine.sum() + others.sum()), floor, 0.5
        )
    ]
    for one in dict.fromkeys(group):
        rate = said[group == one].mean() if one == "self" else (~said[group == one]).mean()
        criteria.append(
            Criterion(
                f"recognition from a {name}: {one} right", float(rate), int((group == one).sum()), 0.0, None
            )
        )
    if "marking" in groups:
        auc = area(scores[mine], scores[group == "marking"])
        criteria.append(
            Criterion(
                f"recognition from a {name}: AUC against marking-only lookalikes", auc, people, 0.85, 0.5
            )
        )
    return criteria


def by_sentence(base: vlm.Base) -> Asker:
    """Asks with the defining sentence where a soft prompt would stand."""

    def asker(images: list, people: list, references: list) -> tuple[list[bool], np.ndarray]:
        prefixes = vlm.encode_prefixes(base, images, 64)
        question = recognition_question(SUBJECT)
        queries = [vlm.Query(question, i, text.definition(NAME, who)) for i, who in enumerate(people)]
        answers = vlm.answer(base, queries, prefixes, max_new_tokens=4, batch_size=64)
        return [answer.text == "Yes" for answer in answers], np.array(
            [answer.probabilities[0] for answer in answers]
        )

    return asker


@torch.no_grad()
def by_photo(base: vlm.Base) -> Asker:
    """Asks with a second photo in the prompt, through the processor and the plain forward."""

    def asker(images: list, people: list, references: list) -> tuple[list[bool], np.ndarray]:
        yes, no = (base.layout.first_id(word) for word in ("Yes", "No"))
        prompt = f"USER: <image>\n{NAME} is <image>. {recognition_question(SUBJECT)} ASSISTANT:"
        said, scores = [], []
        for start in range(0, len(images), 50):
            pairs = list(zip(images[start : start + 50], references[start : start + 50], strict=True))
            batch = base.processor(
                text=[prompt] * len(pairs),
                images=[photo for pair in pairs for photo in pair],
                return_tensors="pt",
            )
            with torch.no_grad():
                logits = base.model(**batch, logits_to_keep=1).logits[:, -1]
            said += (logits.argmax(-1) == yes).tolist()
            scores.append((logits[:, yes] - logits[:, no]).float().numpy())
        return said, np.concatenate(scores)

    return asker


def measure(folder: Path, seed: int, size: int = 200) -> list[Criterion]:
    """All gates of the models in `folder/clip` and `folder/llava`, on `size` individuals each."""
    rng = np.random.default_rng((seed, 99))
    base = vlm.load(str(folder / "llava"), None, system="", dtype="float32", device="cpu")
    return [
        *perception(folder, rng),
        *questions(base, rng, size, 3, (*FORMS, "presence"), defined=False),
        *text_only(base, rng, size),
        *recognition("sentence", by_sentence(base), rng, size, ("one", "two", "stranger")),
        *recognition("photo", by_photo(base), rng, size, ("marking", "one", "two", "stranger")),
        *questions(base, rng, size, 3, ("open", "probe", "choose", "presence"), defined=True),
    ]
