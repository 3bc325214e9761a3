"""What people write beside their photos, and files of questions: as programs save them, and worse."""

import json
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

from common.core import facts
from common.core.errors import UserError
from common.core.progress import UNKNOWN, plain
from tests.hostile.drawn import JSON, WORDS, damaged, like, written
from tests.hostile.params_files import BOMBS, ODD

LONGEST = 700  # letters of a line of what is said
TOLD = like(
    {
        "facts": st.lists(like({"question": WORDS, "answer": WORDS}), max_size=3),
        "captions": st.dictionaries(WORDS, WORDS, max_size=3),
    }
)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"])
STEPS = st.dictionaries(
    WORDS | st.just("iteration_25"), st.dictionaries(WORDS, st.dictionaries(WORDS, JSON)), max_size=2
)
LINE = like({"question": WORDS, "question_id": JSON, "text": WORDS, "image": WORDS, "subject": WORDS})
CELLS = st.lists(WORDS, max_size=4)


@st.composite
def told(draw: Callable) -> tuple[str, bytes]:
    """A file beside photos: its name and content."""
    if draw(st.booleans()):
        encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]))
        return "description.txt", damaged(
            draw, draw(WORDS | st.text(max_size=5000)).encode(encoding, "replace")
        )
    text = json.dumps(draw(TOLD), ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
    if draw(st.integers(0, 2)) == 0:
        text = draw(st.sampled_from(["facts: ", "captions: ", "- "])) + draw(ODD)
    if draw(st.integers(0, 4)) == 0:
        text = draw(BOMBS) + "facts: *n1"
    return "facts.yaml", damaged(draw, text.encode("utf-8", "surrogatepass"))


def told_texts(data: tuple[str, bytes]) -> None:
    """What is told is plain text about the subject, or refused in short lines."""
    name, content = data
    Path(name).write_bytes(content)
    try:
        if name == "facts.yaml":
            found = facts.read(Path(name), "bo")
            texts = [text for fact in found.facts for text in (fact.question, fact.answer)]
            texts += found.captions.values()
        else:
            texts = [facts.read_description(Path(name), "bo")]
    except UserError as error:
        assert all(len(line) <= LONGEST for line in str(error).split("\n")), error
        return
    for text in texts:
        assert text.strip() and len(text) <= 8000 and "<rex>" not in text and UNKNOWN not in plain(text)


@st.composite
def asked(draw: Callable) -> tuple[str, bytes]:
    """A file of questions: its name and content."""
    kind = draw(st.sampled_from(["csv", "jsonl", "json"]))
    if kind == "csv":
        mark, end = draw(st.sampled_from([",", ";", "\t", "|"])), draw(st.sampled_from(["\n", "\r\n", "\r"]))
        quote = draw(st.sampled_from(["", '"']))
        head = draw(st.permutations(["question", "Image", " subject"]))
        rows = [head, *draw(st.lists(CELLS, max_size=4))]
        text = end.join(mark.join(f"{quote}{cell}{quote}" for cell in row) for row in rows)
        return "q.csv", damaged(draw, text.encode(draw(ENCODINGS), "replace"))
    if kind == "json":
        return "q.json", draw(written(STEPS))
    return "q.jsonl", b"\n".join(draw(st.lists(written(LINE), max_size=4)))


def asked_files(data: tuple[str, bytes]) -> None:
    """Every row is a question in plain text about a photo of its folder, or has its problem told."""
    from commands.ask import questions

    name, content = data
    Path("photos", name).write_bytes(content)
    try:
        found = questions.read(Path("photos", name), [], None)
    except UserError as error:
        assert len(str(error)) <= LONGEST, error
        return
    for row in found.rows:
        assert row.question.strip() and UNKNOWN not in plain(row.question)
        assert row.path is None or row.path.resolve().is_relative_to(Path("photos").resolve())
    assert all(len(problem) <= LONGEST for problem in found.problems)
