"""JSON that people import: every format of `commands.convert`, and benchmarks', nearly as it should be."""

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from common.core import io, paths, schema
from common.core.errors import UserError
from common.core.progress import UNKNOWN
from common.testdata import ground_truth
from common.testdata.general_vqa import load_general_vqa
from tests.hostile.drawn import JSON, WORDS, like, written

TURN = like({"Human": WORDS, "AI": WORDS})
ROLE = written(st.dictionaries(WORDS, st.lists(TURN, max_size=2), max_size=2))
SAID = like({"from": st.sampled_from(["human", "gpt"]), "value": WORDS})
ITEM = like({"image": WORDS, "conversations": st.lists(SAID, max_size=4)})
PAIR = st.lists(WORDS, min_size=2, max_size=2)
FORMATS = {  # format of commands.convert, files in the folder that is read → strategies of their content
    "llava": {"a.json": written(st.lists(ITEM, max_size=4))},
    "jsonl": {
        "question.jsonl": written(like({"question_id": 1, "image": WORDS, "text": WORDS, "category": WORDS})),
        "answer.jsonl": written(like({"question_id": 1, "text": WORDS})),
    },
    "myvlm": {
        "captions.json": written(st.dictionaries(WORDS, st.lists(WORDS, max_size=3), max_size=3) | JSON),
        "additional_llava_vqa_data.json": written(
            st.dictionaries(WORDS, st.lists(PAIR, max_size=2), max_size=2) | JSON
        ),
    },
    "yollava": {
        f"training-data/bo/{role}.json": ROLE
        for role in ("positive_recognition", "negative_recognition-laion", "text-only-conversation")
    },
}
BENCHMARKS = {
    "pope.json": written(
        like({"question_id": 1, "image": WORDS, "text": WORDS, "label": "yes", "category": WORDS})
    ),
    "two_subjects.json": written(st.lists(like({"image": WORDS, "left": WORDS, "right": WORDS}), max_size=3)),
}
imports = st.one_of(
    *(st.tuples(st.just(name), st.fixed_dictionaries(files)) for name, files in FORMATS.items()),
    st.tuples(st.just("benchmarks"), st.fixed_dictionaries(BENCHMARKS)),
)


def json_imports(data: tuple[str, dict[str, bytes]]) -> None:
    """Files are read or refused in a sentence; the conversations stay whole, and nothing outside changes."""
    from commands.convert import formats
    from commands.convert.job import Job

    name, files = data
    for file, content in files.items():
        place = Path("in", file)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    kept, outside = paths.conversations("bo"), Path("secret.txt").read_bytes()
    if not kept.exists():
        io.write_parquet(kept, [], schema.CONVERSATIONS, ["photo", "turn"])
    path = Path("in/a.json") if name == "llava" else Path("in")
    try:
        if name == "benchmarks":
            load_general_vqa(Path("in"))
            ground_truth.load_two_subjects(Path("in"))
        else:
            job = Job("bo", "pet", Path("photos"), path, "base", "", no_model)
            formats.FORMATS[name].read(job)
    except UserError as error:
        assert "\x1b" not in str(error)
    for row in io.read_parquet(kept, schema.CONVERSATIONS).to_pylist():
        assert "<rex>" not in row["question"] + row["answer"] and UNKNOWN not in row["answer"]
        assert row["photo"] is None or Path(row["photo"]).name == row["photo"]
    assert Path("secret.txt").read_bytes() == outside
    for file in files:
        Path("in", file).unlink()


def no_model() -> Any:
    """No format that is read here needs one."""
    raise AssertionError
