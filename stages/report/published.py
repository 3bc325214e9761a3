"""What Yo'LLaVA's paper published (NeurIPS 2024): Tables 4 to 8 and Figure 5, and which of our numbers fit.

Plain data. Tables 3 and 9 to 14 are dialogs, which `own_questions` has a place for.
"""

from typing import NamedTuple

from common.core.paths import SOFT_PROMPT

WEIGHTED = ("recognition.weighted",)
RECOGNITION = ("recognition.positive", "recognition.negative", *WEIGHTED)
POPE = tuple(f"general.pope.published.{setting}.accuracy" for setting in ("random", "popular", "adversarial"))
MMBENCH = ("general.mmbench.published.accuracy",)
NAMED = ("captions.named.recall",)
BOTH_ORDERS = "ours asks in both orders of the options and parses strictly; theirs in one order"
OF_MYVLM = "theirs on MyVLM's 29 objects, ours on the subjects of this run"


class Published(NamedTuple):
    """A number of the paper, and what of ours stands beside it.

    Attributes:
        table: where it is printed.
        what: what it is of.
        value: as printed; empty for a point of a figure that is not readable.
        others: numbers printed beside it, there and elsewhere.
        measures: ours; none where nothing is comparable.
        method: ours, a name in params.yaml or a control.
        study, step: of `make ablation`, where ours is no number of the usual run.
        protocol: how ours comes about otherwise.

    """

    table: str
    what: str
    value: str
    others: str = ""
    measures: tuple[str, ...] = WEIGHTED
    method: str = SOFT_PROMPT
    study: str | None = None
    step: str = ""
    protocol: str = ""


PUBLISHED = (
    Published("4, 5", "recognition, a description of a sentence instead", ".82", method="short_description"),
    Published("4, 5", "recognition, a long description", ".65", method="long_description"),
    Published(
        "4",
        "recognition, one reference photo in the prompt",
        ".901 (GPT-4V)",
        "with five photos .925",
        method="reference_photo",
    ),
    Published(
        "5",
        "recognition: own photos / others' photos / mean",
        ".949 / .898 / .924",
        measures=RECOGNITION,
        protocol="ours counts answers that cannot be read as wrong, theirs leaves them out; ours is a mean "
        "over subjects, and test photos that training has seen are refused",
    ),
    Published(
        "5",
        "questions about a photo",
        ".929",
        "always A .582",
        measures=("questions.visual",),
        protocol=BOTH_ORDERS,
    ),
    Published(
        "5",
        "questions about a photo, a long description",
        ".925",
        "by a person",
        ("questions.visual",),
        "long_description",
        protocol="ours is by the base model",
    ),
    Published("5", "questions about a photo, nothing learned", ".899", "", ("questions.visual",), "base"),
    Published(
        "5",
        "questions without a photo",
        ".883",
        "GPT-4V with five photos .987; always A .975",
        ("questions.text",),
        protocol=f"{BOTH_ORDERS}, in which always A is right in nearly all",
    ),
    Published(
        "5",
        "questions without a photo, a long description",
        ".790",
        "by a person",
        ("questions.text",),
        "long_description",
        protocol="ours is by the base model",
    ),
    Published("5", "questions without a photo, nothing learned", ".659", "", ("questions.text",), "base"),
    Published(
        "6",
        "recognition on MyVLM's objects: own / others / mean",
        ".970 / .957 / .964",
        measures=RECOGNITION,
        protocol=OF_MYVLM,
    ),
    Published(
        "6",
        "the same, by MyVLM",
        ".966 / .909 / .938",
        measures=RECOGNITION,
        method="myvlm",
        protocol=OF_MYVLM,
    ),
    Published(
        "6",
        "captions that name the subject, MyVLM's objects",
        "1.00",
        measures=NAMED,
        protocol=f"{OF_MYVLM}; the question names the subject in both",
    ),
    Published(
        "6",
        "the same, by MyVLM",
        ".960",
        "on objects alone .948 in MyVLM's own paper",
        NAMED,
        "myvlm",
        protocol=f"{OF_MYVLM}; the question names the subject in both",
    ),
    Published(
        "7", "recognition questions and easy negatives", ".707", study="ladder", step="recognition only"
    ),
    Published("7", "and conversations", ".754", study="ladder", step="+ conversations"),
    Published("7", "and hard negatives", ".914", study="ladder", step="+ hard negatives, as params.yaml is"),
    Published(
        "8",
        "POPE random / popular / adversarial, soft prompt in place",
        ".86 / .86 / .85",
        measures=POPE,
        protocol="ours over the questions of evaluate.general, read as published",
    ),
    Published("8", "the same, nobody in place", ".87 / .87 / .86", measures=POPE, method="base"),
    Published(
        "8",
        "MMBench, soft prompt in place",
        ".68",
        measures=MMBENCH,
        protocol="ours over the questions of evaluate.general, in all orders of the options",
    ),
    Published("8", "the same, nobody in place", ".68", measures=MMBENCH, method="base"),
    Published(
        "8",
        "LLaVA-Wild, soft prompt in place",
        "72.3",
        "nobody in place 72.3",
        (),
        protocol="needs a language model as the judge; not asked here",
    ),
    *(
        Published("Figure 5", f"latent tokens: {k}", value, study="latent_tokens", step=k)
        for k, value in (("0", ".24 of own photos"), ("1", ""), ("4", ""), ("16", ".91"), ("36", ""))
    ),
    *(
        Published("Figure 5", f"photos: {n}", value, study="photos", step=n)
        for n, value in (("1", ""), ("2", ""), ("3", ""), ("5", "first at .90"), ("10", ""))
    ),
)
