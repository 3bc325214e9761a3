"""One subject of a variant: which rows of the dataset it learns from, where it begins, and learning itself.

Does not own the steps (`stages.learning`), the initial values (`start`) or captions (`captions`).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from stages import vlm
from stages.core import io, samples, schema
from stages.core.errors import UserError
from stages.learning.learn import learn, start, unchanged
from stages.learning.steps import Recipe
from stages.methods.interface import Subject, Tools
from stages.methods.soft_prompt_variant.captions import captioned
from stages.methods.soft_prompt_variant.start import pooled, words

if TYPE_CHECKING:
    from stages.methods.soft_prompt_variant import Settings

OWN = {"method", "title", "placement", "head", "photos", "captions", "data"}  # settings that no recipe has


def learned(
    base: vlm.Base, subject: Subject, settings: "Settings", section: str, tools: Tools
) -> vlm.SoftPrompt:
    """The rows of the best epoch.

    Raises UserError when the subject has fewer photos than the section asks for, or the loss diverges.
    """
    recipe = Recipe(seed=tools.seed, scored_at_once=tools.batch_size, **settings.model_dump(exclude=OWN))
    rows = samples.read(subject.dataset, **settings.data.model_dump())
    lesson = samples.Lesson.of(of_photos(rows, settings.photos, subject, section), settings.balance)
    said = io.read_parquet(subject.conversations, schema.CONVERSATIONS).to_pylist()
    description = next(row["answer"] for row in said if row["kind"] == "description_short")
    if settings.captions:
        more = captioned(tools.base(), subject, lesson, description, settings.captions, tools)
        lesson = replace(lesson, training=[*lesson.training, *more])

    first = start(base, subject.id, lesson, recipe, whole_head=settings.head == "all")
    if settings.initial == "words":
        first = words(base, first, description)
    elif settings.initial == "pooled":
        first = pooled(first, unchanged(base, lesson, True, recipe))
    prompt, _ = learn(base, {subject.id: lesson}, recipe, {subject.id: first})[subject.id]
    prompt.info["data"] = {"sha256": io.sha256_file(subject.dataset), **settings.data.model_dump()}
    prompt.info["variant"] = settings.model_dump(include={"placement", "head", "photos", "captions"})
    return prompt


def of_photos(
    rows: Sequence[samples.Row], count: int | None, subject: Subject, section: str
) -> list[samples.Row]:
    """Rows of a dataset that come of the first `count` train photos by name, and all negatives.

    The negatives are those that look like any of the photos. Raises UserError if there are fewer photos.
    """
    positives = [row for row in rows if row["role"] == "positive"]
    photos = dict(sorted({(PurePath(row["source"]).name, row["source_sha256"]) for row in positives}))
    if count is not None and count > len(photos):
        raise UserError(
            f"{subject.id} has {len(photos)} train photos, but methods.{section}.photos is {count}: "
            f"set it to {len(photos)} or less"
        )
    used = set(list(photos.values())[:count])
    return [row for row in rows if row["role"] not in ("positive", "text") or row["source_sha256"] in used]
