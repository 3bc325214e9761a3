"""Costs of a subject, all methods over seeds, what each part brings, and speed: reports/README.md."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.core import io, paths
from stages.report import number_format
from stages.report.metrics import Interval
from tools.markdown import cell, table
from tools.readme_results import COLUMNS

LADDER, METHODS = (paths.REPORTS / "ablation" / name for name in ("ladder.md", "methods.json"))
KINDS = {"estimates": "mean", "soft_prompt_minus": "the soft prompt's lead"}  # of the tables in METHODS
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
        measured = io.read_json(path)
        if "speedup" not in measured:  # compares nothing: how cost grows, what batches save
            continue
        cells = [
            f"{measured[key]:.1f} ({' to '.join(f'{end:.1f}' for end in measured[f'{key}_range'])})"
            if key in measured
            else ""
            for key in SPEEDUPS
        ]
        rows.append([path.stem, *cells, f"`{measured['commit'][:7]}`"])
    return f"{table(['times faster than', *SPEEDUPS.values(), 'commit'], rows)}\n{_batch_sizes()}"


def _batch_sizes() -> str:
    """Seconds and accuracy by batch size; ranges over seeds."""
    batch_sizes = io.read_json(BATCH_SIZES)["batch_sizes"]
    rows = [
        [
            str(of["batch_size"]),
            f"{of['seconds']:.0f} ({' to '.join(f'{end:.0f}' for end in of['seconds_range'])})",
            number_format.text(Interval(of["weighted"], *of["weighted_range"])),
        ]
        for of in batch_sizes
    ]
    return table(["samples in a batch", "s for a subject", "validation accuracy"], rows)


def _seconds(times: Mapping[str, Any] | None) -> list[str]:
    """Seconds of a subject and milliseconds of an answer; empty where they were not measured."""
    if times is None:
        return [""] * len(SECONDS)
    shown = []
    for kind, factor in (("subject", 1), ("answer", 1000)):
        ends = (times[f"{kind}_seconds"], *times[f"{kind}_seconds_range"])
        shown.append("{:.1f} ({:.1f} to {:.1f})".format(*(factor * seconds for seconds in ends)))
    return shown
