"""The numbers as files: metrics.json (small, flat, stable names), intervals.json (everything) and tables.md.

metrics.json holds the names that `dvc metrics diff` compares across commits, in four digits; what no subject
has (look-alikes and questions for one's own photos) is null. Higher is better, but for `…parse_failures`.
`questions.control.{base,majority}` are about the text questions, `blind` about the visual ones.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from stages.report.metrics import Interval
from stages.report.scores import MEASURES, Scores

CONTROLS = ("base", "short_description", "long_description", "majority", "other_subject", "empty_prompt")
DESCRIPTIONS = ("short_description", "long_description")


def flat_metrics(
    scores: Scores, questions: pd.DataFrame, counts: Mapping[str, Mapping[str, int]]
) -> dict[str, Any]:
    """The content of metrics.json; `counts` is by subject (see material.py)."""
    weighted = {
        subject: scores.of(subject, "soft_prompt", "recognition.weighted") for subject in scores.subjects
    }
    found = {
        measure: ("soft_prompt", measure)
        for measure in MEASURES
        if measure != "recognition.siblings.negative"
    }
    for control in CONTROLS:
        found[f"recognition.control.{control}"] = (control, "recognition.weighted")
        found[f"recognition.siblings.control.{control}"] = (control, "recognition.siblings.weighted")
    found["questions.control.base"] = ("base", "questions.text")
    found["questions.control.majority"] = ("majority", "questions.text")
    found["questions.control.blind"] = ("blind", "questions.visual")
    return {name: _rounded(scores.interval(*where).value) for name, where in found.items()} | {
        "questions.parse_failures": parse_failures(questions).get("soft_prompt", 0),
        "subjects.n": len(scores.subjects),
        "subjects.worst_weighted": _rounded(
            min((w for w in weighted.values() if not math.isnan(w)), default=math.nan)
        ),
        "data.hard_negatives": sum(count["hard_negatives"] for count in counts.values()),
        "data.conversations": sum(count["conversations"] for count in counts.values()),
    }


def intervals(scores: Scores, recognition: pd.DataFrame, questions: pd.DataFrame) -> dict[str, Any]:
    """The content of intervals.json: every measure of every method, and the gain over descriptions."""
    return {
        "estimates": {
            measure: {
                method: _as_json(scores.interval(method, measure))
                for method in scores.titles
                if (method, measure) in scores.values
            }
            for measure in MEASURES
        },
        "soft_prompt_minus": {
            measure: {
                control: _as_json(scores.difference(measure, "soft_prompt", control))
                for control in DESCRIPTIONS
                if (control, measure) in scores.values
            }
            for measure in MEASURES
        },
        "parse_failures": {
            "recognition": parse_failures(recognition),
            "questions": parse_failures(questions),
        },
    }


def parse_failures(table: pd.DataFrame) -> dict[str, int]:
    """Answers by method that were none of the allowed words (and so counted as wrong)."""
    return {
        str(method): int(failed) for method, failed in table.parsed.isna().groupby(table.method).sum().items()
    }


def best_description(scores: Scores, measure: str) -> str:
    """The description that does better on a measure: the control that the method has to beat."""
    return max(DESCRIPTIONS, key=lambda method: (_known(scores.interval(method, measure).value), method))


def text(interval: Interval) -> str:
    """`.93 (.90 to .96)`, or n/a."""
    if math.isnan(interval.value):
        return "n/a"
    return f"{decimal(interval.value)} ({decimal(interval.low)} to {decimal(interval.high)})"


def decimal(value: float) -> str:
    """Two decimals without the leading zero, as papers print rates: .93, 1.00, -.04; n/a for NaN."""
    if math.isnan(value):
        return "n/a"
    shown = f"{round(value, 2) + 0:.2f}"  # + 0 takes the sign off -0.0
    return shown.replace("0.", ".") if abs(value) < 0.995 else shown


def tables(scores: Scores, kinds: Mapping[str, str], counts: Mapping[str, Mapping[str, int]]) -> str:
    """The content of tables.md: by method, by kind of subject, by subject, and the data."""
    overview = [
        [title, *(text(scores.interval(method, measure)) for measure in MEASURES)]
        for method, title in scores.titles.items()
        if any((method, measure) in scores.values for measure in MEASURES)
    ]
    by_kind = [
        [
            kind,
            len(members),
            *(text(scores.interval("soft_prompt", measure, members)) for measure in MEASURES),
        ]
        for kind, members in members_by_kind(kinds).items()
    ]
    by_subject = [
        [
            subject,
            kinds[subject],
            *(decimal(scores.of(subject, "soft_prompt", measure)) for measure in MEASURES),
        ]
        for subject in worst_first(scores)
    ]
    names = list(next(iter(counts.values())))
    data = [[subject, *(f"{count[name]:,}" for name in names)] for subject, count in counts.items()]
    return "\n".join(
        [
            "# Results",
            "",
            f"{len(scores.subjects)} subjects; means over subjects with 95 % bootstrap intervals over "
            "subjects and their photos.",
            *_section("By method", ["method", *MEASURES.values()], overview),
            *_section("By kind of subject (soft prompt)", ["kind", "subjects", *MEASURES.values()], by_kind),
            *_section(
                "By subject (soft prompt), lowest first", ["subject", "kind", *MEASURES.values()], by_subject
            ),
            *_section("Data", ["subject", *(name.replace("_", " ") for name in names)], data),
            "",
        ]
    )


def members_by_kind(kinds: Mapping[str, str]) -> dict[str, list[str]]:
    """Subjects by their kind, kinds in alphabetical order."""
    return {kind: [s for s in kinds if kinds[s] == kind] for kind in sorted(set(kinds.values()))}


def worst_first(scores: Scores) -> list[str]:
    """Subjects by rising weighted recognition, then by name; unmeasured ones last."""
    weighted = {s: scores.of(s, "soft_prompt", "recognition.weighted") for s in scores.subjects}
    return sorted(weighted, key=lambda s: (math.isnan(weighted[s]), _known(weighted[s]), s))


def _section(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return ["", f"## {title}", "", *("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)]


def _as_json(interval: Interval) -> dict[str, float | None]:
    return {name: _rounded(value) for name, value in interval._asdict().items()}


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _known(value: float) -> float:
    return -1.0 if math.isnan(value) else value
