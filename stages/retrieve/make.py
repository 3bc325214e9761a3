"""One file of negatives per subject: search, choose, draw, write."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.core import io, paths, progress
from stages.core.clip import Clip
from stages.core.errors import UserError
from stages.core.schema import NEGATIVES
from stages.core.seed import stream
from stages.core.web import causes
from stages.retrieve import corpus, photos
from stages.retrieve.select import Candidate, Choice, Subject, draw, interleave
from stages.retrieve.service import Service

ROUND = 64  # candidates looked at before asking whether there are enough


@dataclass(frozen=True)
class Rules:
    """How many negatives, and what may be one."""

    hard: int
    easy: int
    neighbors: int  # searched per train photo
    min_similarity: float
    max_similarity: float
    near_duplicate: float


def make(
    subjects: Mapping[str, str], base_clip: str, revision: str | None, device: str, rules: Rules, seed: int
) -> str:
    """Write data/negatives/<id>.parquet for every subject (id → source of photos). Returns a summary."""
    card = corpus.read_card()
    clip = Clip(base_clip, revision, device)
    searched = Service(clip, card) if card["source"] == "service" else corpus.LocalIndex(clip, card)
    made, refused, short = Counter(), Counter(), []
    for name, source in progress.bar(subjects.items(), "retrieve"):
        own = photos.read(
            paths.train_photos(name, source), paths.test_photos(name, source), clip, card["image_size"]
        )
        rows, left_out = negatives(searched, own, rules, stream(seed, "retrieve", name))
        if not rows and rules.hard + rules.easy:
            raise UserError(
                f"the index holds no negative for {name} (left out: {causes(left_out)}): use a larger index"
            )
        io.write_parquet(
            paths.negatives(name),
            rows,
            NEGATIVES,
            [("role", "descending"), ("score", "descending"), ("key", "ascending")],
        )
        found = Counter(row["role"] for row in rows)
        made += found
        refused += left_out
        short += [
            f"{name} has {found[role]:,} of {wanted:,} {role} ones"
            for role, wanted in (("hard", rules.hard), ("easy", rules.easy))
            if found[role] < wanted
        ]
    io.keep_only(paths.NEGATIVES, map(paths.negatives, subjects))
    summary = f"{len(subjects)} subjects, {made['hard']:,} hard and {made['easy']:,} easy negatives"
    return "; ".join([summary, f"left out: {causes(refused)}", *short])


def negatives(
    searched: corpus.Corpus, own: Subject, rules: Rules, generator: Any
) -> tuple[list[dict[str, Any]], Counter]:
    """Rows of NEGATIVES for one subject, and counts of what was left out by reason."""
    left_out = Counter()
    choice = Choice(own, rules.max_similarity, rules.near_duplicate, left_out=left_out)
    scores, ids = searched.search(own.vectors, rules.neighbors)
    looked_at: set[int] = set()
    hard = _fill(choice, searched, interleave(scores, ids, rules.min_similarity), rules.hard, looked_at)
    easy = _fill(
        choice, searched, draw(generator, searched.size, rules.easy + len(looked_at)), rules.easy, looked_at
    )
    hard.sort(key=lambda candidate: (-choice.score(candidate)[0], candidate.key))
    rows = [_row("hard", rank, candidate, choice) for rank, candidate in enumerate(hard)]
    return rows + [_row("easy", rank, candidate, choice) for rank, candidate in enumerate(easy)], left_out


def _fill(
    choice: Choice, searched: corpus.Corpus, ids: Sequence[int], wanted: int, looked_at: set[int]
) -> list[Candidate]:
    """Look at rows in order, each once, until `wanted` are kept or none is left."""
    kept: list[Candidate] = []
    ids = [i for i in ids if i not in looked_at]
    for start in range(0, len(ids), ROUND):
        if len(kept) == wanted:
            break
        batch = ids[start : start + ROUND]
        found = searched.candidates(batch, choice.left_out)
        looked_at |= set(batch) - {candidate.id for candidate in found}  # those that cannot be had
        for candidate in found:
            if len(kept) == wanted:
                break
            looked_at.add(candidate.id)
            if choice.consider(candidate):
                kept.append(candidate)
    return kept


def _row(role: str, rank: int, candidate: Candidate, choice: Choice) -> dict[str, Any]:
    score, photo = choice.score(candidate)
    picture = candidate.picture
    return {
        "role": role,
        "rank": rank,
        "score": score,
        "query": photo if role == "hard" else None,
        "key": candidate.key,
        "url": candidate.url,
        "caption": candidate.caption,
        "sha256": picture.sha256,
        "image": {"bytes": picture.data, "path": str(Path(candidate.key).with_suffix(picture.suffix))},
    }
