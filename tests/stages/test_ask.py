"""Files of questions: every form of them, reruns, bad rows, and checkpoints."""

import fcntl
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands.ask import answers, questions
from commands.ask.__main__ import main
from common.assistant import BASE, Assistant
from common.core import io, params, paths, schema
from common.core.errors import UserError
from common.methods.interface import MethodSubject
from tests.support.ask_helpers import expected, lines, make_assistant, write_lines
from tests.support.helpers import ROOT, set_params
from tests.support.methods_helpers import learnable


@pytest.fixture
def assistant(workspace: Path, tiny_llava: Path) -> Assistant:
    return make_assistant(tiny_llava)


def test_llavas_question_file(assistant: Assistant, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [
        ("a.png", "What is <bo>?"),
        (None, "Who?"),
        ("b.png", "Is <mam> here?"),
        ("a.png", "Is <bo> here?"),
    ]
    rows: list = [
        {"question_id": 7 + i, "text": text, "category": "default"} | ({"image": image} if image else {})
        for i, (image, text) in enumerate(asked)
    ]
    bad = [
        "no JSON",
        {"question_id": 1},
        {"question_id": 7, "text": "Again?"},
        {"question_id": "x", "text": " "},
        {"question_id": 2, "text": "Where?", "image": "absent.png"},
        {"question_id": 6, "text": "Is <rex> here?"},
        {"question_id": 3, "text": "Where?", "image": "../params.yaml"},
        {"question_id": 5, "text": "Who </s>?"},
        {"question_id": 4, "text": "Where?", "image": "broken.png"},
        {"question_id": 8.5, "text": "?"},
    ]
    Path("photos/broken.png").write_bytes(b"%PDF")
    write_lines("photos/question.jsonl", [*rows, *bad])
    said = main("photos/question.jsonl", "out/answer.jsonl", "--subject", "bo")
    assert said == "4 answered, 0 were before, 10 left out"
    found = lines("out/answer.jsonl")
    assert [{*row} for row in found] == [
        {"question_id", "prompt", "text", "answer_id", "model_id", "metadata"}
    ] * 4
    for row, (image, text), i in zip(found, asked, range(4), strict=True):
        answer = expected(assistant, text, image, subjects=["bo"])
        assert row["text"] == answer.text and row["prompt"] == text and row["question_id"] == 7 + i
        assert row["metadata"] == pytest.approx(
            dict(zip(("yes", "no"), answer.probabilities, strict=True)), rel=1e-4
        )
    assert {row["model_id"] for row in found} == {"soft_prompt/bo"}
    told = capsys.readouterr().err
    for reason in (
        *("line 5: Invalid JSON", "line 6: text: Field required", "line 7: question_id 7 comes twice"),
        *("the question is empty", "absent.png is no photo in photos", "a file outside photos"),
        *("train@rex", "contains </s>", "broken.png is a PDF"),
    ):
        assert reason in told
    assert "left out: 0 more" not in told


def test_a_rerun_goes_on_where_it_ended(assistant: Assistant) -> None:
    write_lines("q.jsonl", [{"question_id": i, "text": f"What is {i}?"} for i in range(30)])
    main("q.jsonl", "whole.jsonl")
    whole = Path("whole.jsonl").read_bytes()
    rows = whole.splitlines(keepends=True)
    Path("part.jsonl").write_bytes(b"".join(rows[:11]) + rows[11][:20])  # as a kill leaves it
    assert main("q.jsonl", "part.jsonl") == "19 answered, 11 were before, 0 left out"
    assert Path("part.jsonl").read_bytes() == whole
    assert main("q.jsonl", "part.jsonl") == "0 answered, 30 were before, 0 left out"
    with pytest.raises(UserError, match="holds answers of soft_prompt, not of base: choose another"):
        main("q.jsonl", "part.jsonl", "--method", BASE)
    Path("other.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(UserError, match=r"other\.jsonl line 1 is no answer of ours"):
        main("q.jsonl", "other.jsonl")
    with Path("part.jsonl").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another process is writing part"):
            main("q.jsonl", "part.jsonl")


def test_tables_and_folders(assistant: Assistant) -> None:
    Path("photos/q.csv").write_bytes(
        b'\xef\xbb\xbfimage,question,subject\r\na.png,"Is it, <bo>?",bo\r\n,What?,mam+bo\r\nb.png,What?,\r\n'
        b"b.png,What?,\r\n"
    )
    main("photos/q.csv", "csv.jsonl")
    table = [("a.png", "Is it, <bo>?", "bo"), (None, "What?", "mam+bo"), ("b.png", "What?", "")]
    rows = lines("csv.jsonl")
    for row, (image, question, subjects) in zip(rows, table, strict=True):  # one of two equal rows is enough
        answer = expected(assistant, question, image, subjects=subjects.split("+") if subjects else [])
        assert (row["image"], row["question"], row["answer"]) == (image, question, answer.text)
        assert (
            row["yes"] == pytest.approx(answer.probabilities[0], rel=1e-4) and row["model"] == "soft_prompt"
        )
    write_lines("q.jsonl", [{"image": i, "question": q, "subject": s} for i, q, s in table])
    main("q.jsonl", "jsonl.jsonl", "--images", "photos")
    assert [row["answer"] for row in lines("jsonl.jsonl")] == [row["answer"] for row in rows]
    Path("photos/q.csv").unlink()
    main("photos", "folder.jsonl", "--method", BASE, "--question", "What?", "--question", "Where?")
    found = [(row["image"], row["question"], row["answer"], row["model"]) for row in lines("folder.jsonl")]
    assert found == [
        (image, question, expected(assistant, question, image, method=BASE).text, BASE)
        for image in ("a.png", "b.png")
        for question in ("What?", "Where?")
    ]


def test_myvlms_inference_file_with_its_checkpoints(assistant: Assistant, clip_folder: Path) -> None:
    set_params({"base.clip.model": str(clip_folder)})
    learnable("bo")
    shown = io.read_parquet(paths.dataset("bo"), schema.DATASET).to_pylist()[:2]
    captions = [
        dict.fromkeys(schema.CONVERSATIONS.names)
        | {"kind": "caption", "photo": "0.png", "photo_sha256": row["source_sha256"], "turn": turn}
        | {"question": "What is <bo>?", "answer": "<bo> is a dog."}
        for turn, row in enumerate(shown)
    ]
    io.write_parquet(paths.conversations("bo"), captions, schema.CONVERSATIONS, ["turn"])
    small = params.load().methods["myvlm"]
    small = small | {
        "head": small["head"] | {"steps": 2, "pictures": 4, "threshold": 0.0},  # so that it always fires
        "embedding": small["embedding"] | {"steps": 4, "checkpoints": 2},
    }
    set_params({"methods.myvlm": small})
    Assistant.of(params.load()).method("myvlm").fit([MethodSubject("bo", "pet")])
    prompts = {"What is <bo>?": "", "Where is <bo>?": ""}
    asked = {f"iteration_{n}": dict.fromkeys(("a.png", "./b.png"), prompts) for n in (2, 3)}
    io.write_json(Path("photos/inference.json"), asked)
    words = ("photos/inference.json", "out.json", "--method", "myvlm", "--subject", "bo")
    assert main(*words) == "8 answered, 0 were before, 0 left out"
    found = io.read_json(Path("out.json"))
    assert {n: {i: [*p] for i, p in images.items()} for n, images in found.items()} == {
        n: {i: [*p] for i, p in images.items()} for n, images in asked.items()
    }
    afterwards = Assistant.of(params.load())
    for name, method in (("iteration_2", "myvlm@2"), ("iteration_3", "myvlm")):  # 3 is the last, from 0
        for question in prompts:
            told = expected(afterwards, question, "b.png", subjects=["bo"], method=method).text
            assert found[name]["./b.png"][question] == told
    del found["iteration_3"]["a.png"]
    Path("out.json").write_text(json.dumps(found))
    assert main(*words) == "2 answered, 6 were before, 0 left out"
    assert not Path(".out.json.lock").exists()
    with pytest.raises(UserError, match="soft_prompt keeps no checkpoints: leave one iteration"):
        main("photos/inference.json", "soft.json")
    del asked["iteration_3"]
    io.write_json(Path("photos/inference.json"), asked)
    assert main("photos/inference.json", "soft.json") == "4 answered, 0 were before, 0 left out"
    io.write_json(
        Path("photos/inference.json"), {"iteration_9": asked["iteration_2"], "x": {"a.png": prompts}}
    )
    assert main(words[0], "none.json", *words[2:]) == "0 answered, 0 were before, 6 left out"


def test_mistakes_are_one_sentence(assistant: Assistant) -> None:
    write_lines("q.jsonl", [{"question_id": 1, "text": "What?"}])
    write_lines("empty.jsonl", ["", "[1]"])
    Path("a.csv").write_text("a,b\n1,2\n")
    Path("a.json").write_text("[]")
    for words, reason in [
        (("absent.jsonl", "out"), "absent.jsonl cannot be opened"),
        (("a.csv", "out"), "a.csv has no column question"),
        (("a.json", "out"), "iteration_25"),
        (("params.yaml", "out"), "params.yaml is no file of questions"),
        (("empty.jsonl", "out"), r"no question that can be asked \(line 2"),
        (("photos", "out"), "say with --question what is asked"),
        (("q.jsonl", "out", "--question", "a"), "--question is asked of a folder"),
        (("q.jsonl", "out", "--subject", "rex"), "run `dvc repro train@rex`"),
        (("q.jsonl", "out", "--subject", "cat"), "cat"),
        (("q.jsonl", "out", "--method", "magic"), "magic is no method of params.yaml"),
        (("q.jsonl", "out", "--vllm", "http://127.0.0.1:1/v1"), "--vllm and --vllm-model go together"),
        (("q.jsonl", "params.yaml/out"), "params.yaml"),
    ]:
        with pytest.raises(UserError, match=reason):
            main(*words)


@pytest.mark.slow
def test_a_kill_loses_nothing(assistant: Assistant) -> None:
    write_lines("q.jsonl", [{"question_id": i, "text": f"What is {i}?"} for i in range(400)])
    process = subprocess.Popen(
        [sys.executable, "-m", "commands.ask", "q.jsonl", "a.jsonl"],
        env={"PYTHONPATH": str(ROOT), "PATH": "", "OMP_NUM_THREADS": "1"},
    )
    while not (Path("a.jsonl").exists() and Path("a.jsonl").stat().st_size):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = main("q.jsonl", "a.jsonl").split()
    assert int(done[0]) + int(done[2]) == 400 and int(done[2]) > 0
    assert [row["question_id"] for row in lines("a.jsonl")] == list(range(400))


def test_forms_are_told_apart(workspace: Path) -> None:
    write_lines("q.jsonl", [{"question": "What?"}, {"question": ""}])
    found = questions.read(Path("q.jsonl"), (), None)
    assert found.form == questions.TABLE and found.problems == ["line 2: the question is empty"]
    with answers.opened(Path("a.jsonl"), found.form) as kept:
        assert isinstance(kept, answers.LinesFile) and kept.answered("base") == set()
