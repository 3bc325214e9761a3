"""Recognition: whose photo is this? Its measures share their draws with calibration (see measures.py)."""

from common.core import schema
from stages.report.benchmark import BenchmarkMeasures

BENCHMARK = BenchmarkMeasures(
    name="recognition",
    title="Recognition",
    about=(
        "Every test photo is shown to every subject: “Can you see <name> in this photo?” Training has seen "
        "no look-alike; they differ in a marking, in one attribute or in two, and each group counts alike."
    ),
    measures={
        "recognition.positive": "Subject found in its own photos",
        "recognition.negative": "Other subjects' photos rejected",
        "recognition.weighted": "Recognition",
        "recognition.auc": "AUC",
        "recognition.lookalikes.negative": "Look-alikes rejected",
        "recognition.lookalikes.weighted": "Recognition among look-alikes",
        "recognition.lookalikes.auc": "AUC among look-alikes",
        "recognition.lookalikes.marking_auc": "AUC, marking only",
    },
    table="recognition",
    columns=schema.RECOGNITION,
    main={
        "recognition.weighted": "recognition",
        "recognition.lookalikes.weighted": "lookalikes",
        "recognition.lookalikes.marking_auc": "marking_auc",
    },
    flat=(
        "recognition.positive",
        "recognition.negative",
        "recognition.weighted",
        "recognition.auc",
        "recognition.lookalikes.weighted",
        "recognition.lookalikes.auc",
        "recognition.lookalikes.marking_auc",
    ),
)
