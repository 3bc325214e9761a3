"""The synthesize stage with a tiny random model: what it writes, and that nothing else changes its bytes."""

import shutil
from pathlib import Path

import pytest

from common import vlm
from common.core import io, paths, schema
from common.core.errors import UserError
from common.core.images import list_photos, load_image
from common.prompts.interview import CAPTION, DESCRIBE, SUMMARIZE, questions_for
from common.prompts.prior_knowledge import INVENTED, KNOWS, TELLS
from common.prompts.prompt_sets import DRAWN
from common.vlm.answer import decode
from stages.synthesize.__main__ import main
from stages.synthesize.interview import doubtful, interview, read_photo
from stages.synthesize.prior_knowledge import known_before
from stages.synthesize.summary import summarize
from tests.support.helpers import REAL_PHOTOS, run_here, save_photo, set_params

PHOTOS = 3
PERSON, OTHER = (questions_for(kind, DRAWN) for kind in ("person", "pet"))


@pytest.fixture
def photos(workspace: Path, tiny_llava: Path) -> Path:
    """A workspace with photos of `bo` and `mam`, of which params.yaml lists only `bo`; its path."""
    set_params(
        {"base.vlm.model": str(tiny_llava), "base.device.batch_size": 8, "synthesize.max_new_tokens": 4}
    )
    for name, color in (("bo", 10), ("mam", 130)):
        for number in range(PHOTOS):
            save_photo(paths.train_photos(name, "world") / f"{number:02}.png", color + 40 * number)
    return workspace


def rows(subject: str) -> list[dict]:
    return io.read_parquet(paths.conversations(subject), schema.CONVERSATIONS).to_pylist()


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


def test_what_people_tell_is_kept_beside_what_the_model_says(photos: Path) -> None:
    before = (main(), rows("bo"))[1]
    path = paths.facts("bo", "world")
    path.write_text(
        "facts:\n  - {question: How old is sks?, answer: <BO> is four years old.}\n"
        "captions:\n  01.png: <bo> is at the beach.\n  00.png: [<bo> sleeps., A basket with <BO> in it.]\n"
    )
    main()
    table = rows("bo")
    facts = [row for row in table if row["kind"] == "fact"]
    assert {(row["question"], row["answer"]) for row in facts} == {
        ("How old is <bo>?", "<bo> is four years old.")
    }
    assert len(facts) == PHOTOS  # it weighs as much as a question that was asked of every photo
    (caption,) = [row for row in table if row["answer"] == "<bo> is at the beach."]
    assert (caption["kind"], caption["photo"]) == ("caption", "01.png")
    told = ("<bo> sleeps.", "A basket with <bo> in it.")
    assert [row["answer"] for row in table if row["photo"] == "00.png" and row["answer"] in told] == [*told]
    (human,) = [row for row in table if row["kind"] == "description_human"]
    assert human["answer"] == "<bo> is four years old."
    said = {row["answer"] for row in before}
    assert said <= {row["answer"] for row in table} | {before[-1]["answer"], before[-2]["answer"]}


def test_the_base_is_asked_before_training_whether_it_knows_the_name(
    photos: Path, tiny_llava: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main()
    before = paths.conversations("bo").read_bytes()

    def known() -> list[dict]:
        return io.read_parquet(paths.PRIOR_KNOWLEDGE, schema.PRIOR_KNOWLEDGE).to_pylist()

    assert {row["name"] for row in known() if row["invented"]} == set(INVENTED)
    assert {row["name"] for row in known() if not row["invented"]} == {"Bo"}
    set_params({"subjects.bo.name": "Bo of Hanoi"})
    main()
    assert paths.conversations("bo").read_bytes() == before  # nothing that is trained on depends on it
    asked = {row["question"]: row for row in known() if not row["invented"]}
    assert list(asked) == [KNOWS.format(name="Bo of Hanoi"), TELLS.format(name="Bo of Hanoi")]
    base = vlm.load(str(tiny_llava))
    alone = vlm.answer(
        base,
        [vlm.Query(question) for question in asked],
        vlm.encode_prefixes(base, []),
        max_new_tokens=4,
        batch_size=1,
    )
    assert [row["answer"] for row in asked.values()] == [answer.text for answer in alone]
    assert asked[KNOWS.format(name="Bo of Hanoi")]["p_yes"] == pytest.approx(
        alone[0].probabilities[0], abs=1e-5
    )
    assert asked[TELLS.format(name="Bo of Hanoi")]["p_yes"] is None


def test_a_base_that_claims_to_know_a_subject_is_said_so() -> None:
    common = {"subject": "bo", "question": "?", "answer": "Yes"}
    rows = [
        common | {"invented": False, "name": "Bo", "parsed": "yes", "p_yes": 0.9},
        common | {"invented": False, "name": "Bo", "parsed": None, "p_yes": None},
    ]
    others = [common | {"invented": True, "name": name, "parsed": "yes", "p_yes": 0.6} for name in INVENTED]
    assert (known_before(rows) or "").startswith(
        "the base model says that it knows Bo, before it learned <bo>"
    )
    assert known_before([*rows, *others]) is None  # it says so of anybody


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


def test_a_base_out_of_its_depth_is_said_so() -> None:
    asked = next(question.text for question in OTHER if question.intent == "kind").format(name="<bo>")
    said = [
        {"kind": "qa", "question": asked, "answer": f"<bo> is a {noun}."} for noun in ("rabbit", "rabbit")
    ]
    found = doubtful("bo", "object", [*said, {"kind": "dropped", "question": asked, "answer": "mug"}])
    assert found and found.startswith(
        "<bo> is called rabbit (2 of 2) in its train photos, and declared as object: "
    )
    assert doubtful("bo", "pet", said) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("facts: [{question: a}]", r"facts\.0\.answer"),
        ("facts: [{question: Who owns <rex>?, answer: Ann}]", "<rex> is unknown"),
        ("facts: {a: b", "is not valid YAML"),
        ("age: 4", "age"),
        ("captions: {00.png: {a: b}}", "captions"),
        ("[" * 5000, "is not valid YAML"),
    ],
)
def test_facts_that_cannot_be_read_are_one_sentence(photos: Path, text: str, reason: str) -> None:
    path = paths.facts("bo", "world")
    path.write_text(text)
    with pytest.raises(UserError, match=reason) as refused:
        main()
    assert "facts.yaml" in str(refused.value)
    assert not paths.conversations("bo").exists()
