"""Learned rows and whole models exchanged: what others' tools load answers as our engine does."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken
from transformers import AutoModelForImageTextToText, AutoProcessor

from commands.convert import huggingface, vllm
from common import vlm
from common.core import io
from common.vlm.answer import decode
from tests.support import tiny
from tests.support.families import BUILDERS
from tests.support.helpers import ROOT
from tests.support.vlm_helpers import NamesEnd, noise_images, soft_prompt

SYSTEM = "Be brief."
QUESTIONS = ("Can you see <bo> in this photo?", "What color is it?", "What is next to <bo>? Answer it.")
IMAGES = noise_images(2)
SHIPPED = ROOT / "models/base/llava"
NEW_TOKENS = 8


def loaded(folder: Path, system: str) -> vlm.Base:
    base = vlm.load(str(folder), system=system)
    base.model.lm_head.weight[base.tokenizer.eos_token_id] *= 2  # so that some answers end early
    base.model.lm_head.weight[len(base.tokenizer) :] = 0  # padding, which no trained model says
    return base


def engine(base: vlm.Base, prompt: vlm.SoftPrompt, identifier: int) -> list[list[int]]:
    """Our answers' ids to all QUESTIONS about each image and none, the identifier as others number it."""
    asked = [(image, question) for image in (0, 1, None) for question in QUESTIONS]
    suffixes = [vlm.suffix(base, prompt, question, image=image is not None) for image, question in asked]
    prefixes = vlm.encode_prefixes(base, IMAGES)
    ids, _ = decode(
        base,
        suffixes,
        [(prompt,)] * len(asked),
        next(prefixes.batches([[image for image, _ in asked]], extra_slots=100)),
        max_new_tokens=NEW_TOKENS,
        option_ids=[0, 1],
    )
    return [[identifier if i == base.vocab_size else i for i in row] for row in ids]


