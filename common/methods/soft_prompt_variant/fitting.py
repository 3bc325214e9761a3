"""One subject of a variant: which rows of the dataset it learns from, where it begins, and learning itself.

Does not own the steps (`common.training`), the initial values (`start`) or captions (`captions`).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from common import vlm
from common.core import io
from common.core.conversations import descriptions, read_conversations
from common.core.errors import UserError
from common.methods.interface import Backbones, MethodSubject
from common.methods.soft_prompt_variant.captions import captioned
from common.methods.soft_prompt_variant.settings import VariantSettings
from common.methods.soft_prompt_variant.start import init_from_pooled_images, init_from_words
from common.training import samples
from common.training.learn import initial_prompt, learn, original_image_tokens
from common.training.recipe import TrainingRecipe

OWN = {"method", "title", "placement", "head", "photos", "captions", "data"}  # settings that no recipe has


def fit_subject(
    base: vlm.Base, subject: MethodSubject, settings: VariantSettings, section: str, backbones: Backbones
) -> vlm.SoftPrompt:
    """The rows of the best epoch.

    Raises UserError when the subject has fewer photos than the section asks for, or the loss diverges.
    """
    recipe = TrainingRecipe(
        seed=backbones.seed, micro_batch_size=backbones.batch_size, **settings.model_dump(exclude=OWN)
    )
    rows = samples.read_rows(subject.dataset, **settings.data.model_dump())
    rows = of_photos(rows, settings.photos, subject, section)
    held_out = samples.held_out_sources(rows, settings.held_out, backbones.seed, subject.id)
    training_set = samples.TrainingSet.of(rows, settings.balance, held_out)
    description = descriptions(read_conversations(subject.id))["short"]
    if settings.captions:
        more = captioned(backbones.base(), subject, training_set, description, settings.captions, backbones)
        training_set = replace(training_set, training=[*training_set.training, *more])

    first = initial_prompt(base, subject.id, training_set, recipe, latent_output_rows=settings.head == "all")
    if settings.initial == "words":
        first = init_from_words(base, first, description)
    elif settings.initial == "pooled":
        first = init_from_pooled_images(first, original_image_tokens(base, training_set, True, recipe))
    card = {
        "data": {"sha256": io.sha256_file(subject.dataset), **settings.data.model_dump()},
        "variant": settings.model_dump(include={"placement", "head", "photos", "captions"}),
    }
    learned = learn(
        base, {subject.id: training_set}, recipe, {subject.id: first}, info={subject.id: card}, name=section
    )
    return learned[subject.id].best


def of_photos(
    rows: Sequence[samples.Row], count: int | None, subject: MethodSubject, section: str
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
