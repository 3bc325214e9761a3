"""A benchmark that nobody has heard of: one file in evaluate, one in the report, and no other changes."""

from pathlib import Path

import pandas as pd
import pytest

from common.core import io, paths
from stages.evaluate import benchmarks as asked
from stages.evaluate.eval_set import load_eval_set
from stages.evaluate.evaluate import evaluate
from stages.report import benchmarks as measured
from tests.support.predictions import SETTINGS, Drawn
from tests.support.subjects import populate

ASKED = """
from common.core.schema.table import TEXT, table
from common.methods.interface import Request, Task
from stages.evaluate.benchmark import Benchmark

class GreetingsBenchmark(Benchmark):
    name, sort_by = "greetings", ("subject", "method")
    schema = table("Greetings.", subject=(TEXT, "-"), method=(TEXT, "-"), answer=(TEXT, "-"))

    def build_requests(self, responder):
        return [
            ({"subject": s, "method": m}, Request(Task("chat", 8), m, (s,), None, f"Who is <{s}>?"))
            for s in self.eval_set.questions for m in (responder.name, *responder.controls(("base",)))
        ]

    def parse_response(self, row, answer):
        return row | {"answer": answer.text}
"""
MEASURED = """
import numpy as np
from stages.report.benchmark import BenchmarkMeasures

def score(rows, subject, seed, resamples):
    return {(m, "greetings.said"): np.full(resamples + 1, len(of)) for m, of in rows.groupby("method")}

BENCHMARK = BenchmarkMeasures("greetings", "-", "-", {"greetings.said": "-"}, "greetings", score=score)
"""


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two files, as if they lay in the two folders."""
    for package, text in ((asked, ASKED), (measured, MEASURED)):
        folder = tmp_path / package.__name__
        folder.mkdir()
        (folder / "a_new_one.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])


@pytest.mark.usefixtures("workspace", "added")
def test_a_new_benchmark_is_asked_and_scored_from_two_files():
    populate({"bo": "world", "mam": "world"})
    eval_set = load_eval_set({"bo": "world", "mam": "world"}, SETTINGS, 0)
    *known, new = asked._discovered()
    assert known == asked.BENCHMARKS
    assert evaluate(Drawn("soft_prompt", eval_set.questions, {}, 0), eval_set, [new(eval_set)]) == {
        "photos": 0, "greetings": 4
    }  # fmt: skip
    rows = io.read_parquet(paths.predictions("soft_prompt", "greetings")).to_pandas()
    *earlier, scored = measured._discovered()
    assert earlier == measured.BENCHMARKS and scored.table == "greetings"
    found = scored.score(pd.DataFrame(rows[rows.subject == "bo"]), "bo", 0, 5)
    assert {method: values[0] for (method, _), values in found.items()} == {"soft_prompt": 1, "base": 1}
