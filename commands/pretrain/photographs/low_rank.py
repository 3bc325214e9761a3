"""What is learned of a language model that stays as it was published: low-rank changes, and a connector.

Only what is learned is kept in the repository; `build` puts it into the published weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from commands.pretrain.photographs import export, model, smollm2, tower, verdict
from commands.pretrain.photographs.model import connector
from commands.pretrain.photographs.settings import LowRank, Settings
from commands.pretrain.projector import Projector
from common.core.errors import UserError
from common.core.io import read_safetensors, whole_folder, write_safetensors

MATRICES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class LowRankChanges:
    """Everything stays but the MLP of the last layer that compares, and changes to the layers behind it.

    That MLP makes of image tokens what the language model reads (the connector); the projector before it
    only turns the tower's tokens, so that they can be compared.
    """

    def __init__(self, llama: LlamaForCausalLM, projector: Projector, chosen: LowRank):
        projector.requires_grad_(False)
        layers = range(model.COMPARING, len(llama.model.layers))
        config = LoraConfig(
            r=chosen.rank, lora_alpha=chosen.alpha, target_modules=MATRICES,
            layers_to_transform=list(layers), layers_pattern="layers",
        )  # fmt: skip
        self.model: PeftModel = get_peft_model(llama, config)  # changes `llama` in place
        connector(llama).requires_grad_(True)
        self.verdict = verdict.parts(llama)
        self.written = [part.clone() for part in self.verdict]

    def restore(self) -> None:
        """Put the verdict back, after a step."""
        for part, written in zip(self.verdict, self.written, strict=True):
            part.copy_(written)

    def lighten(self) -> None:
        """Put what stays into 16 bits, but for word embeddings, so that sums over layers keep 32."""
        embeddings = self.model.get_input_embeddings().weight
        for weight in self.model.parameters():
            if not weight.requires_grad and weight is not embeddings:
                weight.data = weight.data.to(torch.bfloat16)

    def merge(self) -> LlamaForCausalLM:
        """Return the language model with its changes in it."""
        return self.model.merge_and_unload()


def make_room(
    published: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, chosen: Settings
) -> LlamaForCausalLM:
    """Return the language model behind layers that compare photos, not trained yet."""
    added = chosen.llama["hidden_size"] - published.config.hidden_size
    llama = smollm2.enlarge(published, model.COMPARING, added)
    model.begin(llama, tokenizer, chosen.comparison)
    for matrix in (connector(llama).gate_proj, connector(llama).up_proj):
        nn.init.normal_(matrix.weight, std=llama.config.initializer_range)
    verdict.tell_in_words(llama, tokenizer, chosen.comparison, chosen.verdict)
    return llama


def save(learned: Mapping[str, Tensor], projector: Projector, file: Path) -> None:
    """Write what is learned and the projector, float16."""
    tensors = {**learned, **{f"projector.{name}": weight for name, weight in projector.state_dict().items()}}
    write_safetensors(file, {name: weight.detach().to(torch.float16) for name, weight in tensors.items()}, {})


def build(changes: Path, chosen: Settings, target: Path) -> None:
    """Write the whole model of a file of changes and the published weights into the folder `target`.

    Raises UserError when the file or the packages with the published weights are missing or others.
    """
    assert chosen.lora is not None
    tensors, _ = read_safetensors(changes)
    published, tokenizer = smollm2.load()
    llama = make_room(published, tokenizer, chosen)
    projector = Projector(tower.WIDTH, llama.config.hidden_size)
    kept = LowRankChanges(llama, projector, chosen.lora)
    weights = {name: weight for name, weight in llama.named_parameters() if weight.requires_grad}
    weights |= {f"projector.{name}": weight for name, weight in projector.named_parameters()}
    if {name: weight.shape for name, weight in weights.items()} != {
        name: tensor.shape for name, tensor in tensors.items()
    }:
        raise UserError(
            f"{changes} is not of these settings: restore both, `git checkout -- {changes.parent}`"
        )
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(tensors[name])
    assembled = model.assemble(tokenizer, kept.merge(), projector)
    with whole_folder(target) as folder:
        export.export(assembled, tokenizer, export.SMOLLM2_TEMPLATE, folder)
