"""The synthesize stage with a tiny random model: what it writes, and that nothing else changes its bytes."""

import shutil
from pathlib import Path

import pytest

from common import vlm
from common.core import io, paths
from common.core.errors import UserError
from common.core.images import list_photos, load_image
from common.prompts.interview import CAPTION, DESCRIBE, SUMMARIZE, questions_for
from common.prompts.prompt_sets import DRAWN
from common.vlm.answer import decode
from stages.synthesize.__main__ import main
from stages.synthesize.interview import interview, read_photo
from stages.synthesize.summary import summarize
from tests.support.helpers import REAL_PHOTOS, run_here, set_params
from tests.support.synthesize_helpers import PHOTOS, prepare, rows

PERSON, OTHER = (questions_for(kind, DRAWN) for kind in ("person", "pet"))


@pytest.fixture
def photos(workspace: Path, tiny_llava: Path) -> Path:
    """A workspace with photos of `bo` and `mam`, of which params.yaml lists only `bo`; its path."""
    return prepare(workspace, tiny_llava)


def test_every_photo_is_asked_everything(photos: Path) -> None:
    summary = main()
    table = rows("bo")
    spoken = [row for row in table if row["photo"]]
    assert len(spoken) == PHOTOS * (10 + 2)
    for photo in ("00.png", "01.png", "02.png"):
        turns = [row for row in spoken if row["photo"] == photo]
        assert [row["turn"] for row in turns] == list(range(12))
        wordings = [*(question.text for question in OTHER), CAPTION, DESCRIBE]
        assert [row["question"] for row in turns] == [wording.format(name="<bo>") for wording in wordings]
        assert {row["photo_sha256"] for row in turns} == {
            io.sha256_file(paths.train_photos("bo", "world") / photo)
        }
    assert all((row["reason"] is None) == (row["kind"] != "dropped") for row in table)
    assert {row["turn"] < 10 for row in spoken if row["kind"] == "qa"} <= {True}
    answered, dropped = (sum(row["kind"] == kind for row in table) for kind in ("qa", "dropped"))
    assert summary == f"1 subjects, {answered} questions answered, {dropped} answers dropped"


def test_a_person_is_asked_as_a_person(photos: Path) -> None:
    set_params({"subjects.bo.kind": "person"})
    main()
    asked = [row["question"] for row in rows("bo") if row["photo"] == "00.png"]
    assert asked[:10] == [question.text.format(name="<bo>") for question in PERSON]
    assert set(PERSON) != set(OTHER) and len(PERSON) == 10


ABOUT = {  # what the paper's ten questions are about, by words of ours
    "person": "hair, wear the hair, eyes, skin, tall, build, clothes, glasses, expression, facial",
    "object": "colors, shaped, large, made of, surface, kind of thing, markings, details, impression, whole",
}


@pytest.mark.parametrize("kind", ABOUT)
def test_a_real_model_is_asked_the_papers_ten_by_kind(photos: Path, kind: str) -> None:
    set_params({"synthesize.questions": "real", "subjects.bo.kind": kind})
    main()
    for photo in ("00.png", "01.png", "02.png"):
        asked = [row["question"] for row in rows("bo") if row["photo"] == photo]
        assert len(asked) == 10 + 2
        for question, words in zip(asked[:10], ABOUT[kind].split(", "), strict=True):
            assert words in question and "<bo>" in question


def test_both_descriptions_are_there_whatever_was_dropped(photos: Path) -> None:
    main()
    short, long = (
        next(row for row in rows("bo") if row["kind"] == f"description_{length}")
        for length in ("short", "long")
    )
    assert short["photo"] is None
    assert "<bo>" in short["answer"]
    assert long["answer"].startswith(short["answer"])


def test_what_a_human_wrote_is_kept_with_the_name_before_it(photos: Path) -> None:
    main()
    without = rows("bo")
    note = paths.description("bo", "world")
    for text, expected in (
        ("a brown dog\nwith one ear up\n", "<bo> is a brown dog with one ear up."),
        ("My dog <bo> has one ear up!", "My dog <bo> has one ear up!"),
    ):
        note.write_text(text)
        main()
        (human,) = [row for row in rows("bo") if row["kind"] == "description_human"]
        assert human["answer"] == expected
        assert [row for row in rows("bo") if row != human] == without


