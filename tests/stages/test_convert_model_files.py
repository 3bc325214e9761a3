"""What convert writes of a trained subject's model: its texts and tables, and nothing over another file."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoProcessor, LlavaForConditionalGeneration

from commands.convert import huggingface
from commands.convert.__main__ import main
from common import vlm
from common.core import paths
from common.core.errors import UserError
from tests.stages.test_convert_model import SYSTEM, loaded
from tests.support.helpers import ROOT, set_params
from tests.support.vlm_helpers import soft_prompt


def test_the_template_adds_what_the_user_leaves_out(tiny_llava: Path, tmp_path: Path) -> None:
    base = loaded(tiny_llava, SYSTEM)
    huggingface.export(base, soft_prompt(base, "bo", 2), SYSTEM, tmp_path / "out")
    processor = AutoProcessor.from_pretrained(tmp_path / "out")

    def text(*messages: tuple[str, object]) -> str:
        return processor.apply_chat_template(
            [{"role": role, "content": content} for role, content in messages],
            add_generation_prompt=True,
            tokenize=False,
        )

    definition = "<bo> is <bo|1><bo|2>."
    shown = [{"type": "image"}, {"type": "text", "text": 'A "quoted" {{ question }}?'}]
    said = [{"type": "text", "text": "Yes."}]
    assert text(("user", shown)) == (
        f'{SYSTEM} USER: <image>\n{definition} A "quoted" {{{{ question }}}}? ASSISTANT:'
    )
    assert text(("user", "What?")) == f"{SYSTEM} USER: {definition} What? ASSISTANT:"
    assert text(("user", f"{definition} What?")) == text(("user", "What?"))
    own = [{"type": "text", "text": "Be long."}]
    assert text(("system", own), ("user", "What?")) == f"Be long. USER: {definition} What? ASSISTANT:"
    talk = text(("user", shown), ("assistant", said), ("user", "Why?"))
    assert talk.count(definition) == 1 and talk.endswith("ASSISTANT: Yes. USER: Why? ASSISTANT:")


def test_latent_tokens_are_never_said(tiny_llava: Path, tmp_path: Path) -> None:
    base = loaded(tiny_llava, "")
    prompt = soft_prompt(base, "bo", 5)
    huggingface.export(base, prompt, "", tmp_path / "out")
    latent = set(range(len(base.tokenizer) + 1, len(base.tokenizer) + 6))
    model = LlavaForConditionalGeneration.from_pretrained(tmp_path / "out")
    assert set(model.generation_config.suppress_tokens) == latent
    # without the suppression, the rows alone keep them from winning, whatever the hidden state
    hidden = torch.randn(2000, base.hidden_size, generator=torch.Generator().manual_seed(0))
    assert not latent & set(model.lm_head(hidden).argmax(-1).tolist())
    # with it, sampling cannot draw them however high the temperature; left out, it would
    inputs = AutoProcessor.from_pretrained(tmp_path / "out")(text=["USER: What?"], return_tensors="pt")
    options = {"do_sample": True, "temperature": 100.0, "top_k": 0, "num_return_sequences": 64}
    torch.manual_seed(0)
    sampled = model.generate(**inputs, max_new_tokens=40, **options)
    assert not latent & set(sampled.flatten().tolist())
    model.generation_config.suppress_tokens = None
    assert latent & set(model.generate(**inputs, max_new_tokens=40, **options).flatten().tolist())


def test_latent_tokens_with_output_rows_keep_them(tiny_llava: Path, tmp_path: Path) -> None:
    base = loaded(tiny_llava, "")
    prompt, size = soft_prompt(base, "bo", 5, latent_output_rows=True), len(base.tokenizer)
    huggingface.export(base, prompt, "", tmp_path / "out")
    model = LlavaForConditionalGeneration.from_pretrained(tmp_path / "out")
    assert torch.equal(model.lm_head.weight[size : size + 6], prompt.output_row)
    assert model.generation_config.suppress_tokens is None


def test_tables_of_other_rows_are_the_base_s(tiny_llava: Path, tmp_path: Path) -> None:
    base = loaded(tiny_llava, "")
    before = copy.deepcopy(base.model.state_dict())
    prompt = soft_prompt(base, "bo", 5)
    size = len(base.tokenizer)
    huggingface.export(base, prompt, "", tmp_path / "out")
    after = LlavaForConditionalGeneration.from_pretrained(tmp_path / "out").state_dict()
    assert before.keys() == after.keys()
    tables = {name for name in before if name.endswith(("embed_tokens.weight", "lm_head.weight"))}
    assert len(tables) == 2
    for name, value in before.items():
        kept = slice(size) if name in tables else slice(None)
        assert torch.equal(after[name][kept], value[kept])
    config = LlavaForConditionalGeneration.from_pretrained(tmp_path / "out").config
    assert config.text_config.vocab_size == size + 6


@pytest.fixture
def trained(workspace: Path, tiny_llava: Path) -> tuple[vlm.Base, vlm.SoftPrompt]:
    """A workspace where `bo` has a soft prompt of 5 latent tokens for the tiny base."""
    set_params({"base.vlm.model": str(tiny_llava), "base.vlm.system": SYSTEM})
    base = vlm.load(str(tiny_llava), system=SYSTEM)
    prompt = soft_prompt(base, "bo", 5)
    prompt.info["base"] = {"fingerprint": base.fingerprint}
    prompt.save(paths.subject_model("bo"))
    return base, prompt


Trained = tuple[vlm.Base, vlm.SoftPrompt]


def test_nothing_is_written_over(trained: Trained) -> None:
    Path("out").mkdir()
    for file in ("a-token.pt", "b-lmhead.pt", "rows.safetensors"):
        Path("out", file).write_text("mine")
    for words in [
        ("tokens", "bo", "out/a-token.pt"),
        ("tokens", "bo", "out/b-token.pt"),
        ("huggingface", "bo", "out"),
        ("vllm", "bo", "out/rows.safetensors"),
    ]:
        with pytest.raises(UserError, match="exists already"):
            main(*words)
    assert {file.read_text() for file in Path("out").iterdir()} == {"mine"}
    (paths.subject_model("bo") / "soft_prompt.json").unlink()
    for name in ("tokens", "huggingface", "vllm"):
        with pytest.raises(UserError, match="dvc repro train@bo"):
            main(name, "bo", "new-token.pt")


def test_the_command_writes_a_folder(trained: Trained) -> None:
    base, prompt = trained
    said = main("huggingface", "bo", "out")
    assert said == f"out: {base.name} with <bo> and 5 latent tokens"
    processor = AutoProcessor.from_pretrained("out")
    text = processor.apply_chat_template([{"role": "user", "content": "What?"}], tokenize=False)
    assert text.startswith(f"{SYSTEM} USER: <bo> is <bo|1>")
    rows = LlavaForConditionalGeneration.from_pretrained("out").get_input_embeddings().weight
    first = processor.tokenizer.convert_tokens_to_ids("<bo>")
    assert torch.equal(rows[first:], prompt.embeddings)


@pytest.mark.slow
def test_a_full_disk_leaves_nothing(trained: Trained) -> None:
    command = (
        f"ulimit -f 64; exec {sys.executable} -m commands.convert huggingface bo out"  # kilobytes a file
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "error: cannot write out" in done.stderr and "free some space" in done.stderr
    assert not list(Path().glob("*out*"))
