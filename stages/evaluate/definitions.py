"""What each method puts where the soft prompt goes: the learned rows, a sentence, or nothing.

This is all that distinguishes the method from its controls; what follows is one code path for all.
"""

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa

from stages import vlm
from stages.core import seed as seeds

Definition = str | vlm.SoftPrompt | None

METHODS = (
    "soft_prompt",  # the learned soft prompt
    "base",  # nothing: the identifier is a word the model has never seen
    "short_description",  # one sentence by the base model
    "long_description",  # all captions by the base model
    "other_subject",  # another subject's soft prompt under this subject's name
    "empty_prompt",  # a soft prompt as it is before training
)


def definitions(
    base: vlm.Base, subject: str, prompts: Mapping[str, vlm.SoftPrompt], spoken: pa.Table, seed: int
) -> dict[str, Definition]:
    """One subject's definition by method, in METHODS' order; other_subject is absent if there is no other.

    `prompts` holds every subject's soft prompt, `spoken` the subject's CONVERSATIONS table.
    """
    own = prompts[subject]
    descriptions = {
        row["kind"]: row["answer"] for row in spoken.to_pylist() if row["kind"].startswith("description")
    }
    found: dict[str, Definition] = {
        "soft_prompt": own,
        "base": None,
        "short_description": descriptions["description_short"],
        "long_description": descriptions["description_long"],
        "empty_prompt": vlm.SoftPrompt.initial(
            base, subject, own.latent_tokens, seeds.torch_stream(seed, "evaluate", "empty", subject)
        ),
    }
    if len(prompts) > 1:
        found["other_subject"] = replace(prompts[other_subject(subject, prompts, seed)], subject=subject)
    return {method: found[method] for method in METHODS if method in found}


def other_subject(subject: str, subjects: Mapping[str, object], seed: int) -> str:
    """Another subject, drawn so that a new subject changes few draws: the lowest of one lot per pair."""
    return min(
        (other for other in subjects if other != subject),
        key=lambda other: seeds.stream(seed, "evaluate", "other", subject, other).random(),
    )
