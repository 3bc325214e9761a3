"""python -m tools.readme: write the parts of the README files that are made from other files.

The graph comes from dvc.yaml, results and speed from the committed files in reports/. All else in these files
is written by hand.
"""

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import photographs as photographs_runs
from benchmarks import photographs_table
from common.core import errors, io, paths
from stages.report import number_format
from stages.report.metrics import Interval
from stages.report.tables import DIALOG
from tools.markdown import cell, table
from tools.readme_paper import paper

PARTS = {  # name of a generated part → the file that holds it
    "dialog": Path("README.md"),
    "results": Path("README.md"),
    "photographs": Path("README.md"),
    "details": paths.REPORTS / "README.md",
    "paper": paths.REPORTS / "README.md",
    "speed": paths.REPORTS / "README.md",
    "graph": Path("stages/README.md"),
}
LADDER, METHODS = (paths.REPORTS / "ablation" / name for name in ("ladder.md", "methods.json"))
KINDS = {"estimates": "mean", "soft_prompt_minus": "the soft prompt's lead"}  # of the tables in METHODS
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
BENCHMARKS = paths.REPORTS / "benchmarks"
BATCH_SIZES = BENCHMARKS / "batch_size-cpu-small.json"
TIMES = BENCHMARKS / "methods-cpu-small.json"
SECONDS = ("s to add", "ms per answer")
SPEEDUPS = {  # key in a benchmark's file → what was faster than what
    "speedup": "the published way",
    "speedup_several": "the same, four subjects at once",
    "speedup_batched": "the same, batches of 16",
    "speedup_alternative": "PEFT or features kept, batched",
}


def main() -> str:
    """Rewrite the generated parts."""
    for path in (paths.INTERVALS, paths.TABLES, LADDER, METHODS, photographs_runs.JSON):
        if _git("status", "--porcelain", "--", str(path)):
            raise errors.UserError(
                f"{path} is not committed: commit it, so that README.md can name the commit"
            )
    made = {
        "dialog": dialog(),
        "results": results(),
        "photographs": photographs(),
        "details": details(),
        "paper": paper(),
        "speed": speed(),
        "graph": graph(),
    }
    for name, path in PARTS.items():
        content = path.read_text(encoding="utf-8")
        start, end = span(content, name)
        io.write_bytes(path, (content[:start] + made[name] + content[end:]).encode())
    return ", ".join(f"{name} of {path}" for name, path in PARTS.items())


def span(content: str, name: str) -> tuple[int, int]:
    """Where the text between the two comments that mark a generated part starts and ends."""
    found = re.search(rf"<!-- {name}: made by `make readme` -->\n(.*?)<!-- /{name} -->", content, re.DOTALL)
    if not found:
        raise errors.UserError(
            f"{PARTS[name]} has lost the comments around its part {name!r}: restore them with git"
        )
    return found.span(1)


def graph() -> str:
    """The pipeline as DVC draws it."""
    dvc = str(Path(sys.executable).with_name("dvc"))
    drawn = subprocess.run([dvc, "dag", "--collapse-foreach-matrix", "--md"], capture_output=True, text=True)
    if drawn.returncode:
        raise errors.UserError(f"`dvc dag` failed: {drawn.stderr.strip()}")
    return drawn.stdout.strip() + "\n"


def dialog() -> str:
    """What the committed report shows of a subject's answers."""
    shown = paths.TABLES.read_text(encoding="utf-8").partition(DIALOG)[2]
    if not shown:
        return "None yet: run `make repro`, commit reports/, and run `make readme`.\n"
    subject, _, turns = shown.partition("\n")
    said = (
        f"A drawn subject, `{subject.strip()}`, in the middle of the ranking; as generated, right or wrong:"
    )
    return f"{said}\n{turns}"


def results(commit: str | None = None) -> str:
    """The committed results, with the commit that made them (the last to change the file, unless given)."""
    if not paths.INTERVALS.exists():
        return "None yet: run `make repro`, commit reports/, and run `make readme`.\n"
    found = io.read_json(paths.INTERVALS)
    shown = {measure: head for measure, head in COLUMNS.items() if found["estimates"].get(measure)}
    rows = [
        [_name(method), *(cell(found["estimates"][measure].get(method["name"])) for measure in shown)]
        for method in found["methods"]
    ]
    commit = commit or _git("log", "-1", "--format=%h", "--", str(paths.INTERVALS))
    said = f"Commit `{commit}`. Means over subjects, in brackets 95 % intervals."
    return "\n".join([said, "", table(["", *shown.values()], rows)])


