"""Adapters on the base: put on for training, written in PEFT's format, merged in and taken out again.

The base is shared with everything else that runs, so it is only ever changed inside a `with`; after it, its
modules and weights are the ones from before, bit for bit. Owns the files of an adapter. Does not own what is
learned or when (`learn`).
"""

import copy
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from torch import nn

from common import vlm
from common.core import io
from common.core.errors import UserError
from common.methods.lora.pictures import PROJECTOR
from common.vlm.families import INLINE

# PEFT 0.21 still calls this; transformers 5 only tells so.
warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PROJECTOR_WEIGHTS = "projector.safetensors"
INFO = "training.json"
FORMAT = 1

Values = Mapping[str, Mapping[str, torch.Tensor]]  # by file, then by name


class Adapter:
    """What is learned, on the base as long as `attached` lasts.

    Attributes:
        model: the base's model wrapped by PEFT, its language model in training mode.
        lora: the adapter's values, float32 whatever the base's dtype.
        projector: where it is trained, a copy in float32; else None.
        projector_values: of the copy; none where it is not trained.

    """

    def __init__(self, base: vlm.Base, model: PeftModel, train_projector: bool) -> None:
        """Collect what is learned."""
        self.model = model
        self.lora = [value for value in model.parameters() if value.requires_grad]
        self.projector: nn.Module | None = None
        if train_projector:
            self.projector = copy.deepcopy(base.model.get_submodule(PROJECTOR)).float().requires_grad_()
        self.projector_values = list(self.projector.parameters()) if self.projector else []

    def snapshot(self) -> Values:
        """Copy the values to the CPU in the base's dtype, under the names that PEFT gives them."""
        learned = {WEIGHTS: get_peft_model_state_dict(self.model)}
        if self.projector:
            learned[PROJECTOR_WEIGHTS] = self.projector.state_dict()
        dtype = self.model.dtype
        return {
            file: {name: value.detach().to("cpu", dtype, copy=True) for name, value in tensors.items()}
            for file, tensors in learned.items()
        }


def describe(
    base: vlm.Base, *, rank: int, alpha: float, dropout: float, train_projector: bool = False
) -> LoraConfig:
    """LoRA of this rank, scaled by alpha / rank, for every linear layer of the language model.

    Raises UserError for a projector to be trained of a base of another family than LLaVA-1.5's, which has it
    within its vision tower, and for weights of few bits, which an adapter cannot be merged into and taken out
    of again.
    """
    if train_projector and base.model.config.model_type not in INLINE:
        raise UserError(
            f"{base.name} is a model of type {base.model.config.model_type}, and projectors can be trained "
            f"of {', '.join(INLINE)} alone: set projector_learning_rate to null"
        )
    if getattr(base.model, "is_quantized", False):
        raise UserError(
            "LoRA needs weights of full length: set base.vlm.bits to null, or remove the methods lora from "
            "params.yaml"
        )
    model, _, commit = base.fingerprint.rpartition("@")
    return LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        bias="none",
        target_modules=_targets(base),
        revision=commit if model == base.name else None,
    )


def _targets(base: vlm.Base) -> str:
    """Every linear layer of the language model. By path: the names alone are in the vision tower as well."""
    decoder = next(name for name, module in base.model.named_modules() if module is base.language_model)
    return re.escape(decoder) + r"\.layers\.\d+\.(self_attn|mlp)\.\w+_proj"


@contextmanager
def attached(
    base: vlm.Base, config: LoraConfig, seed: int, *, train_projector: bool, checkpointing: bool
) -> Iterator[Adapter]:
    """A fresh adapter on the base, which gives the base's own answers until it is trained.

    Args:
        base: the model.
        config: of the adapter; the base's name is put into it.
        seed: of the first values, and of dropout as long as this lasts; other draws are not disturbed.
        train_projector: whether a copy of the projector is trained along.
        checkpointing: keep no activations within layers, but compute them again in the backward pass.

    """
    language_model = base.language_model
    with torch.random.fork_rng([base.device] if base.device.type == "cuda" else []):
        torch.manual_seed(seed)
        model = get_peft_model(base.model, config)
        try:
            language_model.train()  # not the vision tower, whose batch norms would change
            if checkpointing:
                language_model.activation_checkpointing_enable({"use_reentrant": False})
            yield Adapter(base, model, train_projector)
        finally:
            if checkpointing:
                language_model.activation_checkpointing_disable()
            model.unload()
            base.model.eval()


def save(folder: Path, base: vlm.Base, config: LoraConfig, values: Values, info: Mapping[str, Any]) -> None:
    """Write adapter_config.json and adapter_model.safetensors as PEFT reads them, the same bytes each time.

    The projector, where it was trained, lies beside them, and `info` with the identity of the base and the
    number of values.
    """
    with io.whole_folder(folder) as partial:
        io.write_json(partial / CONFIG, config.to_dict() | {"inference_mode": True})
        for file, tensors in values.items():
            io.write_safetensors(partial / file, tensors, {})
        identity = {"model": base.name, "fingerprint": base.fingerprint}
        count = sum(value.numel() for tensors in values.values() for value in tensors.values())
        io.write_json(partial / INFO, {**info, "format": FORMAT, "base": identity, "values": count})


@contextmanager
def merged(base: vlm.Base, folders: Sequence[Path]) -> Iterator[None]:
    """The base with these adapters merged into its weights; of several, the changes add up. None is none.

    Raises UserError when one is absent, or was learned on another base model.
    """
    for folder in folders:
        _check(folder, base)
    changed = [
        (value, value.detach().to("cpu", copy=True))
        for name, value in base.model.named_parameters()
        if folders and (name.startswith(PROJECTOR) or re.fullmatch(_targets(base) + r"\.weight", name))
    ]
    try:
        _merge(base, folders)
        yield
    finally:
        for value, before in changed:
            value.data.copy_(before)


def _merge(base: vlm.Base, folders: Sequence[Path]) -> None:
    for folder in folders:
        # One after the other, so that one alone takes memory; the first leaves plain layers for the next.
        model = PeftModel.from_pretrained(base.model, folder, torch_device=str(base.device))
        model.merge_and_unload()
    trained = [folder / PROJECTOR_WEIGHTS for folder in folders if (folder / PROJECTOR_WEIGHTS).exists()]
    if trained:
        values = base.model.get_submodule(PROJECTOR).state_dict()
        before = {name: value.clone() for name, value in values.items()}
        for file in trained:
            learned, _ = io.read_safetensors(file)
            for name, value in values.items():
                value += learned[name].to(value.device) - before[name]


def _check(folder: Path, base: vlm.Base) -> None:
    info = io.read_json(folder / INFO)
    if info.get("format") != FORMAT or info["base"]["fingerprint"] != base.fingerprint:
        raise UserError(
            f"{folder} was made by another version, or for another base model than {base.name}: "
            "run `dvc repro`"
        )
