"""The stage itself: read the predictions, compute, write reports/."""

from collections.abc import Mapping, Sequence

import pandas as pd
import pyarrow as pa

from stages.core import io, paths, progress, schema
from stages.report import page, plots, results, sheets
from stages.report.material import gather
from stages.report.scores import Scores, score
from stages.report.subject_view import Predictions, subject_view


def report(
    subjects: Mapping[str, tuple[str, str]],
    methods: Sequence[str],
    *,
    seed: int,
    resamples: int,
    examples: int,
) -> Scores:
    """Write every file of the report about these subjects (id → kind and source); returns the scores.

    `methods` are those that the soft prompt is compared with.

    Raises UserError when a file of an earlier stage is missing.
    """
    predictions = _read([paths.SOFT_PROMPT, *methods])
    kinds = {subject: kind for subject, (kind, _) in subjects.items()}
    scores = score(
        predictions.recognition, predictions.questions, predictions.titles, subjects, seed, resamples
    )
    material = {
        subject: gather(subject, kind, source, examples)
        for subject, (kind, source) in progress.bar(subjects.items(), "report")
    }
    counts = {subject: found.counts for subject, found in material.items()}
    drawn = {
        "loss": plots.loss_band({subject: found.curve for subject, found in material.items()}),
        "roc": plots.roc(predictions.recognition),
        "scores": plots.score_histogram(predictions.recognition),
        "subjects": plots.subjects(scores, kinds),
    }
    totals = {name: sum(count[name] for count in counts.values()) for name in next(iter(counts.values()))}
    views = {
        subject: subject_view(subject, material[subject], predictions, scores, examples)
        for subject in results.worst_first(scores)
    }
    io.write_json(paths.METRICS, results.flat_metrics(scores, predictions.questions, counts))
    io.write_json(paths.INTERVALS, results.intervals(scores, predictions.recognition, predictions.questions))
    io.write_bytes(paths.TABLES, results.tables(scores, kinds, counts).encode())
    for name, rows in drawn.items():
        io.write_json(paths.PLOTS / f"{name}.json", rows)
    for name, subject in sheets.choose(list(views)).items():
        io.write_bytes(paths.SHEETS / name, sheets.contact_sheet(views[subject], examples))
    io.write_bytes(
        paths.PAGE,
        page.render(scores, kinds, totals | _asked(predictions), drawn, list(views.values())).encode(),
    )
    return scores


def _asked(predictions: Predictions) -> dict[str, int]:
    """What the test consisted of, and how many of the soft prompt's answers could not be read."""
    groups = [group for _, group, _ in predictions.photos]
    unread = [results.parse_failures(table) for table in (predictions.recognition, predictions.questions)]
    return {
        "test_photos": groups.count("test"),
        "look-alikes": len(groups) - groups.count("test"),
        "unreadable_answers": sum(failed.get("soft_prompt", 0) for failed in unread),
    }


def _read(methods: Sequence[str]) -> Predictions:
    """Evaluate's tables of these methods; raises UserError for those of another, which was removed."""
    io.refuse_strays([paths.predictions(method, "").parent for method in methods])

    def table(name: str, columns: object) -> pd.DataFrame:
        tables = [io.read_parquet(paths.predictions(method, name), columns) for method in methods]
        return pa.concat_tables(tables).to_pandas()

    photos = io.read_parquet(paths.predictions(paths.SOFT_PROMPT, "photos"), schema.TEST_PHOTOS).to_pandas()
    names = table("methods", schema.METHODS)
    return Predictions(
        recognition=table("recognition", schema.RECOGNITION),
        questions=table("questions", schema.QUESTIONS),
        conversations=table("conversations", schema.SAMPLE_CONVERSATIONS),
        titles=dict(zip(names.method, names.title, strict=True)),
        photos={(row.owner, row.group, row.photo): row.image["bytes"] for row in photos.itertuples()},
    )
