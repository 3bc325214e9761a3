"""All subjects at once: which file or folder is whose, as of a dataset that was imported with its heads.

In the path ``{}`` stands for the subject, and ``*`` for anything:

    python -m commands.convert myvlm-head all 'heads/{}/seed_0/*-step-500.pt' --read

To be read, a subject is found under its id, or under the name that its dataset knows it by: ``my_cat`` of
``myvlm-my-cat``. Subjects that nothing is found of are left as they are.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from common.core import progress
from common.core.errors import UserError
from common.core.paths import MYVLM_PREFIX, YOLLAVA_PREFIX

ALL, SUBJECT = "all", "{}"


def paths_of(subjects: Iterable[str], pattern: str, *, read: bool) -> dict[str, Path]:
    """Id → its path: what is there, to be read; else where to write.

    Raises UserError if the pattern has no place for the subject, nothing is there, or more than one for one.
    """
    if SUBJECT not in pattern:
        raise UserError(
            f"{pattern} is the same for all subjects: write {SUBJECT} where each one's name belongs"
        )
    if not read:
        return {subject: Path(pattern.replace(SUBJECT, subject)) for subject in subjects}
    paths: dict[str, Path] = {}
    for subject in subjects:
        there = list(dict.fromkeys(path for name in _names(subject) for path in _there(pattern, name)))
        if there[1:]:
            raise UserError(f"{there[0]} and {there[1]} may both be {subject}'s: write more of the path")
        if there:
            paths[subject] = there[0]
    if not paths:
        raise UserError(f"{pattern} is there for none of the subjects in params.yaml: look at its folders")
    return paths


def told(done: Mapping[str, str]) -> str:
    """Show a line for each subject; return how many there were, as words for a summary."""
    for subject, made in done.items():
        progress.say(f"{subject}: {made}")
    return f"{len(done)} subjects"


def _names(subject: str) -> list[str]:
    """What a subject may be called, its id first."""
    published = subject.removeprefix(YOLLAVA_PREFIX).removeprefix(MYVLM_PREFIX)
    return list(dict.fromkeys([subject, published, published.replace("-", "_")]))


def _there(pattern: str, name: str) -> list[Path]:
    """The paths that there are, in order."""
    path = Path(pattern.replace(SUBJECT, name))
    if "*" not in pattern:
        return [path] if path.exists() else []
    return sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
