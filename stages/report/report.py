"""The stage itself: read the predictions, compute, write reports/."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from common.core import io, log, paths, progress, schema
from common.core.paths import SOFT_PROMPT
from stages.report import domains, explanations, page, plots, results, sheets
from stages.report.answers import Predictions, failures
from stages.report.benchmarks import BENCHMARKS
from stages.report.domains import Domain
from stages.report.subject_summary import gather, made_with
from stages.report.subject_view import dialog, subject_view
from stages.report.tables import tables

OPTIONAL = {benchmark.table for benchmark in BENCHMARKS if benchmark.optional}
TABLES = {benchmark.table: benchmark.columns for benchmark in BENCHMARKS} | {  # of evaluate
    "threshold_set": schema.THRESHOLD_SET,
    "conversations": schema.SAMPLE_CONVERSATIONS,
    "own_questions": schema.OWN_QUESTIONS,
    "token_explanations": schema.TOKEN_EXPLANATIONS,
    "methods": schema.METHODS,
}


def report(
    subjects: Mapping[str, tuple[str, str]],
    train: Mapping[str, Sequence[Path]],
    methods: Sequence[str],
    *,
    seed: int,
    resamples: int,
    examples: int,
) -> list[Domain]:
    """Write every file of the report about these subjects (id → kind and source).

    Returns the headline's domain, then the rest. `train` holds the photos that were learned from; `methods`
    are what the soft prompt is compared with.

    Raises UserError when a file of an earlier stage is missing.
    """
    everything = _read([SOFT_PROMPT, *methods])
    kinds = {subject: kind for subject, (kind, _) in subjects.items()}
    with log.phase("score"):
        sources = {subject: source for subject, (_, source) in subjects.items()}
        scored = domains.split(everything, sources, seed, resamples)
    headline, *rest = scored
    scores, p = headline.scores, headline.predictions
    recognition = p.tables["recognition"]
    summaries = {
        subject: gather(subject, kind, train[subject], examples)
        for subject, (kind, _) in progress.bar(subjects.items(), "report")
    }
    counts = {subject: summaries[subject].counts for subject in scores.subjects}
    curves = {method: plots.roc(recognition, method) for method in scores.methods}
    drawn = {
        "loss": plots.loss_band({subject: summaries[subject].curve for subject in scores.subjects}),
        "methods": plots.methods(scores),
        "reliability": plots.reliability(scores),
        "roc": curves[SOFT_PROMPT],
        "scores": plots.score_histogram(recognition),
        "subjects": plots.subjects(scores, kinds),
    }
    totals = {name: sum(count[name] for count in counts.values()) for name in next(iter(counts.values()))}
    views = {
        subject: subject_view(subject, summaries[subject], domain, examples)
        for domain in scored
        for subject in domain.scores.worst_first()
    }
    shown = dialog([views[subject] for subject in scores.worst_first()])
    measured = results.flat_metrics(scores, p.tables["questions"], counts) | results.apart(rest)
    flat = results.as_json(measured)
    io.write_json(paths.METRICS, {name: interval["value"] for name, interval in flat.items()})
    io.write_json(paths.INTERVALS, {"metrics": flat} | results.intervals(scores, p.tables))
    io.write_bytes(paths.TABLES, tables(headline, rest, kinds, counts, shown).encode())
    for name, rows in drawn.items():
        io.write_json(paths.PLOTS / f"{name}.json", rows)
    for name, subject in sheets.choose(scores.worst_first()).items():
        io.write_bytes(paths.SHEETS / name, sheets.contact_sheet(views[subject], examples))
    html = page.render(
        headline,
        rest,
        made_with(list(subjects), seed, resamples),
        kinds,
        totals | _tested(p),
        drawn,
        curves,
        results.mean_costs(p.tables["methods"]),
        results.failure_rates(_read_strictly(p)),
        list(views.values()),
        failures(p, {subject: of.train[0] for subject, of in summaries.items()}, scores, 2 * examples),
        shown,
        explanations.worth(p.tables["token_explanations"], seed, resamples),
    )
    io.write_bytes(paths.PAGE, html.encode())
    return scored


def _read_strictly(predictions: Predictions) -> pd.DataFrame:
    """All answers that had to be one of some words: method, and what they were read as."""
    tables = (predictions.tables[name] for name in results.read_strictly(predictions.tables))
    return pd.concat([table[["method", "parsed"]] for table in tables])


def _tested(predictions: Predictions) -> dict[str, int]:
    """What the test consisted of."""
    groups = [group for _, group, _ in predictions.photos]
    answers = {
        f"{name}_answers_per_method": int((predictions.tables[name].method == SOFT_PROMPT).sum())
        for name in results.read_strictly(predictions.tables)
    }
    return {"test_photos": groups.count("test"), "look-alikes": len(groups) - groups.count("test")} | answers


def _read(methods: Sequence[str]) -> Predictions:
    """Evaluate's tables of these methods; raises UserError for those of another, which was removed."""
    io.refuse_strays([paths.predictions(method, "").parent for method in methods])

    tables = {
        name: pa.concat_tables(
            io.read_parquet(paths.predictions(method, name), columns) for method in methods
        ).to_pandas()
        for name, columns in TABLES.items()
        if name not in OPTIONAL or paths.predictions(SOFT_PROMPT, name).exists()
    }
    photos = io.read_parquet(paths.predictions(SOFT_PROMPT, "photos"), schema.TEST_PHOTOS).to_pandas()
    return Predictions(
        tables, {(row.owner, row.group, row.photo): row.image["bytes"] for row in photos.itertuples()}
    )
