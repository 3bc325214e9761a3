"""The rules of choice: in which order neighbors are looked at, and which of them are left out.

Pure functions and small values; nothing here reads a file or asks a server.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from common.core.images import pixel_sha256
from common.corpus.corpus_entry import CorpusEntry
from common.corpus.web import CorpusImage


@dataclass(frozen=True)
class Candidate:
    """An image of the corpus that may become a negative."""

    id: int  # row number in the corpus
    key: str
    entry: CorpusEntry  # what the corpus says of it
    picture: CorpusImage
    vector: np.ndarray  # (d,) float32, unit length

    def hashes(self) -> set[str]:
        """What identifies this image byte by byte and pixel by pixel."""
        return {self.picture.sha256, pixel_sha256(self.picture.image)}


@dataclass(frozen=True)
class QuerySubject:
    """What is known of the photos that must not be taken for negatives."""

    names: list[str]  # train photos' file names
    vectors: np.ndarray  # (photos, d) float32, unit length: what is searched with
    mirrored: np.ndarray  # (photos, d) of the same photos flipped left to right
    hashes: frozenset[str]  # of the bytes and pixels of train and test photos


@dataclass
class Choice:
    """Candidates kept so far, and why others were not."""

    subject: QuerySubject
    max_similarity: (
        float  # to a train photo or its mirror image: at or above it, the candidate is the subject
    )
    near_duplicate: float  # to a kept candidate: at or above it, the two are one picture
    kept: list[Candidate] = field(default_factory=list)
    hashes: set[str] = field(default_factory=set)
    left_out: Counter = field(default_factory=Counter)

    def consider(self, candidate: Candidate) -> bool:
        """Keep the candidate unless a rule speaks against it; the rule that did is counted."""
        reason = self._against(candidate)
        if reason:
            self.left_out[reason] += 1
            return False
        self.kept.append(candidate)
        self.hashes |= candidate.hashes()
        return True

    def score(self, candidate: Candidate) -> tuple[float, str]:
        """Cosine similarity to the nearest train photo, and that photo's name."""
        similarities = self.subject.vectors @ candidate.vector
        nearest = int(similarities.argmax())
        return float(similarities[nearest]), self.subject.names[nearest]

    def _against(self, candidate: Candidate) -> str | None:
        hashes = candidate.hashes()
        if hashes & self.subject.hashes:
            return "the subject's own photo"
        score, _ = self.score(candidate)
        if max(score, float((self.subject.mirrored @ candidate.vector).max())) >= self.max_similarity:
            return "too similar to be another"
        if hashes & self.hashes:
            return "duplicate"
        if (
            self.kept
            and max(float(other.vector @ candidate.vector) for other in self.kept) >= self.near_duplicate
        ):
            return "near duplicate"
        return None


def interleave(scores: np.ndarray, ids: np.ndarray, floor: float) -> list[int]:
    """Neighbors of several photos, (photos, m) each sorted by falling score, as one order without repetition.

    First the nearest neighbor of every photo, then every second one, and so on, so that each photo
    contributes its own closest images; within a round by falling score. Scores below the floor
    and negative ids (fewer than m neighbors) are passed over.
    """
    order: dict[int, None] = {}
    for round_scores, round_ids in zip(scores.T, ids.T, strict=True):
        for place in np.lexsort((round_ids, -round_scores)):
            if round_ids[place] >= 0 and round_scores[place] >= floor:
                order.setdefault(int(round_ids[place]))
    return list(order)


def draw(generator: np.random.Generator, size: int, wanted: int) -> list[int]:
    """Row numbers in random order, each once: several times as many as wanted, for some will be left out."""
    return generator.choice(size, min(size, 10 * wanted + 100), replace=False).tolist()