def plain(folder: Path, base: vlm.Base, identifier: int) -> list[list[int]]:
    """The answers' ids by transformers alone, without those that end them; a name ends as it does here."""
    ends, names_end = base.end_ids, [NamesEnd(base, identifier)]
    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder)
    answers = []
    for image in (0, 1, None):
        for question in QUESTIONS:
            shown = [] if image is None else [{"type": "image", "image": IMAGES[image]}]
            inputs = processor.apply_chat_template(
                [{"role": "user", "content": [*shown, {"type": "text", "text": question}]}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            )
            out = model.generate(**inputs, max_new_tokens=NEW_TOKENS, logits_processor=names_end)
            new = out[0, inputs["input_ids"].shape[1] :].tolist()
            answers.append([i for i in new if i not in ends])
    return answers


@pytest.mark.parametrize("latent_tokens", [0, 5])
@pytest.mark.parametrize(("shipped", "system"), [(False, SYSTEM), (False, ""), (True, "")])
def test_transformers_answers_as_the_engine_does(
    shipped: bool, system: str, latent_tokens: int, tiny_llava: Path, tmp_path: Path
) -> None:
    answers = compared(SHIPPED if shipped else tiny_llava, system, latent_tokens, tmp_path / "out")
    assert shipped or len({len(answer) for answer in answers}) > 1  # some end early


@pytest.mark.parametrize("family", BUILDERS)
def test_so_it_does_for_every_family(family: str, tmp_path: Path) -> None:
    compared(BUILDERS[family](tmp_path / "model"), SYSTEM, 5, tmp_path / "out")


def compared(folder: Path, system: str, latent_tokens: int, out: Path) -> list[list[int]]:
    """Export a model with a subject that gets named; compare all answers, and return them."""
    base = loaded(folder, system)
    prompt = soft_prompt(base, "bo", latent_tokens)
    identifier = len(base.tokenizer)
    said = Counter(token for answer in engine(base, prompt, identifier) for token in answer)
    if identifier not in said:  # let it be said, in the place of the commonest token
        row = 1.1 * base.model.lm_head.weight[said.most_common(1)[0][0]].unsqueeze(0)
        prompt = replace(prompt, output_row=row)
    expected = engine(base, prompt, identifier)
    huggingface.export(base, prompt, system, out)
    assert plain(out, base, identifier) == expected
    assert any(identifier in answer for answer in expected)
    tokenizer = AutoProcessor.from_pretrained(out).tokenizer
    assert tokenizer.decode([identifier], skip_special_tokens=True).strip() == "<bo>"
    return expected


def test_the_code_that_models_readme_prints_runs_without_ours_and_answers_as_chat(tmp_path: Path) -> None:
    base = vlm.load(str(SHIPPED), system="")
    prompt = soft_prompt(base, "bo", 4)
    huggingface.export(base, prompt, "", tmp_path / "out/bo-model")
    photo = tmp_path / "data/world/subjects/bo/test/00.png"
    photo.parent.mkdir(parents=True)
    IMAGES[0].save(photo)
    code = re.search(r"```python\n(.*?)```", (ROOT / "models/README.md").read_text(), re.DOTALL)[1]
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=alone, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    prefixes = vlm.encode_prefixes(base, [IMAGES[0]])
    query = vlm.Query("Where is <bo>?", 0, prompt)
    said = vlm.answer(base, [query], prefixes, max_new_tokens=24, batch_size=1)[0].text
    assert done.stdout.split() == said.split() != []  # decode joins added tokens with other spaces


@pytest.mark.parametrize("family", ["llava", "fast_vlm"])
def test_a_padded_batch_is_answered_as_its_questions_are_one_by_one(family: str, tmp_path: Path) -> None:
    base = loaded({"llava": tiny.llava, **BUILDERS}[family](tmp_path / "model"), SYSTEM)
    huggingface.export(base, soft_prompt(base, "bo", 5), SYSTEM, tmp_path / "out")
    processor = AutoProcessor.from_pretrained(tmp_path / "out")
    model = AutoModelForImageTextToText.from_pretrained(tmp_path / "out")
    messages = [
        [{"role": "user", "content": [{"type": "image", "image": image}, {"type": "text", "text": question}]}]
        for image in IMAGES
        for question in QUESTIONS
    ]

    def answers(asked: list) -> list[str]:
        inputs = processor.apply_chat_template(
            asked,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        )
        assert len(asked) == 1 or not inputs["attention_mask"].all()
        out = model.generate(**inputs, max_new_tokens=NEW_TOKENS)
        return processor.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    together = answers(messages)
    assert together == [answer for message in messages for answer in answers([message])]
    assert len(set(together)) > 1


def test_one_table_for_input_and_output_becomes_two(tiny_llava: Path, tmp_path: Path) -> None:
    tied = shutil.copytree(tiny_llava, tmp_path / "tied")
    config = json.loads((tied / "config.json").read_text())
    config["tie_word_embeddings"] = config["text_config"]["tie_word_embeddings"] = True
    (tied / "config.json").write_text(json.dumps(config))
    weights = load_file(tied / "model.safetensors")
    kept = {name: rows for name, rows in weights.items() if not name.endswith("lm_head.weight")}
    save_file(kept, tied / "model.safetensors", {"format": "pt"})
    base = vlm.load(str(tied))
    assert base.model.lm_head.weight is base.model.get_input_embeddings().weight
    base.model.lm_head.weight[len(base.tokenizer) :] = 0  # padding, which no trained model says
    prompt = soft_prompt(base, "bo", 5)
    expected = engine(base, prompt, len(base.tokenizer))
    huggingface.export(base, prompt, "", tmp_path / "out")
    assert plain(tmp_path / "out", base, len(base.tokenizer)) == expected


@pytest.mark.parametrize("latent_tokens", [0, 5])
def test_prompt_embeddings_give_the_engine_s_probabilities(
    tiny_llava: Path, tmp_path: Path, latent_tokens: int
) -> None:
    base = vlm.load(str(tiny_llava), system=SYSTEM)
    prompt = soft_prompt(base, "bo", latent_tokens)
    vllm.export(base, prompt, tmp_path / "bo.safetensors")
    tensors, info = io.read_safetensors(tmp_path / "bo.safetensors")
    assert info["base"]["fingerprint"] == base.fingerprint and info["subject"] == "bo"
    assert torch.equal(tensors["identifier"], prompt.embeddings[:1])

    # as vllm.py says
    tokenizer = AutoProcessor.from_pretrained(tiny_llava).tokenizer
    tokenizer.add_tokens([AddedToken(name, normalized=False) for name in ("<bo>", "<definition>")])
    text = f"{info['before']}<definition> {QUESTIONS[2]}{info['after']}"
    places = {"<bo>": tensors["identifier"], "<definition>": tensors["prompt_embeds"]}
    table = base.model.get_input_embeddings()
    rows = [
        places[token] if token in places else table(torch.tensor([tokenizer.convert_tokens_to_ids(token)]))
        for token in tokenizer.convert_ids_to_tokens(tokenizer(text).input_ids)
    ]
    logits = base.model(inputs_embeds=torch.cat(rows).unsqueeze(0)).logits[0, -1]
    options = [base.layout.first_id("Yes"), base.layout.first_id("No")]
    query = vlm.Query(QUESTIONS[2], None, prompt)
    prefixes = vlm.encode_prefixes(base, [])
    (answer,) = vlm.answer(base, [query], prefixes, max_new_tokens=1, batch_size=1)
    torch.testing.assert_close(
        logits[options].softmax(-1), torch.tensor(answer.probabilities), rtol=1e-4, atol=1e-6
    )
