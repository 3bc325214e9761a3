"""python -m stages.report: metrics with intervals, plots, contact sheets, tables and reports/index.html."""

from common.core import errors, params, train_photos
from stages.report.console import summary
from stages.report.report import report


def main() -> str:
    """Read the parameters and the predictions, write reports/."""
    p = params.load()
    scored = report(
        {subject: (entry.kind, entry.source) for subject, entry in p.subjects.items()},
        {
            subject: train_photos.choose(subject, entry.source, p.train_photos, p.seed)
            for subject, entry in p.subjects.items()
        },
        list(p.methods),
        seed=p.seed,
        resamples=p.report.bootstrap,
        examples=p.report.examples,
    )
    return summary(scored)


if __name__ == "__main__":
    errors.run(main)
