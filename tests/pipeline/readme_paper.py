"""The paper's tables 4 to 8 and its Figure 5, beside what this repository measured on its two small bases.

The levels cannot be compared, for subjects and models are others; what each part brings can.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from benchmarks import ablation, photographs, photographs_table
from common.core import io, paths
from common.core.paths import SOFT_PROMPT
from stages.report.paper import PUBLISHED
from tests.pipeline.markdown import cell, table

HEAD = ("table", "what", "paper", "drawings", "photographs")
WEIGHTED = ("recognition.weighted",)
MISSING = "not run yet"


class Row(NamedTuple):
    """A number of the paper; ours are of the usual runs, or of a step of a study and a run with less."""

    table: str
    what: str
    paper: str
    measures: tuple[str, ...] = WEIGHTED
    method: str = SOFT_PROMPT
    study: str | None = None
    step: str | None = None
    less: str | None = None  # a key of photographs.LESS


OF_A_RUN = [Row(row.table, row.what, row.value, row.measures) for row in PUBLISHED if row.measures]
LADDER = list(ablation.STUDIES["ladder"].steps)
ROWS = (
    Row("4, 5", "recognition, a description of a sentence instead", ".82", method="short_description"),
    Row("4, 5", "recognition, a long description", ".65", method="long_description"),
    Row("4", "recognition, one reference photo in the prompt", ".901 (GPT-4V)", method="reference_photo"),
    *(row for row in OF_A_RUN if row.table < "7"),
    Row("7", "recognition questions and easy negatives", ".707", study="ladder", step=LADDER[0],
        less="recognition questions and easy negatives alone"),
    Row("7", "and conversations", ".754", study="ladder", step=LADDER[1], less="no hard negatives"),
    Row("7", "and hard negatives", ".914", study="ladder", step=LADDER[2]),
    *(row for row in OF_A_RUN if row.table > "7"),
    *(
        Row("Figure 5", f"latent tokens: {k}", paper, study="latent_tokens", step=k, less=less)
        for k, paper, less in (
            ("0", ".24 of own photos", "no latent tokens"),
            ("1", "", "1 latent token"),
            ("4", "", "4 latent tokens"),
            ("16", ".91", None),
            ("36", "", "36 latent tokens"),
        )
    ),
    *(
        Row("Figure 5", f"photos: {n}", "first at .90" if n == "5" else "", study="photos", step=n, less=name)
        for n in ablation.STUDIES["photos"].steps
        for name in [f"{n} photo{'s' * (n != '1')}"]
    ),
)  # fmt: skip


def paper() -> str:
    """A row for each of ROWS, with 95 % intervals in brackets."""
    return table(HEAD, [(row.table, row.what, row.paper, _drawings(row), _photographs(row)) for row in ROWS])


def _drawings(row: Row) -> str:
    """Of the committed run; of a study's step, means over its seeds."""
    if row.study is None:
        found = io.read_json(paths.INTERVALS)["estimates"]
        return _text([found.get(measure, {}).get(row.method) for measure in row.measures])
    file = ablation.FOLDER / f"{row.study}.json"
    step = io.read_json(file).get(row.step) if file.exists() else None
    return _text([step["estimates"][measure] for measure in row.measures]) if step else MISSING


def _photographs(row: Row) -> str:
    """Means over the seeds of the run; nothing for other runs, and for drawn general questions."""
    if (row.less and row.less not in photographs.LESS) or row.measures[0].startswith("general."):
        return ""
    title = photographs.title_with(row.less) if row.less else photographs.USUAL
    run = io.read_json(photographs.JSON)["runs"].get(title)
    if run is None:
        return MISSING
    return _text([photographs_table.mean(run, measure, row.method) for measure in row.measures])


def _text(estimates: list[Mapping[str, Any] | None]) -> str:
    return " / ".join(cell(one) or "n/a" for one in estimates)
