"""Our numbers beside those that the paper published: those of this run, and those of studies over seeds.

The levels can be compared on the paper's own subjects alone, which `python -m commands.add yollava` brings:
they have a column of their own.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from common.core import io, paths
from common.core.paths import YOLLAVA_PREFIX
from stages.report import number_format, results
from stages.report.domains import Domain
from stages.report.published import PUBLISHED, Published
from stages.report.scores import Scores

STUDIES = paths.REPORTS / "ablation"  # kept in git: a file for each study that was run
HEAD = ("table", "what", "paper")


class PaperTable(NamedTuple):
    """A table of the paper's numbers beside ours."""

    title: str
    about: str
    head: list[str]
    rows: list[list[str]]


class Column(NamedTuple):
    """Subjects whose numbers stand below each other."""

    title: str
    scores: Scores
    subjects: Sequence[str]


def compare(domains: Sequence[Domain]) -> list[PaperTable]:
    """This run's numbers, a column for each domain, then those of the studies that reports/ablation holds."""
    columns = [column for domain in domains for column in _columns(domain)]
    of_run = [
        [*_printed(row), row.others, *(_measured(column, row) for column in columns), row.protocol]
        for row in PUBLISHED
        if row.study is None
    ]
    of_studies = [[*_printed(row), _studied(row)] for row in PUBLISHED if row.study is not None]
    return [
        PaperTable(
            "Beside the paper",
            "The paper's numbers are of LLaVA-1.5-13B and its forty subjects. With other subjects or another "
            "base, levels cannot be compared; which method leads can.",
            [
                *HEAD,
                "beside it, there and elsewhere",
                *(column.title for column in columns),
                "how ours differ",
            ],
            of_run,
        ),
        PaperTable(
            "Beside the paper: what each part brings",
            "Ours are means over the seeds of make ablation, of drawn subjects, and no numbers of this run. "
            "Recognition is the mean of own photos and others'; Figure 5 shows own photos.",
            [*HEAD, "ours"],
            of_studies,
        ),
    ]


def _columns(domain: Domain) -> list[Column]:
    """The domain's subjects, and apart those of the paper's dataset, if there are some."""
    published = [subject for subject in domain.subjects if subject.startswith(YOLLAVA_PREFIX)]
    columns = [Column("the paper's subjects", domain.scores, published)] if published else []
    if len(published) < len(domain.subjects):
        columns.insert(0, Column(domain.title, domain.scores, domain.subjects))
    return columns


def _printed(row: Published) -> list[str]:
    return [row.table, row.what, row.value]


def _measured(column: Column, row: Published) -> str:
    """The row's measures of a run; n/a for what was not asked."""
    intervals = (column.scores.interval(row.method, measure, column.subjects) for measure in row.measures)
    return _joined([number_format.text(interval) for interval in intervals])


def _studied(row: Published) -> str:
    """The row's measures of a step of a study, or how to run it."""
    path = STUDIES / f"{row.study}.json"
    steps: dict[str, Any] = io.read_json(path) if path.exists() else {}
    if row.step not in steps:
        return f"not run: make ablation STUDIES={row.study}"
    estimates = steps[row.step]["estimates"]
    return _joined([number_format.text(results.from_json(estimates[measure])) for measure in row.measures])


def _joined(shown: Sequence[str]) -> str:
    """Several as the paper prints them; n/a once where there are none."""
    return "n/a" if all(text == "n/a" for text in shown) else " / ".join(shown)
