"""Answers with the soft prompts that `stages.train` learned, and as the controls that every table shows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from common import vlm
from common.core import io, paths, schema
from common.core import seed as seeds
from common.core.conversations import descriptions, read_conversations
from common.methods.interface import (
    TITLES,
    Backbones,
    Control,
    Cost,
    LatentTokens,
    Photos,
    Request,
    Responder,
)
from common.methods.respond import answer_all, prompt_tokens
from common.methods.soft_prompt.latent_tokens import token_definitions
from common.vlm.soft_prompt import WEIGHTS


class SoftPrompts(Responder, LatentTokens):
    """Soft prompts that `stages.train` learned, beside the controls."""

    name = paths.SOFT_PROMPT
    titles = TITLES

    def __init__(self, backbones: Backbones, subjects: Sequence[str]) -> None:
        """Read all subjects' soft prompts, descriptions and frequent answers.

        Raises UserError when a soft prompt is missing, belongs to another base model, or is that of a subject
        which was removed.
        """
        io.refuse_strays([*map(paths.subject_model, subjects), *map(paths.train_curve, subjects)])
        self.backbones = backbones
        base = backbones.base()
        self.prompts = {s: vlm.SoftPrompt.load(paths.subject_model(s), base.fingerprint) for s in subjects}
        self.definitions: dict[tuple[str, str], vlm.Definition] = {}
        self.majority: dict[str, str] = {}
        for subject in subjects:
            described = descriptions(read_conversations(subject))
            by_name = definitions(base, subject, self.prompts, described, backbones.seed)
            self.definitions |= {(name, subject): definition for name, definition in by_name.items()}
            self.majority[subject] = majority_answer(io.read_parquet(paths.dataset(subject), schema.DATASET))

    def controls(self, wanted: Sequence[Control]) -> Sequence[Control]:
        """All of them; other_subject takes another subject."""
        alone = len(self.prompts) == 1
        return [control for control in wanted if not (alone and control == "other_subject")]

    def latent_tokens(self, subject: str) -> int:
        """Of its soft prompt."""
        return self.prompts[subject].latent_tokens

    def answers(self, photos: Photos, requests: Sequence[Request]) -> list[vlm.Answer]:
        """Answer in one pass over the photos, but for the constant answer."""
        asked = [number for number, request in enumerate(requests) if request.method != "majority"]
        answers_of_base = answer_all(
            self.backbones.base(),
            photos,
            [requests[number] for number in asked],
            [self._definition(requests[number]) for number in asked],
            self.backbones.batch_size,
        )
        answers = dict(zip(asked, answers_of_base, strict=True))
        return [
            answers.get(n) or vlm.Answer(self._constant(request), ()) for n, request in enumerate(requests)
        ]

    def cost(self, name: str, subject: str) -> Cost:
        """Rows that are learned or were drawn; the description's words."""
        definition = self.definitions.get((name, subject))
        stored = paths.subject_model(subject) / WEIGHTS
        if isinstance(definition, vlm.SoftPrompt):
            values = definition.embeddings.numel() + definition.output_row.numel()
            return Cost(values, stored.stat().st_size, prompt_tokens(self.backbones.base(), definition))
        return Cost(0, len((definition or "").encode()), prompt_tokens(self.backbones.base(), definition))

    def _definition(self, request: Request) -> vlm.Definition:
        """What stands before the question; of several subjects, one after another."""
        parts = [self.definitions[request.method, subject] for subject in request.subjects]
        if len(parts) < 2:
            return parts[0] if parts else None
        sentences = all(isinstance(part, str) for part in parts)
        return " ".join(parts) if sentences else tuple(part for part in parts if part is not None) or None

    def _constant(self, request: Request) -> str:
        """Of choices always the first: in both orders any constant letter scores .5, which it is to show."""
        return (
            self.majority[request.subjects[0]]
            if request.task.kind == "recognition"
            else request.task.options[0]
        )


def definitions(
    base: vlm.Base,
    subject: str,
    prompts: Mapping[str, vlm.SoftPrompt],
    described: Mapping[str, str],
    seed: int,
) -> dict[str, vlm.Definition]:
    """Make one subject's definitions by name; other_subject is absent if there is no other.

    `prompts` holds every subject's soft prompt, `described` this one's descriptions, short and long.
    """
    own = prompts[subject]
    by_name: dict[str, vlm.Definition] = {
        "soft_prompt": own,
        "blind": own,
        "base": None,
        "short_description": described["short"],
        "long_description": described["long"],
        "empty_prompt": vlm.SoftPrompt.init_random(
            base.model, subject, own.latent_tokens, seeds.torch_stream(seed, "evaluate", "empty", subject)
        ),
    }
    by_name |= token_definitions(own, by_name["empty_prompt"])
    if len(prompts) > 1:
        by_name["other_subject"] = replace(prompts[other_subject(subject, prompts, seed)], subject=subject)
    return by_name


def other_subject(subject: str, subjects: Mapping[str, object], seed: int) -> str:
    """Draw another subject, so that a new subject changes few draws: the lowest of one lot per pair."""
    return min(
        (other for other in subjects if other != subject),
        key=lambda other: seeds.stream(seed, "evaluate", "other", subject, other).random(),
    )


def majority_answer(dataset: pa.Table) -> str:
    """Find the more frequent recognition answer of a training set, "Yes" or "No"; a tie is "No".

    A constant answer scores .5 weighted whatever it is; it stands in the tables to show just that.
    """
    rows = dataset.select(["split", "label"]).to_pylist()
    labels = [row["label"] for row in rows if row["split"] == "train"]
    return "Yes" if labels.count("yes") > labels.count("no") else "No"
