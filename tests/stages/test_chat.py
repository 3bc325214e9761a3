"""The chat: answers with and without a photo, piped questions, and mistakes in one sentence."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from commands.chat.__main__ import main
from common import vlm
from common.core import paths
from common.core.errors import UserError
from common.core.progress import plain
from tests.support.families import BUILDERS
from tests.support.helpers import run_stage, save_photo, set_params
from tests.support.vlm_helpers import soft_prompt

LONGEST = 20  # tokens; a random model runs on after some more, and is stopped


@pytest.fixture
def trained(workspace: Path, base: vlm.Base) -> vlm.SoftPrompt:
    """A workspace where `bo` has a soft prompt; that prompt."""
    set_params({"base.vlm.model": base.name, "chat.max_new_tokens": LONGEST})
    prompt = soft_prompt(base, "bo", 2)
    prompt.info["base"] = {"fingerprint": base.fingerprint}
    prompt.save(paths.subject_model("bo"))
    return prompt


def expected(base: vlm.Base, prompt: vlm.SoftPrompt, question: str, image: Path | None = None) -> str:
    from common.core.images import load_image

    prefixes = vlm.encode_prefixes(base, [load_image(image)] if image else [])
    query = vlm.Query(question, 0 if image else None, prompt)
    answer = vlm.answer(base, [query], prefixes, max_new_tokens=LONGEST, batch_size=1)[0]
    return plain(answer.text)  # a random model says control characters as well


def test_one_question(trained: vlm.SoftPrompt, base: vlm.Base, capsys: pytest.CaptureFixture[str]) -> None:
    photo = save_photo(Path("photo.png"), 200)
    assert main("bo", "--question", "What is <bo>?") == "1 answered"
    assert capsys.readouterr().out.strip() == expected(base, trained, "What is <bo>?")
    main("bo", "--image", str(photo), "--question", "Is <bo> here?")
    assert capsys.readouterr().out.strip() == expected(base, trained, "Is <bo> here?", photo)


def test_questions_until_quit(
    trained: vlm.SoftPrompt,
    base: vlm.Base,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("What is <bo>?\n\nWhy </s>?\nWhat is <bo>?\n/quit\nMore?\n"))
    assert main("bo") == "2 answered"
    printed = capsys.readouterr()
    said = expected(base, trained, "What is <bo>?")
    assert printed.out == f"{said}\n{said}\n"  # each question stands alone
    assert (
        printed.err
        == "error: the text 'Why </s>?' contains </s>, which means something else to the model: reword it\n"
    )
    monkeypatch.setattr("sys.stdin", io.StringIO("What is <bo>?\n"))
    assert main("bo") == "1 answered"  # the end of the input is a /quit


def test_a_photo_whose_sides_are_cut_off_is_said_to_be_so(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = BUILDERS["fast_vlm"](workspace / "base")
    settings = json.loads((folder / "processor_config.json").read_text())
    settings["image_processor"] |= {"do_center_crop": True, "crop_size": {"height": 96, "width": 96}}
    (folder / "processor_config.json").write_text(json.dumps(settings))
    cutting = vlm.load(str(folder))
    set_params({"base.vlm.model": str(folder), "chat.max_new_tokens": 1})
    prompt = soft_prompt(cutting, "bo", 2)
    prompt.info["base"] = {"fingerprint": cutting.fingerprint}
    prompt.save(paths.subject_model("bo"))
    said = f"of this photo, {folder} sees no more than the middle square: have the subject there\n"
    for size, told in (((90, 90), False), ((90, 30), True)):
        Image.new("RGB", size).save("photo.png")
        capsys.readouterr()
        main("bo", "--image", "photo.png", "--question", "Is <bo> here?")
        assert (said in capsys.readouterr().err) is told


def test_a_name_that_is_not_loaded_is_said_to_be_unknown(
    trained: vlm.SoftPrompt,
    base: vlm.Base,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = "What is <Bo>?\nIs <rex> here?\nWhat is <bo>?\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert main("bo") == "1 answered"
    printed = capsys.readouterr()
    assert printed.out == f"{expected(base, trained, 'What is <bo>?')}\n"
    assert printed.err.splitlines() == [
        f"error: {name} is unknown, for this is about <bo>: write <bo>, or leave it out"
        for name in ("<Bo>", "<rex>")
    ]
    with pytest.raises(SystemExit, match="1"):
        main("bo", "--question", "Is <rex> here?")


def test_a_question_that_is_no_utf_8_costs_itself_alone(
    trained: vlm.SoftPrompt,
    base: vlm.Base,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = b"Is <bo> at the caf\xe9?\nIs <bo> \x1b[31mred?\nWhat is <bo>?\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines), "utf-8"))
    assert main("bo") == "1 answered"
    printed = capsys.readouterr()
    assert printed.out == f"{expected(base, trained, 'What is <bo>?')}\n"
    assert [line.endswith("is not plain UTF-8 text: type it again") for line in printed.err.splitlines()] == [
        True,
        True,
    ]
    assert "\x1b" not in printed.err


def test_commands_among_the_questions(
    trained: vlm.SoftPrompt,
    base: vlm.Base,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photo = save_photo(Path("my photo.png"), 200)
    lines = f"/image {photo}\nIs <bo> here?\n/reset\nIs <bo> here?\n/subjects\nhelp\n/dance\n"
    lines += "/image absent.png\n/image http://host/a.png\nexit\nWhat is <bo>?\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert main("bo") == "2 answered"
    printed = capsys.readouterr()
    seen, unseen = (expected(base, trained, "Is <bo> here?", image) for image in (photo, None))
    start = f"looking at {photo}\n{seen}\nlooking at no photo\n{unseen}\n<bo>\n/image PHOTO"
    assert printed.out.startswith(start)
    refusals = printed.err.splitlines()
    for line, said in zip(
        refusals,
        ("No photo was shown", "/dance is no command", "absent.png", "is an address: save the photo"),
        strict=True,
    ):
        assert said in line


def test_everybody_who_is_named_is_loaded(
    trained: vlm.SoftPrompt, base: vlm.Base, capsys: pytest.CaptureFixture[str]
) -> None:
    set_params({"subjects.mam": {"kind": "pet", "source": "world"}})
    with pytest.raises(SystemExit, match="1"):
        main("bo", "--question", "Are <bo> and <mam> here?")
    assert "dvc repro train@mam" in capsys.readouterr().err  # listed, and not trained
    other = soft_prompt(base, "mam", 2)
    other.info["base"] = {"fingerprint": base.fingerprint}
    other.save(paths.subject_model("mam"))
    main("bo", "--question", "Are <bo> and <mam> here?")
    query = vlm.Query("Are <bo> and <mam> here?", None, (trained, other))
    answer = vlm.answer(base, [query], vlm.encode_prefixes(base, []), max_new_tokens=LONGEST, batch_size=1)[0]
    assert capsys.readouterr().out.strip() == plain(answer.text).strip()
    assert main() == "2 of 2 trained; `python -m commands.chat ID` talks about one"
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["bo", "pet"],
        ["mam", "pet"],
    ]


def test_answers_as_json(trained: vlm.SoftPrompt, capsys: pytest.CaptureFixture[str]) -> None:
    main("bo", "--question", "Is <bo> here?", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["question"] == "Is <bo> here?" and 0 < told["yes"] < 1 and 0 < told["no"] < 1


def test_mistakes_are_one_sentence(trained: vlm.SoftPrompt, tmp_path: Path) -> None:
    Path("broken.jpg").write_bytes(b"%PDF-1.4")
    for words, reason in [
        (("mam",), "lists no subject mam"),
        (("bo", "--image", "absent.png"), "absent.png"),
        (("bo", "--image", "broken.jpg"), "PDF"),
        (("bo", "--question", " "), "--question is empty"),
    ]:
        with pytest.raises(UserError, match=reason):
            main(*words)
    (paths.subject_model("bo") / "soft_prompt.json").unlink()
    with pytest.raises(UserError, match="dvc repro train@bo"):
        main("bo", "--question", "a")


@pytest.mark.slow
def test_the_command(trained: vlm.SoftPrompt, base: vlm.Base) -> None:
    done = run_stage("chat", "bo", "--question", "What is <bo>?")
    assert done.returncode == 0 and done.stdout.strip() == expected(base, trained, "What is <bo>?")
    assert done.stderr.startswith("chat: 1 answered in ")
    failed = run_stage("chat", "bo", "--image", "absent.png")
    assert failed.returncode == 1 and failed.stderr.count("\n") == 1 and "absent.png" in failed.stderr
