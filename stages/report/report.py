"""The stage itself: read the predictions, compute, write reports/."""

from collections.abc import Mapping

import pandas as pd

from stages.core import io, paths, progress, schema
from stages.report import page, plots, results, sheets
from stages.report.material import gather
from stages.report.scores import Scores, score
from stages.report.subject_view import Predictions, subject_view


def report(subjects: Mapping[str, tuple[str, str]], *, seed: int, resamples: int, examples: int) -> Scores:
    """Write every file of the report about these subjects (id → kind and source); returns the scores.

    Raises UserError when a file of an earlier stage is missing.
    """
    predictions = _read()
    kinds = {subject: kind for subject, (kind, _) in subjects.items()}
    scores = score(predictions.recognition, predictions.questions, subjects, seed, resamples)
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


def _read() -> Predictions:
    def table(name: str, columns: object) -> pd.DataFrame:
        return io.read_parquet(paths.predictions(name), columns).to_pandas()

    photos = table("photos", schema.TEST_PHOTOS)
    return Predictions(
        recognition=table("recognition", schema.RECOGNITION),
        questions=table("questions", schema.QUESTIONS),
        conversations=table("conversations", schema.SAMPLE_CONVERSATIONS),
        photos={(row.owner, row.group, row.photo): row.image["bytes"] for row in photos.itertuples()},
    )
