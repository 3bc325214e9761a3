"""The train stage with a tiny random model: what it writes, what it leaves alone, and that bytes repeat."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from common import vlm
from common.core import io, paths
from common.core.errors import UserError
from common.training import samples
from common.training.learn import learn
from stages.train.__main__ import main
from tests.support.helpers import run_stage, set_params
from tests.support.train_helpers import EVERYTHING, RECIPE, curve, prepare, rows, write_dataset


@pytest.fixture
def dataset(workspace: Path, tiny_llava: Path) -> Path:
    return prepare(tiny_llava)


def outputs() -> dict[str, bytes]:
    files = [*sorted(paths.subject_model("bo").iterdir()), paths.train_curve("bo")]
    return {path.name: path.read_bytes() for path in files}


def test_writes_a_self_describing_soft_prompt_and_its_curve(dataset: Path, base: vlm.Base) -> None:
    summary = main("bo")
    prompt = vlm.SoftPrompt.load(paths.subject_model("bo"), base.fingerprint)
    assert prompt.embeddings.shape == (3, 32) and prompt.output_row.shape == (1, 32)
    assert prompt.embeddings.dtype == prompt.output_row.dtype == torch.float32
    assert prompt.info["data"] == {"sha256": io.sha256_file(dataset), **EVERYTHING}
    assert prompt.info["training"]["steps"] == 3 * 3  # 9 samples in batches of 4, 3 epochs
    assert prompt.info["layout"]["with an image"] == (
        "USER: <image>\n<bo> is <latent><latent>. {question} ASSISTANT: {answer}</s>"
    )
    header, *lines = paths.train_curve("bo").read_text().splitlines()
    assert header == "epoch,loss,positive,negative,weighted" and len(lines) == 3
    best = prompt.info["validation"]
    assert lines[best["epoch"] - 1] == ",".join(str(best[name]) for name in header.split(","))
    assert summary == f"bo, 3 epochs, the best is {best['epoch']} with {best['weighted']:.3f} weighted"


def test_several_subjects_are_trained_in_one_process(dataset: Path, base: vlm.Base) -> None:
    set_params({"subjects": {"bo": {"kind": "pet"}, "mam": {"kind": "pet"}}})
    write_dataset([row | {"question": row["question"].replace("<bo>", "<mam>")} for row in rows()[1:]], "mam")
    alone = {}
    for subject in ("bo", "mam"):
        main(subject)
        alone[subject] = vlm.SoftPrompt.load(paths.subject_model(subject), base.fingerprint), curve(subject)
    assert main("bo", "mam").startswith("bo, 3 epochs, the best is ")
    for subject, (prompt, scores) in alone.items():
        together = vlm.SoftPrompt.load(paths.subject_model(subject), base.fingerprint)
        assert together.info.pop("validation") == pytest.approx(prompt.info.pop("validation"), rel=1e-5)
        assert together.info == prompt.info
        torch.testing.assert_close(together.embeddings, prompt.embeddings, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(together.output_row, prompt.output_row, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(curve(subject), scores, rtol=1e-4, atol=1e-5)


def test_two_runs_give_the_same_bytes(dataset: Path) -> None:
    main("bo")
    first = outputs()
    main("bo")
    assert outputs() == first
    set_params({"seed": 1})
    main("bo")
    assert outputs()["soft_prompt.safetensors"] != first["soft_prompt.safetensors"]


def test_the_end_of_an_answer_is_learned_or_not(dataset: Path, base: vlm.Base) -> None:
    end = base.tokenizer.eos_token_id
    for learned in (True, False):
        suffix = vlm.suffix(base, None, "Who?", "A dog.", end_token=learned)
        assert (suffix.labels[-1] == end) is learned and (end in suffix.ids) is learned
    main("bo")
    first = outputs()
    set_params({"train.end_token": False})
    main("bo")
    prompt = vlm.SoftPrompt.load(paths.subject_model("bo"), base.fingerprint)
    assert prompt.info["layout"]["text only"].endswith("{answer}")
    assert prompt.info["training"]["end_token"] is False
    assert outputs()["soft_prompt.safetensors"] != first["soft_prompt.safetensors"]


def test_every_epoch_is_kept_on_request_and_gone_without(dataset: Path, base: vlm.Base) -> None:
    set_params({"train.keep_epochs": True})
    main("bo")
    folder = paths.subject_epochs("bo")
    assert sorted(path.name for path in folder.iterdir()) == ["1", "2", "3"]
    epochs = {path.name: vlm.SoftPrompt.load(path, base.fingerprint) for path in folder.iterdir()}
    best = vlm.SoftPrompt.load(paths.subject_model("bo"), base.fingerprint)
    same = epochs.pop(str(best.info["validation"]["epoch"]))
    assert torch.equal(same.embeddings, best.embeddings) and same.info == best.info
    assert not any(torch.equal(other.embeddings, best.embeddings) for other in epochs.values())
    set_params({"train.keep_epochs": False})
    main("bo")
    assert not folder.exists()


@pytest.mark.slow
def test_the_command_gives_the_same_bytes_and_a_closing_line(dataset: Path) -> None:
    main("bo")
    first = outputs()
    done = run_stage("train", "bo")
    assert done.returncode == 0 and done.stderr.startswith("train: bo, 3 epochs")
    assert outputs() == first
    failed = run_stage("train", "mam")
    assert failed.returncode == 1 and failed.stderr.startswith("error: ") and failed.stderr.count("\n") == 1


def test_what_cannot_be_trained_is_one_sentence(dataset: Path, base: vlm.Base) -> None:
    with pytest.raises(UserError, match=r"lists no subject mam"):
        main("mam")
    with pytest.raises(UserError, match=r"train.data.hard"):
        samples.read_rows(dataset, conversations=True, hard=False, easy=False)
    sets = {"bo": samples.TrainingSet.of(samples.read_rows(dataset, **EVERYTHING), balance=True)}
    with pytest.raises(UserError, match=r"lower train.learning_rate"):
        learn(base, sets, replace(RECIPE, learning_rate=1e30))
    write_dataset([row for row in rows() if row["role"] != "positive"])
    with pytest.raises(UserError, match="no positives"):
        main("bo")
    dataset.unlink()
    with pytest.raises(UserError, match="dvc repro"):
        main("bo")
    assert not paths.subject_model("bo").exists() and not paths.train_curve("bo").exists()
