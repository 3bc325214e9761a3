"""The page's parts without a browser: progress, stopping, what was measured, lines of params.yaml."""

import os
from pathlib import Path

import pytest

from commands.page import manage, measured, views
from commands.page.entries import Exchange, MethodAnswer, Presence, ProbabilityBar
from commands.page.training import STEPS, Progress, Training
from commands.page.visitor import Visitor
from common import vlm
from common.assistant import Assistant
from common.core import io, params, paths, schema, subject_lines
from common.core.errors import UserError
from tests.support.helpers import ROOT, set_params
from tests.support.vlm_helpers import noise_images, save_soft_prompts


def test_progress_is_read_from_what_dvc_and_the_stages_print():
    progress = Progress("bo")
    shares = []
    for line in (
        "Stage 'check' didn't change, skipping",
        "Running stage 'retrieve':",
        "> python -m stages.retrieve",
        "Running stage 'train@bo':",
        "bo: steps:  50%|#####     | 5/10 [00:01<00:01,  4.9it/s]",
        "bo: steps: 100%|##########| 10/10 [00:02<00:00,  4.9it/s]",
    ):
        progress.read(line)
        shares.append(round(progress.share * len(STEPS), 6))
    assert shares == [0, 1, 1, 2, 2.5, 3]
    assert progress.step == "learning"
    progress.read("error: photo 3 is empty: copy it again")
    colored = Progress("bo")
    colored.read("\x1b[31mERROR\x1b[39m: failed to reproduce 'check': no such file")
    assert colored.error == "failed to reproduce 'check': no such file"
    progress.read("ERROR: failed to reproduce 'check': exited with 1")
    assert progress.error == "photo 3 is empty: copy it again"


def test_a_second_training_is_refused():
    training = Training()
    training.refuse_while_running("add rex")
    training.progress = Progress("bo")
    with pytest.raises(UserError, match="bo is being trained: add rex when that is done"):
        training.refuse_while_running("add rex")
    training.progress.state = "failed"
    training.forget("bo")
    assert training.progress is None


@pytest.mark.parametrize("subject", ["--help", "My Dog", "", "../x", "a" * 41, "<img>"])
def test_what_is_no_id_runs_nothing(subject: str):
    with pytest.raises(UserError, match="cannot be an id"):
        manage.add(subject, "pet", "", ["photo.png"])


@pytest.mark.usefixtures("workspace")
def test_what_a_subject_is_goes_into_params_if_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # where the commands are
    photos = [str(tmp_path / f"{number}.png") for number in range(4)]
    for photo, image in zip(photos, noise_images(4), strict=True):
        image.save(photo)
    manage.add("my-pot", "object", " teapot ", photos[:2])
    manage.add("my-mug", "object", "", photos[2:])
    subjects = params.load().subjects
    assert (subjects["my-pot"].noun, subjects["my-mug"].noun) == ("teapot", None)


@pytest.mark.usefixtures("workspace")
def test_a_subject_leaves_params_and_every_other_byte_stays():
    before = Path("params.yaml").read_bytes()
    with pytest.raises(UserError, match="bo is the only subject"):
        subject_lines.remove("bo", params.load)
    with subject_lines.written_last({"my-dog": "pet"}, params.load):
        pass
    assert "my-dog" in params.load().subjects
    subject_lines.remove("my-dog", params.load)
    assert Path("params.yaml").read_bytes() == before
    with pytest.raises(UserError, match="lists no subject my-dog"):
        subject_lines.remove("my-dog", params.load)
    set_params({"-subjects.bo": None, "subjects.a": {"kind": "pet"}, "subjects.b": {"kind": "pet"}})
    left = paths.checkpoint("a")  # of a training that was canceled
    left.parent.mkdir(parents=True)
    left.touch()
    manage.delete("a", "own", params.load)
    assert list(params.load().subjects) == ["b"] and not left.exists()


@pytest.mark.usefixtures("workspace")
def test_without_an_evaluation_nothing_is_said_of_a_probability():
    assert measured.evaluations("soft_prompt", ["bo"]) == {}
    shown = views.transcript(
        [Presence("data:", (("Words", (ProbabilityBar("bo", "Yes", 0.7, None, None),)),))], alone=True
    )
    assert "--mark: 50.0%" in shown and "Not measured:" in shown and "In the test" not in shown


