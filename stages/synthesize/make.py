"""One file of conversations per subject, and what the base knew of all of them before: ask, judge, write."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import vlm
from common.core import io, paths, progress, schema
from common.core.names import spoken
from common.core.subject_params import SubjectParams
from common.prompts.interview import kind_question
from stages.synthesize.interview import doubtful, interview, read_photo
from stages.synthesize.people import Told
from stages.synthesize.prior_knowledge import ask_prior_knowledge, known_before
from stages.synthesize.summary import summarize


@dataclass(frozen=True)
class InterviewSubject:
    """What is asked about: the kind as declared, how people call it, its train photos, what is told of it."""

    kind: str
    name: str
    photos: Sequence[Path]
    told: Told

    @classmethod
    def read(
        cls, subject: str, entry: SubjectParams, photos: Sequence[Path], questions: str
    ) -> "InterviewSubject":
        """Read what is told of a subject; `questions` names the set that is asked.

        Raises UserError for a file that cannot be read.
        """
        told = Told.read(subject, entry.source, entry.noun, kind_question(entry.kind, questions))
        return cls(entry.kind, entry.name or spoken(subject), photos, told)


def make(
    base: vlm.Base,
    subjects: Mapping[str, InterviewSubject],
    *,
    questions: str,
    summary: bool,
    max_new_tokens: int,
    batch_size: int,
) -> str:
    """Write data/conversations/<id>.parquet and data/prior_knowledge.parquet; return what was made.

    `questions` names the set of prompts.yaml that is asked; `summary` says whether the base also describes
    each subject by what its captions say.

    Raises UserError for a photo that cannot be read.
    """
    options = {"max_new_tokens": max_new_tokens, "batch_size": batch_size}
    kept = dropped = 0
    known = []
    for name, subject in progress.bar(subjects.items(), "synthesize"):
        photos = [read_photo(photo) for photo in subject.photos]
        rows = interview(base, name, subject.kind, photos, subject.told, questions=questions, **options)
        if summary:
            rows += summarize(base, name, subject.kind, rows, **options)
        io.write_parquet(paths.conversations(name), rows, schema.CONVERSATIONS, sort_by=["photo", "turn"])
        before = ask_prior_knowledge(base, name, subject.name, **options)
        known += before
        for warning in filter(None, (doubtful(name, subject.kind, rows), known_before(before))):
            print(f"warning: {warning}", file=sys.stderr)
        kept += sum(row["kind"] == "qa" for row in rows)
        dropped += sum(row["kind"] == "dropped" for row in rows)
    order = ["subject", "invented", "name", "question"]
    io.write_parquet(paths.PRIOR_KNOWLEDGE, known, schema.PRIOR_KNOWLEDGE, sort_by=order)
    io.keep_only(paths.CONVERSATIONS, map(paths.conversations, subjects))
    return f"{len(subjects)} subjects, {kept:,} questions answered, {dropped:,} answers dropped"
