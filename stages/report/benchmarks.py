"""What is measured: the benchmarks, their measures, and what pages and tables call them.

A benchmark appears in the report when the predictions hold something of it. A new one is an entry here, with
the function that scores its table.
"""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from common.core import schema
from stages.report import tasks


class Benchmark(NamedTuple):
    """Measures of one of evaluate's tables.

    Attributes:
        name: in addresses of the page.
        title, about: what readers are told.
        measures: heads of columns, by the names in files.
        table, columns: name and schema of the table.
        optional: whether evaluate writes it only where there are questions.
        score: one subject's rows, subject, seed and number of resamples → arrays (R,) by (method, measure);
            None for those of `measures.py`, which share their draws.

    """

    name: str
    title: str
    about: str
    measures: dict[str, str]
    table: str
    columns: pa.Schema
    score: Callable[[pd.DataFrame, str, int, int], tasks.Measured] | None = None
    optional: bool = False


BENCHMARKS = (
    Benchmark(
        "recognition",
        "Recognition",
        "Every test photo is shown to every subject: “Can you see <name> in this photo?” Training has seen "
        "no look-alike; they differ in a marking, in one attribute or in two, and each group counts alike.",
        {
            "recognition.positive": "Subject found in its own photos",
            "recognition.negative": "Other subjects' photos rejected",
            "recognition.weighted": "Recognition",
            "recognition.auc": "AUC",
            "recognition.lookalikes.negative": "Look-alikes rejected",
            "recognition.lookalikes.weighted": "Recognition among look-alikes",
            "recognition.lookalikes.auc": "AUC among look-alikes",
            "recognition.lookalikes.marking_auc": "AUC, marking only",
        },
        "recognition",
        schema.RECOGNITION,
    ),
    Benchmark(
        "questions",
        "Questions",
        "Two options, asked in both orders: about a test photo, or from what was learned alone.",
        {
            "questions.visual": "Questions about a photo",
            "questions.text": "Questions without a photo",
        },
        "questions",
        schema.QUESTIONS,
    ),
    Benchmark(
        "open",
        "Free answers",
        "The same questions without options. An answer is right if it holds the right option as whole words "
        "and none of the wrong ones; the share that calls the subject by its name is counted apart.",
        {
            "open.visual": "Free answers about a photo",
            "open.text": "Free answers without a photo",
            "open.named": "Free answers that say the name",
        },
        "open_answers",
        schema.OPEN_ANSWERS,
        tasks.open_answers,
    ),
    Benchmark(
        "two_subjects",
        "Two subjects in one photo",
        "Photos of two subjects: is this one here, with one taught; and who stands on which side, with both "
        "taught and in both orders of the options.",
        {
            "two_subjects.present": "Subject found beside another",
            "two_subjects.absent": "Subject not there rejected",
            "two_subjects.weighted": "Recognition in photos of two",
            "two_subjects.sides": "Who stands on which side",
        },
        "two_subjects",
        schema.TWO_SUBJECTS,
        tasks.two_subjects,
    ),
    Benchmark(
        "captions",
        "Captions",
        "Does a caption hold the subject's name where the subject is, and only there? Asked by name, which "
        "gives it away, and not. Photos of others are as many as were drawn: precision is that at this "
        "proportion.",
        {
            "captions.named.recall": "Asked by name: recall",
            "captions.named.precision": "Asked by name: precision",
            "captions.named.f1": "Asked by name: F1",
            "captions.unnamed.recall": "Not by name: recall",
            "captions.unnamed.precision": "Not by name: precision",
            "captions.unnamed.f1": "Not by name: F1",
        },
        "captions",
        schema.CAPTIONS,
        tasks.captions,
    ),
    Benchmark(
        "general",
        "What the model knew before",
        "General questions about photos of nobody in particular, in the formats of POPE and MMBench, with "
        "a subject in place; base is the model without one. Unchanged is the share of answers that are the "
        "base's word for word. Answers are read strictly, and as the published scripts read them.",
        {
            "general.pope.accuracy": "POPE accuracy",
            "general.pope.published.accuracy": "POPE accuracy, read as published",
            "general.pope.published.random.accuracy": "POPE random, read as published",
            "general.pope.published.popular.accuracy": "POPE popular, read as published",
            "general.pope.published.adversarial.accuracy": "POPE adversarial, read as published",
            "general.pope.f1": "POPE F1",
            "general.pope.yes_ratio": "POPE share of yes",
            "general.pope.unchanged": "POPE unchanged",
            "general.mmbench.accuracy": "MMBench accuracy",
            "general.mmbench.published.accuracy": "MMBench accuracy, read as published",
            "general.mmbench.circular": "MMBench right in all orders",
            "general.mmbench.unchanged": "MMBench unchanged",
        },
        "general",
        schema.GENERAL,
        tasks.general,
    ),
    Benchmark(
        "vqa",
        "Further abilities it had before",
        "General questions in the formats of TextVQA, VQAv2, GQA, MME and ScienceQA, with a subject in "
        "place; base is the model without one. Scored as published; strictly, an answer is one of the right "
        "ones, but for case and a final period. MME's points are a share of what can be reached.",
        {
            "vqa.textvqa.accuracy": "TextVQA",
            "vqa.textvqa.strict": "TextVQA, strictly",
            "vqa.textvqa.unchanged": "TextVQA unchanged",
            "vqa.vqav2.accuracy": "VQAv2",
            "vqa.vqav2.strict": "VQAv2, strictly",
            "vqa.vqav2.unchanged": "VQAv2 unchanged",
            "vqa.gqa.accuracy": "GQA",
            "vqa.gqa.strict": "GQA, strictly",
            "vqa.gqa.unchanged": "GQA unchanged",
            "vqa.mme.accuracy": "MME accuracy",
            "vqa.mme.accuracy_plus": "MME accuracy+",
            "vqa.mme.perception": "MME perception, share of points",
            "vqa.mme.cognition": "MME cognition, share of points",
            "vqa.mme.strict": "MME accuracy, strictly",
            "vqa.mme.unchanged": "MME unchanged",
            "vqa.scienceqa.accuracy": "ScienceQA",
            "vqa.scienceqa.strict": "ScienceQA, strictly",
            "vqa.scienceqa.unchanged": "ScienceQA unchanged",
        },
        "vqa",
        schema.VQA,
        tasks.vqa,
        optional=True,
    ),
)
BY_SUBJECT = BENCHMARKS[0].measures | BENCHMARKS[1].measures  # shown by subject and by kind as well
MEASURES = {name: title for benchmark in BENCHMARKS for name, title in benchmark.measures.items()}

MAIN = {  # measure → its name after `methods.<method>.` in metrics.json; what the first tables show
    "recognition.weighted": "recognition",
    "recognition.lookalikes.weighted": "lookalikes",
    "recognition.lookalikes.marking_auc": "marking_auc",
    "questions.visual": "visual",
    "questions.text": "text",
    "open.visual": "open",
    "two_subjects.weighted": "two_subjects",
    "captions.unnamed.f1": "caption",
    "general.pope.accuracy": "pope",
    "general.mmbench.accuracy": "mmbench",
}
HEADS = MEASURES | {  # what the first tables call them, where that says more
    "captions.unnamed.f1": "Name in captions, F1",
}

AT_THRESHOLD = {  # measure by the generated answer → the same with a threshold on P(yes)
    "recognition.weighted": "threshold.weighted",
    "recognition.lookalikes.weighted": "threshold.lookalikes.weighted",
}
