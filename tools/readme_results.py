"""The committed results, on drawings and on photographs, as the first page shows them."""

import subprocess
from collections.abc import Mapping
from typing import Any

from benchmarks import photographs as photographs_runs
from benchmarks import photographs_table
from common.core import io, paths
from tools.markdown import cell, table

NONE_YET = "None yet: run `make repro`, commit reports/, and run `make readme`.\n"
COLUMNS = {  # measure → head of its column in the results
    "recognition.weighted": "recognition",
    "recognition.lookalikes.weighted": "among look-alikes",
    "recognition.lookalikes.marking_auc": "AUC, marking only",
    "questions.visual": "questions, photo",
    "questions.text": "questions, no photo",
    "open.visual": "free answers, photo",
    "two_subjects.weighted": "photos of two",
    "general.pope.accuracy": "POPE",
}
HEADLINE = "recognition.weighted"


def results(commit: str | None = None) -> str:
    """The committed results, with the commit that made them (the last to change the file, unless given)."""
    if not paths.INTERVALS.exists():
        return NONE_YET
    intervals = io.read_json(paths.INTERVALS)
    shown = {measure: head for measure, head in COLUMNS.items() if intervals["estimates"].get(measure)}
    rows = [
        [_name(method), *(cell(intervals["estimates"][measure].get(method["name"])) for measure in shown)]
        for method in intervals["methods"]
    ]
    commit = commit or _last_commit()
    said = f"Commit `{commit}`. Means over subjects, in brackets 95 % intervals."
    return "\n".join([said, "", table(["", *shown.values()], rows)])


def photographs() -> str:
    """The methods on real photographs beside the drawings, and what the base for drawings makes of them."""
    runs = io.read_json(photographs_runs.JSON)["runs"]
    usual, lora = (runs.get(title, {}) for title in (photographs_runs.USUAL, photographs_runs.LORA))
    drawn = io.read_json(paths.INTERVALS)
    rows = []
    for method in drawn["methods"]:
        name = method["name"]
        run = next((run for run in (usual, lora) if run and _measured(run, HEADLINE, name)), None)
        if run:
            measures = ("recognition.weighted", "recognition.auc", "questions.text")
            cells = (cell(photographs_table.mean(run, measure, name)) for measure in measures)
            rows.append([_name(method), cell(drawn["estimates"][HEADLINE].get(name)), *cells])
    others = {
        "with the base for drawings": photographs_runs.OF_DRAWINGS,
        "with the base for photographs with SmolLM2": photographs_runs.WITH_SMOLLM2,
        "with drawings as the only negatives": photographs_runs.DRAWN_NEGATIVES,
    }
    bases = (f"{name} {_headline(runs.get(title))}" for name, title in others.items())
    one = f" (LoRA: {', '.join(lora)})" if lora else ""
    said = (
        f"Commit {photographs_table.commits(usual)}, seeds {', '.join(usual)}{one}. "
        "Means over subjects and seeds, in brackets 95 % intervals. "
        f"Recognition by the soft prompt on the same photos: {'; '.join(bases)}."
    )
    head = ["", "drawings: recognition", "photographs: recognition", "AUC", "questions, no photo"]
    return "\n".join([said, "", table(head, rows)])


def _headline(run: Mapping[str, Any] | None) -> str:
    return cell(photographs_table.mean(run, HEADLINE, paths.SOFT_PROMPT)) if run else "not run yet"


def _measured(run: Mapping[str, Any], measure: str, method: str) -> bool:
    return photographs_table.mean(run, measure, method) is not None


def _name(method: Mapping[str, Any]) -> str:
    return f"control: {method['title']}" if method["control"] else method["title"]


def _last_commit() -> str:
    """The last commit that changed the results."""
    words = ["git", "log", "-1", "--format=%h", "--", str(paths.INTERVALS)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
