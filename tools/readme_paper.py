"""The paper's Tables 4 to 8 and its Figure 5, beside what was measured here on the two small bases.

The levels cannot be compared, for subjects and models are others; what each part brings can.
"""

from collections.abc import Mapping
from typing import Any

from benchmarks import photographs, photographs_table
from common.core import io, paths
from stages.report.paper import STUDIES
from stages.report.published import PUBLISHED, Published
from tools.markdown import cell, table

HEAD = ("table", "what", "paper", "drawings", "photographs")
# step of a study → the run with less on photographs, a key of photographs.LESS; None for the usual run
ON_PHOTOGRAPHS = {
    ("ladder", "recognition only"): "recognition questions and easy negatives alone",
    ("ladder", "+ conversations"): "no hard negatives",
    ("ladder", "+ hard negatives, as params.yaml is"): None,
    ("latent_tokens", "0"): "no latent tokens",
    ("latent_tokens", "1"): "1 latent token",
    ("latent_tokens", "4"): "4 latent tokens",
    ("latent_tokens", "16"): None,
    ("photos", "1"): "1 photo",
    ("photos", "2"): "2 photos",
}
MISSING = "not run yet"


def paper() -> str:
    """A row for each published number, with 95 % intervals in brackets."""
    return table(
        HEAD, [(row.table, row.what, row.value, _drawings(row), _photographs(row)) for row in PUBLISHED]
    )


def _drawings(row: Published) -> str:
    """Of the committed run; of a study's step, means over its seeds."""
    if row.study is None:
        estimates = io.read_json(paths.INTERVALS)["estimates"]
        return _text([estimates.get(measure, {}).get(row.method) for measure in row.measures])
    file = STUDIES / f"{row.study}.json"
    step = io.read_json(file).get(row.step) if file.exists() else None
    return _text([step["estimates"][measure] for measure in row.measures]) if step else MISSING


def _photographs(row: Published) -> str:
    """Means over the seeds of the run; nothing for what is not run, and for drawn general questions."""
    key = (row.study or "", row.step)
    if (row.study and key not in ON_PHOTOGRAPHS) or any(name.startswith("general.") for name in row.measures):
        return ""
    less = ON_PHOTOGRAPHS.get(key)
    run = io.read_json(photographs.JSON)["runs"].get(
        photographs.title_with(less) if less else photographs.USUAL
    )
    if run is None:
        return MISSING
    return _text([photographs_table.mean(run, measure, row.method) for measure in row.measures])


def _text(estimates: list[Mapping[str, Any] | None]) -> str:
    """As the report joins them: n/a where there is none."""
    shown = [cell(one) or "n/a" for one in estimates]
    return "n/a" if all(text == "n/a" for text in shown) else " / ".join(shown)