@pytest.mark.usefixtures("workspace")
def test_the_threshold_is_the_report_s_and_holds_for_what_was_evaluated(tiny_llava: Path):
    save_soft_prompts(vlm.load(str(tiny_llava)), "bo", "mam")
    recognition = {"subject": "bo", "photo": "0.png", "photo_sha256": "0", "group": "test", "owner": "-"}
    told = {"method": "soft_prompt", "answer": "Yes", "parsed": "yes"}
    rows = [told | {"label": label, "p_yes": yes} for label, yes in ((True, 0.9), (False, 0.7))]
    io.write_parquet(
        paths.predictions("soft_prompt", "recognition"),
        [dict.fromkeys(schema.RECOGNITION.names) | recognition | row for row in rows],
        schema.RECOGNITION,
        ["photo"],
    )
    assert measured.evaluations("soft_prompt", ["bo"])["bo"].threshold is None
    io.write_json(paths.INTERVALS, {"thresholds": {"soft_prompt": 0.8}})
    found = measured.evaluations("soft_prompt", ["bo", "mam"])
    assert list(found) == ["bo"] and found["bo"].threshold == 0.8
    assert found["bo"].bin_of(0.93).share == 1 and found["bo"].bin_of(0.5) is None
    bars = [
        ProbabilityBar("bo", "Yes", 0.75, found["bo"].bin_of(0.75), found["bo"].threshold),
        ProbabilityBar("mam", "Yes", 0.6, None, None),
    ]
    shown = views.transcript([Presence("data:", (("Soft prompt", tuple(bars)),))], alone=True)
    assert "the threshold, 0.80" in shown and "Not measured for mam:" in shown and "In the test" in shown
    bo, mam = shown.split("<tr class=")[1:]
    assert (
        bo.startswith('""') and "--mark: 80.0%" in bo and mam.startswith('"here"') and "--mark: 50.0%" in mam
    )
    table = paths.predictions("soft_prompt", "recognition")
    now = table.stat().st_mtime
    for path, minutes, threshold in (
        (table, 5, None),
        (paths.INTERVALS, 6, 0.8),
    ):  # evaluated again, reported
        os.utime(path, (now + 60 * minutes,) * 2)
        assert measured.evaluations("soft_prompt", ["bo"])["bo"].threshold == threshold
    os.utime(paths.subject_model("bo") / "soft_prompt.json", (now + 60 * 10,) * 2)  # learned again
    assert measured.evaluations("soft_prompt", ["bo"]) == {}


def test_all_that_comes_from_outside_is_escaped():
    evil = "<img src=x onerror=alert(1)>${alert(1)}{{alert}}"
    shown = [
        views.growing(Exchange(evil, None, (MethodAnswer(evil, evil), MethodAnswer(evil, evil)))),
        views.transcript([Exchange(evil, None, (MethodAnswer(evil, evil),), evil)], alone=True),
        views.sentences(evil, [evil]),
        views.progress(Progress(evil, "failed", error=evil)),
        views.confirm(evil, [Path(evil)]),
    ]
    for html in shown:
        assert "<img" not in html and "&lt;img src=x" in html


@pytest.mark.usefixtures("workspace")
def test_an_answer_that_is_stopped_or_left_keeps_what_was_said(tiny_llava: Path):
    set_params({"base.vlm.model": str(tiny_llava), "chat.max_new_tokens": 20, "chat.history": 4})
    visitor = Visitor(Assistant.of(params.load()))
    shown = ""
    for number, exchange in enumerate(visitor.ask("What is it?")):
        shown = exchange.answers[0].text
        if number == 2:
            visitor.stop()
    (entry,) = visitor.entries
    assert entry.answers[0].stopped and entry.answers[0].text == shown != ""
    left = visitor.ask("What is it?")
    next(left), next(left)
    left.close()  # as when the browser is gone
    assert visitor.entries[1].answers[0].stopped
    with pytest.raises(UserError, match="<rex> is unknown"):
        list(visitor.ask("What is <rex>?"))
    *_, whole = visitor.ask("And now?")
    assert len(visitor.entries) == 3 and not visitor.entries[2].answers[0].stopped
    assert whole.answers[0].text


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(("history", "told"), [(0, True), (4, False)])
def test_where_each_question_stands_alone_the_page_says_so(tiny_llava: Path, history: int, told: bool):
    set_params({"base.vlm.model": str(tiny_llava), "chat.max_new_tokens": 3, "chat.history": history})
    visitor = Visitor(Assistant.of(params.load()))
    for question in ("What color is it?", "What color is it?", "What color is a mug?"):
        list(visitor.ask(question))
    said = "does not see what was said before"
    assert [said in entry.hint for entry in visitor.entries] == [False, told, False]
    assert said in views.transcript([], alone=True) and said not in views.transcript([], alone=False)
