"""The files of LLaVA-1.5's further evaluations: read as published, refused with file and question."""

from pathlib import Path

import pytest

from common.core.errors import UserError
from common.testdata.general_vqa import load_general_vqa, photos, shown_by
from common.testdata.vqa import VqaQuestion, load_vqa
from tests.support.helpers import save_photo
from tests.support.vqa_files import TEN, people, write, write_json


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


def of(folder: Path, benchmark: str) -> list[VqaQuestion]:
    return [question for question in load_vqa(folder) if question.benchmark == benchmark]


def test_words_come_with_everybodys_answers_and_the_photo_that_the_file_means(folder: Path) -> None:
    (text,) = of(folder, "textvqa")
    assert text.image == folder / "textvqa/images/0054c91397f2fe05.jpg" and text.answers == ("Stop!",) * 10
    color, wheels = of(folder, "vqav2")
    assert color.image == wheels.image == folder / "vqav2/images/COCO_val2014_000000000042.jpg"
    assert (color.answers, color.category, color.id) == (tuple(TEN), "other", "42000")
    bird, held = of(folder, "gqa")
    assert (bird.question, bird.answers) == ("What is this bird called?", ("parrot",))
    assert held.image == folder / "gqa/images/2405723.jpg" and held.id == "201640614"


def test_textvqas_ocr_tokens_stand_below_the_question_where_their_file_lies(folder: Path) -> None:
    (plain,) = of(folder, "textvqa")
    assert plain.question == "what does it say?"
    tokens = folder / "textvqa/TextVQA_Rosetta_OCR_v0.2_val.json"
    row = {"image_id": "0054c91397f2fe05", "ocr_tokens": ["STOP", "Ave.", "4"], "ocr_info": []}
    write_json(tokens, {"data": [row]})
    (told,) = of(folder, "textvqa")
    assert told == plain._replace(question="what does it say?\nReference OCR token: STOP, Ave., 4")
    write_json(tokens, {"data": [row | {"image_id": "another"}]})
    with pytest.raises(UserError, match=r"question 34602: .*OCR_v0\.2_val\.json has no tokens of 0054c9"):
        load_vqa(folder)
    write_json(tokens, {"data": [{"image_id": "a"}]})
    with pytest.raises(UserError, match=r"ocr_tokens: Field required; Rosetta's file holds data"):
        load_vqa(folder)


def test_mme_has_two_questions_an_image_in_either_layout_of_its_folders(folder: Path) -> None:
    found = of(folder, "mme")
    assert [(one.category, one.id, one.answers) for one in found] == [
        (task, f"{name}/{number}", (answer,))
        for task, name in (("count", "000000006040"), ("landmark", "a"))
        for number, answer in enumerate(("yes", "no"))
    ]
    assert found[2].image == folder / "mme/landmark/images/a.png"
    assert found[0].question == "Is there one dog? Please answer yes or no."


def test_scienceqas_test_split_with_its_hints_and_questions_without_a_photo(folder: Path) -> None:
    seen, text = of(folder, "scienceqa")
    assert (seen.question, seen.options, seen.answers) == ("Look.\nWhich is it?", ("a", "b"), ("B",))
    assert seen.image == folder / "scienceqa/images/test/4/image.png"
    assert (text.image, text.answers, len(text.options)) == (None, ("E",), 5)
    assert len(photos(load_vqa(folder))) == 7
    assert len({shown_by(question) for question in load_vqa(folder)}) == 8  # and that without a photo


def test_these_folders_need_no_questions_of_pope_or_mmbench_beside_them(folder: Path, tmp_path: Path) -> None:
    assert load_general_vqa(folder) == []
    assert load_vqa(tmp_path / "nowhere") == []


def test_what_is_wrong_is_named_with_its_remedy(folder: Path) -> None:
    problem = {"question": "?", "choices": ["a"], "answer": 0}
    row = {"question_id": 1, "image_id": "b", "question": "?", "answers": ["a"]}
    gqa = {"imageId": 2405722, "question": "?"}
    annotations = "vqav2/v2_mscoco_val2014_annotations.json"
    cases = [
        ("textvqa/x.json", {"questions": []}, r"x\.json, data: .*TextVQA holds data"),
        ("textvqa/x.json", {"data": [row]}, r"x\.json, question 1: .*images/b\.jpg is missing: put"),
        ("textvqa/x.json", {"data": [row | {"image_id": "../../b"}]}, r"names a file outside"),
        (annotations, {"annotations": []}, r"question 42000 has no answers: use"),
        ("gqa/testdev_balanced_questions.json", {"7": gqa}, r"question 7 has no answers: .*testdev_balanced"),
        ("gqa/testdev_balanced_questions.json", {}, r"gqa holds no questions: put"),
        ("scienceqa/problems.json", {"4": problem, "5": problem}, r"problem 4: two to 5 choices"),
        ("scienceqa/pid_splits.json", {"test": ["9"]}, r"problem 9 is missing, which pid_splits\.json"),
    ]  # fmt: skip
    for name, value, complaint in cases:
        path = folder / name
        before = path.read_bytes() if path.exists() else None
        write_json(path, value)
        with pytest.raises(UserError, match=complaint):
            load_vqa(folder)
        path.unlink() if before is None else path.write_bytes(before)
    for text, complaint in (
        ("Is it?\tYes\n", r"000000006040\.txt: write two lines"),
        ("Is it?\tYes\nIs it not?\tperhaps\n", "write two lines, each a question, a tab, and Yes or No"),
    ):
        (folder / "mme/count/000000006040.txt").write_text(text)
        with pytest.raises(UserError, match=complaint):
            load_vqa(folder)
    (folder / "mme/count/000000006040.jpg").unlink()
    with pytest.raises(UserError, match=r"has no 000000006040\.jpg or \.png: put the image there"):
        load_vqa(folder)


def test_an_image_outside_its_folder_is_refused(folder: Path) -> None:
    save_photo(folder / "secret.jpg")
    (folder / "gqa/images/1.jpg").symlink_to("../../secret.jpg")
    row = {"imageId": "1", "question": "?", "answer": "a"}
    write_json(folder / "gqa/more.json", {"1": row})
    with pytest.raises(UserError, match=r"names a file outside .*images"):
        load_vqa(folder)


def test_people_s_answers_may_be_numbers(folder: Path) -> None:
    said = {"question_id": 42000, "image_id": 42, "answer_type": "number", "answers": people(["4"] * 9)}
    said["answers"].append({"answer": 4})
    more = [said, said | {"question_id": 42001}]
    write_json(folder / "vqav2/v2_mscoco_val2014_annotations.json", {"annotations": more})
    assert of(folder, "vqav2")[0].answers == ("4",) * 10