def photographs() -> str:
    """The methods on real photographs beside the drawings, and what the base for drawings makes of them."""
    runs = io.read_json(photographs_runs.JSON)["runs"]
    usual, lora, drawings = (
        runs.get(title, {})
        for title in (photographs_runs.USUAL, photographs_runs.LORA, photographs_runs.OF_DRAWINGS)
    )
    drawn = io.read_json(paths.INTERVALS)
    rows = []
    for method in drawn["methods"]:
        name = method["name"]
        run = next((run for run in (usual, lora) if run and _measured(run, HEADLINE, name)), None)
        if run:
            measures = ("recognition.weighted", "recognition.auc", "questions.text")
            cells = (cell(photographs_table.mean(run, measure, name)) for measure in measures)
            rows.append([_name(method), cell(drawn["estimates"][HEADLINE].get(name)), *cells])
    of_drawings = photographs_table.mean(drawings, HEADLINE, paths.SOFT_PROMPT) if drawings else None
    one = f" (LoRA: {', '.join(lora)})" if lora else ""
    said = (
        f"Commit {photographs_table.commits(usual)}, seeds {', '.join(usual)}{one}. "
        "Means over subjects and seeds, in brackets 95 % intervals. "
        f"The base for drawings, on the same photos: {cell(of_drawings) or 'not run yet'}."
    )
    head = ["", "drawings: recognition", "photographs: recognition", "AUC", "questions, no photo"]
    return "\n".join([said, "", table(head, rows)])


def _measured(run: Mapping[str, Any], measure: str, method: str) -> bool:
    return photographs_table.mean(run, measure, method) is not None


def details() -> str:
    """What a subject costs, all methods over seeds, and what each part brings."""
    methods = io.read_json(paths.INTERVALS)["methods"] if paths.INTERVALS.exists() else []
    lines = [costs(methods)]
    if METHODS.exists():
        lines += ["## All methods over seeds", "", over_seeds(methods)]
    if LADDER.exists():
        lines += ["## What each part brings", "", LADDER.read_text(encoding="utf-8").partition("\n\n")[2]]
    return "\n".join(lines)


def over_seeds(methods: Sequence[Mapping[str, Any]]) -> str:
    """Means over seeds of what is no control, and the soft prompt's lead over each of the others."""
    study = io.read_json(METHODS)
    seeds = ", ".join(next(iter(study["estimates"]["soft_prompt"].values()))["by_seed"])
    said = (
        f"Means over seeds {seeds}, each with other subjects, and the soft prompt's lead on the same photos; "
        f"in brackets 95 % intervals of the mean. With the controls in `{METHODS.with_suffix('.md')}`."
    )
    shown = {
        measure: head for measure, head in COLUMNS.items() if measure in study["estimates"]["soft_prompt"]
    }
    tables = []
    for kind, name in KINDS.items():
        rows = [
            [method["title"], *(cell(study[kind][method["name"]].get(measure)) for measure in shown)]
            for method in methods
            if not method["control"] and method["name"] in study[kind]
        ]
        tables.append(table([name, *shown.values()], rows))
    return "\n\n".join([said, "\n".join(tables)])


def costs(methods: Sequence[Mapping[str, Any]]) -> str:
    """What a subject costs under each method; with the seconds, if the benchmark of methods was run."""
    times = io.read_json(TIMES) if TIMES.exists() else None
    rows = [
        [
            method["title"],
            number_format.count(method["trainable"]),
            number_format.size(method["stored_bytes"]),
            number_format.count(method["prompt_tokens"]),
            *(_seconds(times["methods"].get(method["name"])) if times else ()),
        ]
        for method in methods
        if not method["control"]
    ]
    head = ["a subject costs", "trainable values", "stored", "prompt tokens"]
    if not times:
        return table(head, rows)
    where = f"Times on a CPU, commit `{times['commit'][:7]}`, in brackets the fastest and slowest round."
    return f"{where}\n\n{table([*head, *SECONDS], rows)}"


def speed() -> str:
    """How many times faster than others, one row per committed benchmark; and what larger batches save."""
    rows = []
    for path in sorted(BENCHMARKS.glob("*-*.json")):
        found = io.read_json(path)
        if "speedup" not in found:  # compares nothing: how cost grows, what batches save
            continue
        cells = [
            f"{found[key]:.1f} ({' to '.join(f'{end:.1f}' for end in found[f'{key}_range'])})"
            if key in found
            else ""
            for key in SPEEDUPS
        ]
        rows.append([path.stem, *cells, f"`{found['commit'][:7]}`"])
    return f"{table(['times faster than', *SPEEDUPS.values(), 'commit'], rows)}\n{_batch_sizes()}"


def _batch_sizes() -> str:
    """Seconds and accuracy by batch size; ranges over seeds."""
    found = io.read_json(BATCH_SIZES)
    rows = [
        [
            str(of["batch_size"]),
            f"{of['seconds']:.0f} ({' to '.join(f'{end:.0f}' for end in of['seconds_range'])})",
            number_format.text(Interval(of["weighted"], *of["weighted_range"])),
        ]
        for of in found["batch_sizes"]
    ]
    return table(["samples in a batch", "s for a subject", "validation accuracy"], rows)


def _name(method: Mapping[str, Any]) -> str:
    return f"control: {method['title']}" if method["control"] else method["title"]


def _seconds(times: Mapping[str, Any] | None) -> list[str]:
    """Seconds of a subject and milliseconds of an answer; empty where they were not measured."""
    if times is None:
        return [""] * len(SECONDS)
    shown = []
    for kind, factor in (("subject", 1), ("answer", 1000)):
        ends = (times[f"{kind}_seconds"], *times[f"{kind}_seconds_range"])
        shown.append("{:.1f} ({:.1f} to {:.1f})".format(*(factor * seconds for seconds in ends)))
    return shown


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    errors.run(main)
