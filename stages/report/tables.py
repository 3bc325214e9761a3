"""tables.md: the numbers for people who read text."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.core.paths import SOFT_PROMPT
from common.methods.interface import CONTROLS
from stages.report import number_format, paper
from stages.report.benchmarks import AT_THRESHOLD, BENCHMARKS, BY_SUBJECT, HEADS, MEASURES
from stages.report.domains import Domain
from stages.report.results import APART, differences, failure_rates, mean_costs, read_strictly
from stages.report.scores import Scores

DIALOG = "## A dialog about a test picture of"
FOREIGN = "Pictures of the other sort rejected"
TextRows = list[list[Any]]


def tables(
    headline: Domain,
    rest: Sequence[Domain],
    kinds: Mapping[str, str],
    counts: Mapping[str, Mapping[str, int]],
    dialog: Mapping[str, Any] | None,
) -> str:
    """The content of tables.md: by method, differences, cost, by kind, by subject, the data, other domains.

    `counts` is by subject of the headline (see subject_summary.py), `dialog` as subject_view.dialog gives it.
    """
    scores, predicted = headline.scores, headline.predictions.tables
    names = list(next(iter(counts.values())))
    data = [[subject, *(f"{count[name]:,}" for name in names)] for subject, count in counts.items()]
    lines = [
        "# Results",
        "",
        f"{number_format.subjects(len(scores.subjects))} ({headline.title}); means over subjects with 95 % "
        "bootstrap intervals over subjects and their photos.",
    ]
    for benchmark in BENCHMARKS:
        rows = _by_method(scores, list(benchmark.measures))
        if rows:
            lines += _section(benchmark.title, ["method", *benchmark.measures.values()], rows)
    for comparison in paper.compare([headline, *rest]):
        lines += _section(comparison.title, comparison.head, comparison.rows, comparison.about)
    lines += _section(
        "Soft prompt minus the other, on the same resamples",
        ["minus", *(HEADS[measure] for measure in scores.main())],
        _differences(scores),
        f"{number_format.MARK}: the interval excludes 0.",
    )
    lines += _section(
        "A threshold on P(yes), chosen on photos that training has seen, beside the generated answer",
        ["method", "threshold", "calibration error"]
        + [f"{MEASURES[measure]}, {by}" for measure in AT_THRESHOLD for by in ("answer", "threshold")],
        _thresholds(scores),
    )
    rates = {name: failure_rates(predicted[name]) for name in read_strictly(predicted)}
    lines += _section(
        "Cost of a subject, and answers that could not be read (which count as wrong)",
        ["method", "trainable values", "stored", "prompt tokens", *(f"unreadable: {name}" for name in rates)],
        _costs(scores, mean_costs(predicted["methods"]), rates),
    )
    lines += _section(
        "By kind of subject (soft prompt)",
        ["kind", "subjects", *BY_SUBJECT.values()],
        [
            [
                kind,
                len(members),
                *(number_format.text(scores.interval(SOFT_PROMPT, m, members)) for m in BY_SUBJECT),
            ]
            for kind, members in members_by_kind(kinds, scores.subjects).items()
        ],
    )
    lines += _section(
        "By subject (soft prompt), lowest first",
        ["subject", "kind", *BY_SUBJECT.values()],
        [
            [
                subject,
                kinds[subject],
                *(number_format.decimal(scores.of(subject, SOFT_PROMPT, m)) for m in BY_SUBJECT),
            ]
            for subject in scores.worst_first()
        ],
    )
    for domain in rest:
        lines += _section(
            f"Apart from these: {number_format.subjects(len(domain.subjects))} ({domain.title}), "
            "each against its like",
            ["method", *(HEADS[measure] for measure in APART), FOREIGN],
            _apart(domain),
        )
    lines += _section("Data", ["subject", *(name.replace("_", " ") for name in names)], data)
    if dialog:
        lines += ["", f"{DIALOG} <{dialog['subject']}>", "", "```"]
        lines += [text for turn in dialog["turns"] for text in (f"> {turn['question']}", turn["soft_prompt"])]
        lines += ["```"]
    return "\n".join([*lines, ""])


def members_by_kind(kinds: Mapping[str, str], subjects: Sequence[str]) -> dict[str, list[str]]:
    """These subjects by their kind, kinds in alphabetical order."""
    return {kind: [s for s in subjects if kinds[s] == kind] for kind in sorted({kinds[s] for s in subjects})}


def _apart(domain: Domain) -> TextRows:
    return [
        [
            _title(domain.scores, method),
            *(number_format.text(domain.scores.interval(method, measure)) for measure in APART),
            number_format.decimal(domain.rejected.get(method, float("nan"))),
        ]
        for method in domain.scores.titles
        if any(domain.scores.has(method, measure) for measure in APART)
    ]


def _by_method(scores: Scores, measures: Sequence[str]) -> TextRows:
    return [
        [
            _title(scores, method),
            *(number_format.text(scores.interval(method, measure)) for measure in measures),
        ]
        for method in scores.titles
        if any(scores.has(method, measure) for measure in measures)
    ]


def _differences(scores: Scores) -> TextRows:
    by_measure = {measure: differences(scores, measure) for measure in scores.main()}
    return [
        [
            _title(scores, method),
            *(number_format.difference(of[method]) if method in of else "" for of in by_measure.values()),
        ]
        for method in scores.titles
        if any(method in of for of in by_measure.values())
    ]


def _thresholds(scores: Scores) -> TextRows:
    return [
        [
            _title(scores, method),
            number_format.decimal(scores.thresholds.get(method, float("nan"))),
            number_format.text(scores.calibration_error(method)),
            *(number_format.text(scores.interval(method, m)) for both in AT_THRESHOLD.items() for m in both),
        ]
        for method in scores.titles
        if method in scores.bins
    ]


def _costs(
    scores: Scores, spent: Mapping[str, Mapping[str, float]], rates: Mapping[str, Mapping[str, float]]
) -> TextRows:
    return [
        [
            _title(scores, method),
            number_format.count(spent[method]["trainable"]),
            number_format.size(spent[method]["stored_bytes"]),
            number_format.count(spent[method]["prompt_tokens"]),
            *(number_format.percent(of[method]) if method in of else "" for of in rates.values()),
        ]
        for method in scores.titles
    ]


def _title(scores: Scores, method: str) -> str:
    return f"control: {scores.titles[method]}" if method in CONTROLS else scores.titles[method]


def _section(title: str, header: Sequence[str], rows: TextRows, below: str = "") -> list[str]:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    cells = ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]
    return ["", f"## {title}", "", *cells, *(["", below] if below else [])]