def test_another_subject_changes_no_byte_and_a_removed_one_leaves_no_file(photos: Path) -> None:
    main()
    alone = paths.conversations("bo").read_bytes()
    both = {"mam": {"kind": "person", "source": "world"}, "bo": {"kind": "pet", "source": "world"}}
    set_params({"subjects": both})
    main()
    assert paths.conversations("bo").read_bytes() == alone
    asked = {row["question"] for row in rows("mam")}
    assert {question.text.format(name="<mam>") for question in PERSON} <= asked
    set_params({"-subjects.mam": None})
    main()
    assert [path.name for path in sorted(paths.CONVERSATIONS.iterdir())] == ["bo.parquet"]
    assert paths.conversations("bo").read_bytes() == alone


def test_the_base_model_is_asked_with_the_neutral_name(photos: Path, tiny_llava: Path) -> None:
    """Asking one question at a time, with that name, gives the answers in the file."""
    main()
    base = vlm.load(str(tiny_llava))
    image = load_image(paths.train_photos("bo", "world") / "01.png")
    prefixes = vlm.encode_prefixes(base, [image])
    for turn in (0, 4):
        query = vlm.Query(OTHER[turn].text.format(name="the subject"), image=0)
        alone = vlm.answer(base, [query], prefixes, max_new_tokens=4, batch_size=1)[0]
        row = next(row for row in rows("bo") if row["photo"] == "01.png" and row["turn"] == turn)
        assert row["raw_answer"] == alone.text


def test_a_missing_photo_folder_is_one_sentence(photos: Path) -> None:
    shutil.rmtree(paths.train_photos("bo", "world"))
    result = run_here("synthesize")
    assert result.returncode == 1
    assert result.stderr.startswith("error: the folder data/world/subjects/bo/train is missing")
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(not REAL_PHOTOS.is_dir(), reason="needs the real photos beside the repository")
def test_real_photos_go_through(tiny_llava: Path) -> None:
    photos = [read_photo(path) for path in list_photos(REAL_PHOTOS / "dog")]
    base = vlm.load(str(tiny_llava))
    table = interview(base, "dog", "pet", photos, questions="real", max_new_tokens=3, batch_size=16)
    assert len(table) == 12 * len(photos) + 2


def test_an_answer_knows_whether_the_limit_cut_it_off(tiny_llava: Path) -> None:
    base = vlm.load(str(tiny_llava))
    prefixes = vlm.encode_prefixes(base, [])
    question = vlm.suffix(base, None, "Is it red?", image=False)
    ((first, second, third),), _ = decode(
        base, [question], [()], prefixes.batch([None]), max_new_tokens=3, option_ids=[0]
    )
    assert third not in (first, second)
    base = vlm.load(str(tiny_llava))  # anew, for a base reads once what ends an answer
    base.model.generation_config.eos_token_id = third
    prefixes = vlm.encode_prefixes(base, [])
    short, whole = (
        vlm.answer(base, [vlm.Query("Is it red?")], prefixes, max_new_tokens=limit, batch_size=1)[0]
        for limit in (2, 3)
    )
    assert short.text == whole.text
    assert (short.cut_off, whole.cut_off) == (True, False)


def test_the_base_sums_up_its_captions_on_request(photos: Path, tiny_llava: Path) -> None:
    main()
    without = rows("bo")
    set_params({"synthesize.summary": True})
    main()
    base = vlm.load(str(tiny_llava))
    (summary,) = [row for row in rows("bo") if row not in without]
    captions = dict.fromkeys(row["raw_answer"] for row in without if row["kind"] == "caption")
    assert summary["turn"] == 3 and summary["photo"] is None
    asked = SUMMARIZE.format(name="the subject", captions="\n".join(f"- {said}" for said in captions))
    assert summary["question"] == asked.replace("the subject", "<bo>")
    (alone,) = vlm.answer(
        base, [vlm.Query(asked)], vlm.encode_prefixes(base, []), max_new_tokens=4, batch_size=1
    )
    assert summary["raw_answer"] == alone.text
    assert summary["kind"] == ("dropped" if summary["reason"] else "description_summary")


def test_a_summary_of_more_captions_than_the_base_reads_names_the_setting(tiny_llava: Path) -> None:
    captions = [{"kind": "caption", "raw_answer": f"The subject is on beach {n}."} for n in range(2000)]
    with pytest.raises(UserError, match=r"captions of bo are longer .* set synthesize\.summary to false"):
        summarize(vlm.load(str(tiny_llava)), "bo", "pet", captions, max_new_tokens=4, batch_size=1)
