"""The evaluate stage on two made-up subjects and the tiny random model, run as a user runs it."""

import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest

from common import vlm
from common.core import paths, schema
from stages.evaluate.__main__ import main
from tests.support.evaluate_helpers import files, populated, table
from tests.support.helpers import set_params, small_params

METHODS = {
    "soft_prompt",
    "base",
    "short_description",
    "long_description",
    "other_subject",
    "empty_prompt",
    "majority",
}
SIDED = {"soft_prompt", "base", "short_description", "majority"}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory, tiny_llava: Path) -> Iterator[str]:
    """What evaluate said in a folder of its own, which is the current one."""
    with chdir(tmp_path_factory.mktemp("evaluated")):
        small_params()
        populated(tiny_llava)
        yield main()


@pytest.fixture
def prepared(workspace: Path, tiny_llava: Path) -> None:
    populated(tiny_llava)


def test_every_photo_meets_every_subject_and_method_and_a_second_run_gives_the_same_bytes(evaluated):
    assert evaluated == (
        "soft_prompt: 3 subjects, 45 photos, 273 recognition, 18 threshold_set, 44 questions, "
        "14 open_answers, 84 conversations, 120 captions, 95 two_subjects, 45 general, 0 own_questions, "
        "27 token_explanations"
    )

    rows = table("recognition", schema.RECOGNITION)
    # 9 test photos each, and 6 look-alikes for the world's two subjects.
    assert rows.groupby(["subject", "method"]).size().unique().tolist() == [15, 9]
    assert set(rows.method) == METHODS
    assert (rows.label == ((rows.group == "test") & (rows.owner == rows.subject))).all()
    assert (rows[rows.group != "test"].owner == rows[rows.group != "test"].subject).all()
    assert rows[rows.method != "majority"].p_yes.between(0, 1).all()
    assert set(rows[rows.method == "majority"].answer) == {
        "Yes"
    }  # the made-up training set has positives only

    seen = table("threshold_set", schema.THRESHOLD_SET)
    assert set(seen.method) == {"soft_prompt"}  # a threshold is given to what was learned, not to controls
    assert seen.groupby(["subject", "role"]).size().unstack().to_numpy().tolist() == [[2, 2, 2]] * 3
    assert (seen.label == (seen.role == "positive")).all() and seen.p_yes.between(0, 1).all()

    questions = table("questions", schema.QUESTIONS)
    assert set(questions.subject) == {"bo", "mam"}  # own photos came without questions
    assert set(questions[questions.kind == "visual"].method) == {
        "soft_prompt", "base", "short_description", "long_description", "majority", "blind"
    }  # fmt: skip
    assert set(questions[questions.kind == "text"].method) == METHODS - {"other_subject", "empty_prompt"}
    for _, both in questions.groupby(["subject", "kind", "question", "method"]):
        assert both.order.tolist() == [0, 1] and set(both.truth) == {"A", "B"}
    assert (questions[questions.method == "majority"].groupby("subject").correct.mean() == 0.5).all()

    chats = table("conversations", schema.SAMPLE_CONVERSATIONS)
    assert chats[chats.photo.isna()].groupby(["subject", "method"]).size().unique().tolist() == [2]
    assert chats[chats.photo.notna()].groupby(["subject", "method"]).size().unique().tolist() == [4 * 3]

    known = table("methods", schema.METHODS).set_index(["method", "subject"])
    assert set(known.index.get_level_values("method")) == METHODS | {"blind"}
    own = known.loc["soft_prompt", "bo"]
    assert own.trainable == (3 + 1 + 1) * 32 and own.stored_bytes > 4 * own.trainable
    assert own.prompt_tokens > known.loc["base", "bo"].prompt_tokens == 0

    first = files("")
    main()
    assert files("") == first


def test_two_in_a_photo_are_asked_about_one_by_one_and_their_sides_in_both_orders(evaluated):
    rows = table("two_subjects", schema.TWO_SUBJECTS)
    presence, sides = rows[rows.kind == "presence"], rows[rows.kind == "side"]
    assert set(presence.method) == METHODS and set(sides.method) == SIDED
    soft = presence[presence.method == "soft_prompt"].sort_values(["photo", "subject"])
    assert [*zip(soft.photo, soft.subject, soft.role, strict=True)] == [
        *(("00.png", "bo", "left"), ("00.png", "mam", "right"), ("00.png", "my-dog", "absent")),
        *(("01.png", "bo", "absent"), ("01.png", "mam", "left"), ("01.png", "my-dog", "right")),
        *(("02.png", "bo", "absent"), ("02.png", "mam", "absent"), ("02.png", "my-dog", "left")),
    ]
    assert ((presence.truth == "no") == (presence.role == "absent")).all()
    # Of the photo with a stranger nobody's side is asked.
    assert set(sides.photo) == {"00.png", "01.png"}
    for _, both in sides.groupby(["photo", "subject", "method"]):
        assert both.order.tolist() == [0, 1] and set(both.truth) == {"A", "B"}
    left = sides[(sides.role == "left") & (sides.order == 0)]
    assert (left.truth == "A").all() and (left.subject == left.left).all()


