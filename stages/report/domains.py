"""Drawings and photographs are two domains: none is a negative of the other, and no mean holds both.

A subject's source says which it is. Where params.yaml lists subjects of both, the world's make the headline,
whatever is added beside them, and the user's own stand in rows of their own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from stages.report.answers import Predictions
from stages.report.measures import with_outcome
from stages.report.scores import Scores, score

TITLES = {"world": "drawings", "own": "own photos"}  # source → what its pictures are; the headline's first


@dataclass(frozen=True)
class Domain:
    """Subjects whose pictures are of one sort, what was asked of them about such pictures, and the scores."""

    source: str
    predictions: Predictions
    scores: Scores
    rejected: Mapping[
        str, float
    ]  # by method: share of the other domains' photos that were not taken for a subject

    @property
    def title(self) -> str:
        """What the pictures are."""
        return TITLES[self.source]

    @property
    def subjects(self) -> tuple[str, ...]:
        """Ids, in the order of params.yaml."""
        return self.scores.subjects


def split(everything: Predictions, sources: Mapping[str, str], seed: int, resamples: int) -> list[Domain]:
    """Score the subjects (id → source) of each domain by itself, the headline's first."""
    members = {source: [s for s, of in sources.items() if of == source] for source in TITLES}
    return [
        _domain(source, everything, subjects, seed, resamples)
        for source, subjects in members.items()
        if subjects
    ]


def _domain(source: str, everything: Predictions, subjects: list[str], seed: int, resamples: int) -> Domain:
    inside = Predictions(
        {name: _within(table, subjects) for name, table in everything.tables.items()},
        {key: image for key, image in everything.photos.items() if key[0] in subjects},
    )
    scores = score(inside.tables, inside.titles, subjects, seed, resamples)
    asked = everything.tables["recognition"]
    foreign = with_outcome(asked[asked.subject.isin(subjects) & ~asked.owner.isin(subjects)])
    return Domain(source, inside, scores, foreign.groupby("method").correct.mean().to_dict())


def _within(table: pd.DataFrame, subjects: Iterable[str]) -> pd.DataFrame:
    """What was asked of these subjects and about their photos; what was asked with nobody in place stays."""
    kept = table.subject.isin(subjects) | table.subject.isna()
    if "owner" in table:
        kept &= table.owner.isin(subjects)
    return table[kept]
