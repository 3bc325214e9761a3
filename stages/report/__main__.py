"""python -m stages.report: metrics with intervals, plots, contact sheets, tables and reports/index.html."""

from stages.core import errors, params
from stages.report.report import report
from stages.report.wording import text


def main() -> str:
    """Read the parameters and the predictions, write reports/."""
    p = params.load()
    scores = report(
        {subject: (entry.kind, entry.source) for subject, entry in p.subjects.items()},
        list(p.methods),
        seed=p.seed,
        resamples=p.report.bootstrap,
        examples=p.report.examples,
    )
    weighted = scores.interval("soft_prompt", "recognition.weighted")
    return f"{len(p.subjects)} subjects, weighted recognition {text(weighted)}, reports/index.html"


if __name__ == "__main__":
    errors.run(main)
