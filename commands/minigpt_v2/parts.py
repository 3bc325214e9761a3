"""The published parts, read: owns their layout, and that all of it is there and nothing else.

    minigptv2_checkpoint.pth  {model: {llama_proj.…, llama_model.….[qv]_proj.lora_[AB].…, ln_vision.…?}, …}
    eva_vit_g.pth             EVA's ViT-g of 224 pixels squared, 40 blocks, of which the last is not used
    Llama-2-7b-chat-hf        a folder of transformers

Does not own what is made of them (`build`).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from common.core import torch_archives
from common.core.errors import UserError

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

MAX_BYTES = 8 * 2**30  # of a file; the tower has 2 GB
AGAIN = "download it again"
_LORA = re.compile(
    r"llama_model\.base_model\.model\.model\.layers\.(\d+)\.self_attn\.([qv])_proj\.lora_([AB])(?:\.default)?\.weight"
)
_UNUSED = re.compile(r"(?:norm|fc_norm|head)\.(?:weight|bias)")  # of the tower: its classifier
_IN_BLOCK = {
    "norm1": "layer_norm1",
    "attn.proj": "self_attn.projection",
    "norm2": "layer_norm2",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
Tensors = dict[str, torch.Tensor]


class Adapters(NamedTuple):
    """What MiniGPT-v2 learned: a LoRA by layer and letter of the projection, A and B; the map; a norm."""

    lora: dict[tuple[int, str], dict[str, torch.Tensor]]
    projector: Tensors  # weight (D, 4 C), bias (D,)
    norm: Tensors  # of the tower's output, weight and bias (C,); empty where it was left as it begins


class Llama(NamedTuple):
    """A language model and its tokenizer."""

    model: "LlamaForCausalLM"
    tokenizer: "PreTrainedTokenizerFast"


def adapters(path: Path) -> Adapters:
    """Read MiniGPT-v2's checkpoint; raises UserError if a tensor is missing, unpaired or unknown."""
    whole = torch_archives.load(path, "give the checkpoint of MiniGPT-v2", MAX_BYTES, AGAIN)
    named = whole.get("model") if isinstance(whole, dict) else None
    tensors = _tensors(path, named, "no tensors under `model`: give MiniGPT-v2's own checkpoint")
    lora: dict[tuple[int, str], dict[str, torch.Tensor]] = {}
    for name in [name for name in tensors if _LORA.fullmatch(name)]:
        layer, which, half = _LORA.fullmatch(name).groups()
        lora.setdefault((int(layer), which), {})[half] = tensors.pop(name)
    for (layer, which), halves in lora.items():
        if len(halves) < 2 or halves["A"].shape[0] != halves["B"].shape[1]:
            raise UserError(f"{path} has half of the adapter of {which}_proj in layer {layer}: {AGAIN}")
    projector = {part: _take(tensors, f"llama_proj.{part}", path) for part in ("weight", "bias")}
    norm = {
        part: tensors.pop(f"ln_vision.{part}")
        for part in ("weight", "bias")
        if f"ln_vision.{part}" in tensors
    }
    _refuse_others(tensors, path)
    return Adapters(lora, projector, norm)


def tower(path: Path, learned: Adapters) -> Tensors:
    """Read EVA's file, by the names of transformers' BLIP-2; raises UserError as `adapters`."""
    tensors = _tensors(
        path, torch_archives.load(path, "give EVA's eva_vit_g.pth", MAX_BYTES, AGAIN), "no tensors: " + AGAIN
    )
    blocks = 1 + max((int(name.split(".")[1]) for name in tensors if name.startswith("blocks.")), default=0)
    made = {
        "embeddings.class_embedding": _take(tensors, "cls_token", path),
        "embeddings.position_embedding": _take(tensors, "pos_embed", path),
    }
    for part in ("weight", "bias"):
        made[f"embeddings.patch_embedding.{part}"] = _take(tensors, f"patch_embed.proj.{part}", path)
    for number in range(blocks - 1):
        theirs, ours = f"blocks.{number}", f"encoder.layers.{number}"
        for name, other in _IN_BLOCK.items():
            for part in ("weight", "bias"):
                made[f"{ours}.{other}.{part}"] = _take(tensors, f"{theirs}.{name}.{part}", path)
        made[f"{ours}.self_attn.qkv.weight"] = _take(tensors, f"{theirs}.attn.qkv.weight", path)
        query, value = (_take(tensors, f"{theirs}.attn.{letter}_bias", path) for letter in "qv")
        made[f"{ours}.self_attn.qkv.bias"] = torch.cat(
            [query, torch.zeros_like(query), value]
        )  # keys have none
    last = [name for name in tensors if name.startswith(f"blocks.{blocks - 1}.") or _UNUSED.fullmatch(name)]
    _refuse_others({name: tensors[name] for name in tensors if name not in last}, path)
    width = made["embeddings.class_embedding"].shape[-1]
    made["post_layernorm.weight"] = learned.norm.get("weight", torch.ones(width))
    made["post_layernorm.bias"] = learned.norm.get("bias", torch.zeros(width))
    return made


def llama(folder: Path) -> Llama:
    """Open a Llama; raises UserError if there is none in the folder."""
    from transformers import AutoConfig, AutoTokenizer, LlamaForCausalLM

    from common.vlm.minigpt_v2 import IMAGE_TOKEN

    if not folder.is_dir():
        raise UserError(f"{folder} is missing: give the folder of Llama-2-7b-chat-hf")
    try:
        kind = AutoConfig.from_pretrained(folder).model_type
        if kind != "llama":
            raise UserError(f"{folder} holds a model of type {kind}: give the folder of Llama-2-7b-chat-hf")
        model = LlamaForCausalLM.from_pretrained(folder, dtype="auto", use_safetensors=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, extra_special_tokens={"image_token": IMAGE_TOKEN})
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"{folder} could not be loaded ({str(error).splitlines()[0]}): {AGAIN}") from error
    if tokenizer.convert_tokens_to_ids(IMAGE_TOKEN) != model.config.vocab_size:
        raise UserError(f"the tokenizer in {folder} is not that of its model: {AGAIN}")
    behind = tokenizer("</Img> x", add_special_tokens=False).input_ids
    if tokenizer(f"{IMAGE_TOKEN} </Img> x", add_special_tokens=False).input_ids[1:] != behind:
        raise UserError(
            f"the tokenizer in {folder} cuts what follows a photo in another way than MiniGPT-v2's: "
            "take tokenizer.json and tokenizer_config.json of Llama-2-7b-chat-hf, whose `legacy` is false"
        )
    return Llama(model, tokenizer)


def _tensors(path: Path, tensors: object, otherwise: str) -> Tensors:
    if not isinstance(tensors, Mapping) or not tensors:
        raise UserError(f"{path} holds {otherwise}")
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
            raise UserError(f"{path}: {name} is no tensor of numbers: {AGAIN}")
    return dict(tensors)


def _take(tensors: Tensors, name: str, path: Path) -> torch.Tensor:
    if name not in tensors:
        raise UserError(f"{path} lacks {name}: {AGAIN}")
    return tensors.pop(name)


def _refuse_others(tensors: Tensors, path: Path) -> None:
    if tensors:
        raise UserError(f"{path} holds {min(tensors)}, which MiniGPT-v2 has not: give the published file")
