"""One file of negatives per subject: search, choose, draw, write."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.clip import Clip
from common.core import io, paths, progress
from common.core.errors import UserError
from common.core.schema import NEGATIVES
from common.core.seed import stream
from common.corpus.web import causes
from stages.retrieve import corpus, photos
from stages.retrieve.card import card
from stages.retrieve.photos import SubjectPhotos
from stages.retrieve.select import Candidate, Choice, QuerySubject, draw, interleave
from stages.retrieve.service import RemoteService

BATCH = 64  # candidates looked at before asking whether there are enough
ROLES = ("hard", "easy")


@dataclass(frozen=True)
class Rules:
    """How many negatives, and what may be one."""

    hard: int
    easy: int
    neighbors: int  # searched per train photo
    rounds: int  # of searching, each for twice as many, and of drawing
    min_similarity: float
    max_similarity: float
    near_duplicate: float


def make(
    subjects: Mapping[str, SubjectPhotos],
    base_clip: str,
    revision: str | None,
    device: str,
    rules: Rules,
    seed: int,
) -> str:
    """Write data/negatives/<id>.parquet for every subject. Returns a summary."""
    index = corpus.read_card()
    clip = Clip(base_clip, revision, device)
    searched = RemoteService(clip, index) if index["source"] == "service" else corpus.LocalIndex(clip, index)
    made, refused, short, counts = Counter(), Counter(), [], {}
    for name, subject in progress.bar(subjects.items(), "retrieve"):
        own = photos.read(subject, clip, index["image_size"])
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
        kept = Counter(row["role"] for row in rows)
        made += kept
        refused += left_out
        counts[name] = {
            role: {"wanted": wanted, "found": kept[role], "missing": wanted - kept[role]}
            for role, wanted in (("hard", rules.hard), ("easy", rules.easy))
        } | {"left_out": dict(left_out)}
        short += [
            f"{name} has {count['found']:,} of {count['wanted']:,} {role} ones"
            for role, count in counts[name].items()
            if role in ROLES and count["missing"]
        ]
    io.write_json(paths.NEGATIVES_CARD, card(index, base_clip, revision, rules, counts))
    io.keep_only(paths.NEGATIVES, [*map(paths.negatives, subjects), paths.NEGATIVES_CARD])
    summary = f"{len(subjects)} subjects, {made['hard']:,} hard and {made['easy']:,} easy negatives"
    return "; ".join([summary, f"left out: {causes(refused)}", *short])


def negatives(
    searched: corpus.Corpus, own: QuerySubject, rules: Rules, generator: Any
) -> tuple[list[dict[str, Any]], Counter]:
    """Rows of NEGATIVES for one subject, and counts of what was left out by reason.

    While some are missing, for links are dead or rules speak against pictures, the corpus is asked for more:
    in each round for twice as many neighbors, or for as many further draws.
    """
    left_out = Counter()
    choice = Choice(own, rules.max_similarity, rules.near_duplicate, left_out=left_out)
    looked_at: set[int] = set()
    hard = _fill(choice, searched, _nearest(searched, own, rules), rules.hard, looked_at)
    easy = _fill(choice, searched, _drawn(searched, rules, generator, looked_at), rules.easy, looked_at)
    hard.sort(key=lambda candidate: (-choice.score(candidate)[0], candidate.key))
    rows = [_row("hard", rank, candidate, choice) for rank, candidate in enumerate(hard)]
    return rows + [_row("easy", rank, candidate, choice) for rank, candidate in enumerate(easy)], left_out


def _nearest(searched: corpus.Corpus, own: QuerySubject, rules: Rules) -> Iterator[list[int]]:
    for turn in range(rules.rounds):
        yield interleave(*searched.search(own.vectors, rules.neighbors * 2**turn), floor=rules.min_similarity)


def _drawn(searched: corpus.Corpus, rules: Rules, generator: Any, looked_at: set[int]) -> Iterator[list[int]]:
    for _ in range(rules.rounds):
        yield draw(generator, searched.size, rules.easy + len(looked_at))


def _fill(
    choice: Choice,
    searched: corpus.Corpus,
    rounds: Iterator[list[int]],
    wanted: int,
    looked_at: set[int],
) -> list[Candidate]:
    """Look at rows in order, each once, until `wanted` are kept or a round has nothing new."""
    kept: list[Candidate] = []
    while len(kept) < wanted and (ids := [i for i in next(rounds, []) if i not in looked_at]):
        for start in range(0, len(ids), BATCH):
            if len(kept) == wanted:
                break
            batch = ids[start : start + BATCH]
            candidates = searched.candidates(batch, choice.left_out)
            looked_at |= set(batch) - {candidate.id for candidate in candidates}  # those that cannot be had
            for candidate in candidates:
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
        **candidate.entry._asdict(),
        "sha256": picture.sha256,
        "original_sha256": picture.original_sha256,
        "image": {"bytes": picture.data, "path": str(Path(candidate.key).with_suffix(picture.suffix))},
    }
