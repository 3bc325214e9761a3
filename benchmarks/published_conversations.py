"""python -m benchmarks.published_conversations [FOLDER …]: the authors' example conversations, asked of ours.

Each FOLDER is a copy of this repository in which subjects were trained; without one, this is. The questions
of the paper's Figure 1 and of its tables of examples (published_conversations.yaml) are asked about these
subjects, a kind for a kind where there is one, and their test photos. Writes reports/chat/conversations.md:
whole answers, as they came.
"""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from benchmarks import report
from common.assistant import Assistant, Conversation
from common.core import errors, images, io, params, paths
from common.testdata.ground_truth import load_two_subjects

QUESTIONS = Path(__file__).with_suffix(".yaml")
TABLE = paths.REPORTS / "chat" / "conversations.md"
HEAD = """# The published conversations, asked of the small base models

What the authors of Yo'LLaVA ask in the conversations that they show (the paper's Figure 1 and tables 3 and 9
to 14, worded as on their project page), asked of our soft prompts. Their subjects and photos are their own:
ours stand in their place, so that "her outfit" may be a duck's. Answers are greedy and whole, and stand here
as they came: a line with a number names the photo, `>` begins a question.

The bases of this repository are small and know short questions in a few forms. Whether somebody is there they
often tell; what lies outside these forms goes wrong, as can be seen.

Made by `python -m benchmarks.published_conversations FOLDER …`, commit `{commit}`.
"""


class Shown(NamedTuple):
    """A photo; `name` tells a reader which."""

    name: str
    path: Path | None


def main(*folders: str) -> str:
    """Ask in every folder, and write all answers."""
    asked = YAML(typ="safe").load(QUESTIONS.read_text(encoding="utf-8"))
    lines = [HEAD.format(commit=report.commit())]
    for folder in folders or (".",):
        with chdir(folder):
            lines += section(asked["roles"], asked["conversations"])
    io.write_bytes(TABLE, "\n".join(lines).encode())
    return (
        f"{len(asked['conversations'])} conversations with subjects of {len(folders) or 1} folders, {TABLE}"
    )


def section(roles: Mapping[str, Sequence[str]], conversations: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Markdown of the base, who stands for whom, and what was said; UserError with too few subjects."""
    p = params.load()
    assistant = Assistant.of(p)
    cast = cast_roles(roles, {name: p.subjects[name].kind for name in assistant.trained()})
    yield f"## {p.base.vlm.model}\n"
    alone = f"{p.chat.history} turns stay in view" if p.chat.history else "each question stands alone"
    yield f"Preset `{p.base.preset}`, seed {p.seed}, learned at commit `{_commit()}`; {alone}.\n"
    yield "| here | kind | in the place of |\n| --- | --- | --- |"
    for role, subject in cast.items():
        yield f"| `<{subject}>` | {p.subjects[subject].kind} | `<{role}>` |"
    photos = Photos(
        {subject: p.subjects[subject].source for subject in cast.values()}, p.evaluate.two_subjects
    )
    names = {role: f"<{subject}>" for role, subject in cast.items()}
    yield "\n```"
    for number, conversation in enumerate(conversations, 1):
        shown = photos.of(conversation["photo"], [cast[role] for role in conversation["about"]])
        yield f"{number}. {shown.name}"
        talk = Conversation(assistant, image=images.load_image(shown.path) if shown.path else None)
        for question in conversation["questions"]:
            yield f"> {question.format(**names)}\n{said(talk, question.format(**names))}"
    yield "```\n"


def said(talk: Conversation, question: str) -> str:
    """The answer, or why there is none."""
    try:
        *_, answer = talk.ask(question)
    except errors.UserError as error:
        return f"({error})"
    return answer.text + " … (cut off)" * answer.cut_off


def cast_roles(roles: Mapping[str, Sequence[str]], kinds: Mapping[str, str]) -> dict[str, str]:
    """Role → subject of the first of its kinds that is left, else anyone; UserError if they are too few.

    Args:
        roles: role → kinds.
        kinds: subject → kind.

    """
    if len(kinds) < len(roles):
        raise errors.UserError(f"{len(kinds)} trained subjects cannot stand for {len(roles)}: train more")
    left = list(kinds)
    cast = {}
    for role, wanted in roles.items():
        fitting = (subject for kind in wanted for subject in left if kinds[subject] == kind)
        cast[role] = next(fitting, left[0])
        left.remove(cast[role])
    return cast


def _commit() -> str:
    return subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip()


class Photos:
    """Test photos: of a subject the next one each time."""

    def __init__(self, sources: Mapping[str, str], together: str | None) -> None:
        """Look for photos of subjects (id → source), and of two at once in the folder `together`."""
        self._own = {
            subject: images.list_photos(paths.test_photos(subject, source))
            for subject, source in sources.items()
        }
        self._together = []
        if together and all(source == "world" for source in sources.values()):
            self._together = [
                (set(row.shown), Path(together) / row.image) for row in load_two_subjects(Path(together))
            ]
        self._turn = dict.fromkeys(self._own, 0)

    def of(self, which: str, subjects: Sequence[str]) -> Shown:
        """The photo that a conversation about these subjects is to have: own, both, other or none."""
        if which == "none":
            return Shown("no photo", None)
        if which == "both":
            pairs = [(shown, path) for shown, path in self._together if subjects[0] in shown]
            pairs.sort(key=lambda pair: subjects[1] not in pair[0])
            if pairs:
                return Shown(f"{' and '.join(sorted(pairs[0][0]))}, {pairs[0][1].name}", pairs[0][1])
        subject = subjects[0]
        if which == "other":
            subject = next(other for other in reversed(self._own) if other not in subjects)
        own = self._own[subject]
        path = own[self._turn[subject] % len(own)]
        self._turn[subject] += 1
        return Shown(f"{subject}, {path.name}", path)


if __name__ == "__main__":
    errors.run(main)
