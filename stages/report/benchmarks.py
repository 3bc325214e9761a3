"""What is measured: the benchmarks, their measures, and what pages and tables call them.

A benchmark appears in the report when the predictions hold something of it. A new one needs an entry here, a
function in `measures.py` that scores its table, and the table's name in `scores.py`.
"""

from typing import NamedTuple


class Benchmark(NamedTuple):
    """Measures that belong together; `measures` maps the names in files to the heads of columns."""

    name: str
    title: str
    about: str
    measures: dict[str, str]


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
            "recognition.siblings.negative": "Look-alikes rejected",
            "recognition.siblings.weighted": "Recognition among look-alikes",
            "recognition.siblings.auc": "AUC among look-alikes",
            "recognition.siblings.marking_auc": "AUC, marking only",
        },
    ),
    Benchmark(
        "questions",
        "Questions",
        "Two options, asked in both orders: about a test photo, or from what was learned alone.",
        {
            "questions.visual": "Questions about a photo",
            "questions.text": "Questions without a photo",
        },
    ),
)
MEASURES = {name: title for benchmark in BENCHMARKS for name, title in benchmark.measures.items()}

MAIN = {  # measure → its name after `methods.<method>.` in metrics.json; what the first tables show
    "recognition.weighted": "recognition",
    "recognition.siblings.weighted": "siblings",
    "recognition.siblings.marking_auc": "marking_auc",
    "questions.visual": "visual",
    "questions.text": "text",
}

AT_THRESHOLD = {  # measure by the generated answer → the same with a threshold on P(yes)
    "recognition.weighted": "threshold.weighted",
    "recognition.siblings.weighted": "threshold.siblings.weighted",
}
