"""Two-choice questions. Their measures share their draws with recognition's (see measures.py)."""

from common.core import schema
from stages.report.benchmark import BenchmarkMeasures

BENCHMARK = BenchmarkMeasures(
    name="questions",
    title="Questions",
    about=("Two options, asked in both orders: about a test photo, or from what was learned alone."),
    measures={
        "questions.visual": "Questions about a photo",
        "questions.text": "Questions without a photo",
    },
    table="questions",
    columns=schema.QUESTIONS,
    main={"questions.visual": "visual", "questions.text": "text"},
    flat=("questions.visual", "questions.text"),
)