def test_general_questions_are_asked_of_the_base_once_and_with_some_subjects_in_place(evaluated):
    rows = table("general", schema.GENERAL)
    assert set(rows.method) == SIDED | {"empty_prompt"}
    assert (
        rows[rows.method == "base"].subject.isna().all() and rows[rows.method != "base"].subject.notna().all()
    )
    assert rows.subject.nunique() == 2
    base = rows[rows.method == "base"]
    # A yes, a no, and a choice of three in its three orders.
    assert base.groupby("benchmark").size().to_dict() == {"pope": 2, "mmbench": 3}
    assert base[base.benchmark == "mmbench"].truth.tolist() == ["B", "A", "C"]
    assert rows[(rows.method == "majority") & (rows.benchmark == "pope")].parsed.tolist() == ["yes"] * 4


def test_captions_are_asked_of_own_photos_and_as_many_of_others_in_both_wordings(evaluated):
    rows = table("captions", schema.CAPTIONS)
    assert set(rows.method) == {"soft_prompt", "base", "short_description", "other_subject"}
    for _, one in rows.groupby(["subject", "method", "named"]):
        assert one.label.sum() == 3 and (~one.label).sum() == 2
    assert ((rows.owner == rows.subject) == rows.label).all()


def test_every_latent_token_is_explained_alone_and_behind_its_prompt(prepared, tiny_llava):
    main()
    rows = table("token_explanations", schema.TOKEN_EXPLANATIONS)
    assert rows.groupby(["subject", "place"]).token.apply(list).tolist() == [[0, 1, 2]] * 9
    assert set(rows.question) == {"Describe <token> in one sentence."}
    assert rows[rows.subject == "my-dog"].predicts.isna().all()  # whose photos came without questions
    assert rows[rows.subject != "my-dog"][["predicts", "predicts_others"]].notna().all(axis=None)

    base = vlm.load(str(tiny_llava))
    own = vlm.SoftPrompt.load(paths.subject_model("bo"))
    second = vlm.SoftPrompt("token", own.embeddings[2:3], own.output_row)
    for place, definition in (("alone", second), ("in_prompt", (own, second))):
        query = vlm.Query("Describe <token> in one sentence.", None, definition)
        (alone,) = vlm.answer(base, [query], vlm.encode_prefixes(base, []), max_new_tokens=4, batch_size=1)
        said = rows[(rows.subject == "bo") & (rows.place == place) & (rows.token == 1)].answer.item()
        assert said == alone.text
    before = files("token_explanations")
    set_params({"evaluate.explain": None})
    assert main().endswith(" 0 token_explanations")
    assert files("token_explanations") == before


def test_a_user_s_questions_are_answered_with_the_photo_that_they_are_about(prepared):
    test, beside = paths.test_photos("my-dog", "own"), paths.photos_dir("my-dog", "own")
    shutil.copy(test / "01.png", beside / "party.png")
    main()
    before = files("own_questions")
    paths.own_questions("my-dog", "own").write_text(
        "questions:\n"
        "  - {question: What would sks wear?}\n"
        "  - {question: Is <my-dog> asleep?, photo: 02.png}\n"
        "  - {question: Who is beside <my-dog>?, photo: party.png}\n"
    )
    main()
    rows = table("own_questions", schema.OWN_QUESTIONS)
    assert set(rows.method) == {"soft_prompt", "base"} and set(rows.subject) == {"my-dog"}
    own = rows[rows.method == "soft_prompt"]
    assert own.question.tolist() == [
        "What would <my-dog> wear?", "Is <my-dog> asleep?", "Who is beside <my-dog>?"
    ]  # fmt: skip
    assert own.photo.tolist() == [None, "02.png", "party.png"]
    assert own.image.isna().tolist() == [True, False, False]
    assert files("own_questions") == before  # no other answer depends on them
