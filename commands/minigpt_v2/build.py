"""One model of the parts, as transformers would have it: owns how they are put together, and the folder.

Sizes come from the tensors, so that a file of others does not pass for MiniGPT-v2's unnoticed. Does not own
the parts' layout (`parts`) or the model's classes (`common.vlm.minigpt_v2`).
"""

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import Blip2VisionConfig, BlipImageProcessor, GenerationConfig, LlavaProcessor

from commands.minigpt_v2.parts import Adapters, Llama, Tensors
from common.core import io
from common.core.errors import UserError
from common.vlm.minigpt_v2 import (
    CHAT_TEMPLATE,
    IMAGE_TOKEN,
    JOINED,
    MiniGPTv2Config,
    MiniGPTv2ForConditionalGeneration,
    register,
)

IMAGE_SIZE = 448  # pixels
HEAD_SIZE = 88  # of the tower's attention, ViT-g's
LORA_ALPHA = 16  # as published: changes are scaled by alpha / rank


@torch.no_grad()
def write(folder: Path, tower: Tensors, learned: Adapters, llama: Llama) -> None:
    """Put the parts together and write the folder, whole or not at all.

    Raises UserError if they do not fit together, or the folder cannot be written.
    """
    register()
    tower["embeddings.position_embedding"] = _stretched(tower)
    _merge(llama, learned)
    model = _assembled(_config(tower, llama), tower, learned, llama)
    tokenizer = llama.tokenizer
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.unk_token
    tokenizer.padding_side = "left"
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    processor = LlavaProcessor(
        image_processor=BlipImageProcessor(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE}),
        tokenizer=tokenizer,
        patch_size=model.config.vision_config.patch_size
        * JOINED
        // 2,  # of a square, as many as of four in a row
        vision_feature_select_strategy="full",
        chat_template=CHAT_TEMPLATE,
    )
    with io.whole_folder(folder) as made:
        model.save_pretrained(made)
        processor.save_pretrained(made)


def _config(tower: Tensors, llama: Llama) -> MiniGPTv2Config:
    patches = tower["embeddings.patch_embedding.weight"]
    width = patches.shape[0]
    layers = len({name.split(".")[2] for name in tower if name.startswith("encoder.layers.")})
    text = llama.model.config.to_dict() | {"vocab_size": llama.model.config.vocab_size + 1}
    return MiniGPTv2Config(
        vision_config=Blip2VisionConfig(
            image_size=IMAGE_SIZE,
            patch_size=patches.shape[-1],
            hidden_size=width,
            intermediate_size=len(tower["encoder.layers.0.mlp.fc1.weight"]),
            num_hidden_layers=layers,
            num_attention_heads=width // HEAD_SIZE,
        ).to_dict(),
        text_config=text,
        image_token_id=llama.tokenizer.convert_tokens_to_ids(IMAGE_TOKEN),
        image_seq_length=(IMAGE_SIZE // patches.shape[-1]) ** 2 // JOINED,
        tie_word_embeddings=False,
        dtype=llama.model.dtype,
    )


def _assembled(
    config: MiniGPTv2Config, tower: Tensors, learned: Adapters, llama: Llama
) -> MiniGPTv2ForConditionalGeneration:
    text = dict(llama.model.state_dict())
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        # the photo's token, whose logit is the mean of all: it is never said
        text[name] = torch.cat([text[name], text[name].float().mean(0, keepdim=True).to(text[name].dtype)])
    state = {f"model.vision_tower.{name}": tensor for name, tensor in tower.items()}
    state |= {f"model.multi_modal_projector.linear.{n}": tensor for n, tensor in learned.projector.items()}
    state |= {name.replace("model.", "model.language_model.", 1): tensor for name, tensor in text.items()}
    with torch.device("meta"):
        model = MiniGPTv2ForConditionalGeneration(config)
    _refuse_misfits(state, model.state_dict())
    model.load_state_dict({n: t.to(llama.model.dtype) for n, t in state.items()}, assign=True)
    return model


def _refuse_misfits(state: Tensors, wanted: Mapping[str, torch.Tensor]) -> None:
    for name in sorted({*state, *wanted}):
        given, fits = (tuple(of[name].shape) if name in of else "nothing" for of in (state, wanted))
        if given != fits:
            raise UserError(
                f"the parts do not fit together: {name} is {given} and should be {fits}: "
                "give the files that MiniGPT-v2 was published with"
            )


def _merge(llama: Llama, learned: Adapters) -> None:
    """Add the adapters to the weights that they change."""
    layers = llama.model.model.layers
    for (number, which), halves in learned.lora.items():
        change = halves["B"].float() @ halves["A"].float()
        weight = getattr(layers[number].self_attn, f"{which}_proj").weight if number < len(layers) else None
        if weight is None or weight.shape != change.shape:
            raise UserError(
                f"the adapter of {which}_proj in layer {number} does not fit the Llama: give the folder of "
                "Llama-2-7b-chat-hf"
            )
        weight.copy_(weight.float() + LORA_ALPHA / len(halves["A"]) * change)


def _stretched(tower: Tensors) -> torch.Tensor:
    """Positions of 448 pixels, interpolated between those of 224, as published."""
    known, patch = tower["embeddings.position_embedding"].float(), tower["embeddings.patch_embedding.weight"]
    side, wanted = round((known.shape[1] - 1) ** 0.5), IMAGE_SIZE // patch.shape[-1]
    grid = known[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, (wanted, wanted), mode="bicubic", align_corners=False)
    return torch.cat([known[:, :1], grid.permute(0, 2, 3, 1).flatten(1, 2)], 1)
