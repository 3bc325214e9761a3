"""MiniGPT-v2's published parts become a base that computes what the published code does, on tiny parts.

The tower is written out here as the authors' is: positions interpolated, queries and values with a bias and
keys without, its last block unused. The language model is a Llama with PEFT's adapters, not merged.
"""

from pathlib import Path

import peft
import pytest
import torch
import torch.nn.functional as F
from transformers import LlamaConfig, LlamaForCausalLM

from commands.minigpt_v2.__main__ import main
from common import vlm
from common.core.errors import UserError
from tests.support import tiny
from tests.support.vlm_helpers import noise_images

WIDTH, BLOCKS, HEADS = 176, 3, 2  # of the tower; the last block is not used
QUESTION = "[refer] the dog in the image"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the three parts."""
    folder = tmp_path_factory.mktemp("parts")
    draws = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return 0.1 * torch.randn(shape, generator=draws)

    tower = {
        "cls_token": draw(1, 1, WIDTH),
        "pos_embed": draw(1, 1 + 16**2, WIDTH),
        "patch_embed.proj.weight": draw(WIDTH, 3, 14, 14),
        "patch_embed.proj.bias": draw(WIDTH),
        "norm.weight": draw(WIDTH),
        "head.bias": draw(10),
    }
    for number in range(BLOCKS):
        sizes = {"norm1": [WIDTH], "attn.proj": [WIDTH, WIDTH], "norm2": [WIDTH]}
        sizes |= {"mlp.fc1": [48, WIDTH], "mlp.fc2": [WIDTH, 48]}
        for name, size in sizes.items():
            tower[f"blocks.{number}.{name}.weight"] = draw(*size)
            tower[f"blocks.{number}.{name}.bias"] = draw(size[0])
        tower[f"blocks.{number}.attn.qkv.weight"] = draw(3 * WIDTH, WIDTH)
        tower |= {f"blocks.{number}.attn.{letter}_bias": draw(WIDTH) for letter in "qv"}
    torch.save(tower, folder / "eva_vit_g.pth")

    text = tiny.tokenizer()
    torch.manual_seed(0)
    llama = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(text),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=4,
            initializer_range=0.2,
        )
    )
    llama.save_pretrained(folder / "llama")
    text.save_pretrained(folder / "llama")
    adapted = with_adapters(folder)
    for name, values in adapted.named_parameters():
        values.data = draw(*values.shape) if "lora" in name else values.data
    lora = {f"llama_model.{name}": values for name, values in adapted.state_dict().items() if "lora" in name}
    projector = {"llama_proj.weight": draw(32, 4 * WIDTH), "llama_proj.bias": draw(32)}
    torch.save({"model": lora | projector, "epoch": 3}, folder / "checkpoint.pth")
    return folder


def with_adapters(parts: Path) -> peft.PeftModel:
    settings = peft.LoraConfig(r=4, lora_alpha=16, target_modules=["q_proj", "v_proj"])
    return peft.get_peft_model(LlamaForCausalLM.from_pretrained(parts / "llama"), settings).eval()


def convert(parts: Path, out: Path, **changed: Path) -> str:
    files = {name: parts / name for name in ("checkpoint.pth", "eva_vit_g.pth", "llama")}
    files |= {name.replace("__", "."): path for name, path in changed.items()}
    return main(*map(str, (*files.values(), out)))


def features(parts: Path, pixels: torch.Tensor) -> torch.Tensor:
    """Image tokens (1, 256, 32) by the published arithmetic."""
    tower = torch.load(parts / "eva_vit_g.pth", weights_only=True)
    learned = torch.load(parts / "checkpoint.pth", weights_only=True)["model"]
    grid = tower["pos_embed"][:, 1:].reshape(1, 16, 16, WIDTH).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(32, 32), mode="bicubic", align_corners=False).permute(0, 2, 3, 1)
    x = F.conv2d(pixels, tower["patch_embed.proj.weight"], tower["patch_embed.proj.bias"], stride=14)
    x = torch.cat([tower["cls_token"], x.flatten(2).mT], 1)
    x = x + torch.cat([tower["pos_embed"][:, :1], grid.flatten(1, 2)], 1)
    for number in range(BLOCKS - 1):
        of = {name.partition(f"blocks.{number}.")[2]: values for name, values in tower.items()}
        bias = torch.cat([of["attn.q_bias"], torch.zeros(WIDTH), of["attn.v_bias"]])
        y = F.layer_norm(x, [WIDTH], of["norm1.weight"], of["norm1.bias"], 1e-6)
        q, k, v = F.linear(y, of["attn.qkv.weight"], bias).reshape(1, -1, 3, HEADS, 88).permute(2, 0, 3, 1, 4)
        y = ((q * 88**-0.5) @ k.mT).softmax(-1) @ v
        x = x + F.linear(y.transpose(1, 2).flatten(2), of["attn.proj.weight"], of["attn.proj.bias"])
        y = F.layer_norm(x, [WIDTH], of["norm2.weight"], of["norm2.bias"], 1e-6)
        y = F.gelu(F.linear(y, of["mlp.fc1.weight"], of["mlp.fc1.bias"]))
        x = x + F.linear(y, of["mlp.fc2.weight"], of["mlp.fc2.bias"])
    x = F.layer_norm(x, [WIDTH])[:, 1:]  # whose weights were not learned
    return F.linear(x.reshape(1, 256, 4 * WIDTH), learned["llama_proj.weight"], learned["llama_proj.bias"])


@torch.no_grad()
def test_the_base_computes_what_the_published_parts_do(parts: Path, tmp_path: Path) -> None:
    assert convert(parts, tmp_path / "base").endswith(
        "set base.vlm.model to it, and base.vlm.revision to null"
    )
    base = vlm.load(str(tmp_path / "base"))
    (image,) = noise_images(1, ((300, 500),))
    seen = features(parts, base.processor.image_processor([image], return_tensors="pt").pixel_values)
    torch.testing.assert_close(vlm.image_tokens(base, [image]), seen, rtol=1e-4, atol=1e-5)

    adapted, text = with_adapters(parts), tiny.tokenizer()
    learned = torch.load(parts / "checkpoint.pth", weights_only=True)["model"]
    lora = {name.removeprefix("llama_model."): values for name, values in learned.items() if "lora" in name}
    assert not adapted.load_state_dict(lora, strict=False).unexpected_keys
    table = adapted.get_input_embeddings()
    before, behind = (
        text(part, return_tensors="pt", add_special_tokens=first).input_ids
        for part, first in (("[INST] <Img>", True), (f"</Img> {QUESTION} [/INST]", False))
    )  # each alone, as the published code cuts them
    embeddings = torch.cat([table(before), seen, table(behind)], 1)
    new: list[int] = []
    while len(new) < 6 and text.eos_token_id not in new:
        new.append(int(adapted(inputs_embeds=embeddings).logits[0, -1].argmax()))
        embeddings = torch.cat([embeddings, table(torch.tensor([new[-1:]]))], 1)
    (answer,) = vlm.answer(
        base, [vlm.Query(QUESTION, 0)], vlm.encode_prefixes(base, [image]), max_new_tokens=6, batch_size=1
    )
    assert answer.text == text.decode(new, skip_special_tokens=True).strip()


def test_what_is_not_the_published_layout_is_refused(parts: Path, tmp_path: Path) -> None:
    tower = torch.load(parts / "eva_vit_g.pth", weights_only=True)
    whole = torch.load(parts / "checkpoint.pth", weights_only=True)["model"]
    half = {name: values for name, values in whole.items() if "layers.1.self_attn.v_proj.lora_B" not in name}
    wide = whole | {"llama_proj.weight": torch.zeros(32, 9)}
    bad = tmp_path / "bad.pth"
    for name, content, reason in (
        ("eva_vit_g.pth", tower | {"extra": torch.zeros(1)}, "holds extra, which MiniGPT-v2 has not"),
        ("eva_vit_g.pth", {**tower, "cls_token": 3}, "cls_token is no tensor of numbers"),
        ("eva_vit_g.pth", {n: t for n, t in tower.items() if n != "pos_embed"}, "lacks pos_embed"),
        ("checkpoint.pth", {"model": {}}, "no tensors under `model`"),
        ("checkpoint.pth", {"model": half}, "half of the adapter of v_proj in layer 1"),
        (
            "checkpoint.pth",
            {"model": wide},
            r"multi_modal_projector.linear.weight is \(32, 9\) and should be",
        ),
        ("checkpoint.pth", {"model": Path("x")}, "holds code, which is not loaded"),
    ):
        torch.save(content, bad)
        with pytest.raises(UserError, match=reason):
            convert(parts, tmp_path / "base", **{name.replace(".", "__"): bad})
        assert not (tmp_path / "base").exists()
    with pytest.raises(UserError, match=r"absent is missing: give the folder of Llama-2-7b-chat-hf"):
        convert(parts, tmp_path / "base", llama=tmp_path / "absent")
    with pytest.raises(UserError, match="is there: remove it"):
        convert(parts, tmp_path)
