"""What is learned, on the base: an adapter, or all weights of its language model.

The base is shared with everything else that runs, so it is only ever changed inside a `with`; after it, its
modules and weights are the ones from before, bit for bit. Does not own what is learned or when (`learn`), or
files (`stored`).
"""

import copy
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from torch import nn

from common import vlm
from common.core.errors import UserError
from common.methods.lora.pictures import PROJECTOR
from common.methods.lora.processes import whole
from common.vlm.families import INTERLEAVED

# PEFT 0.21 still calls this; transformers 5 only tells so.
warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")

ADAPTER_WEIGHTS = "adapter_model.safetensors"
ALL_WEIGHTS = "language_model.safetensors"
PROJECTOR_WEIGHTS = "projector.safetensors"

Values = Mapping[str, Mapping[str, torch.Tensor]]  # by file, then by name


class Learned:
    """What is learned, on the base as long as `attached` or `unfrozen` lasts.

    Attributes:
        model: what is put into training mode and out of it.
        values: the adapter's, or all weights; float32 whatever the base's dtype.
        projector: where it is trained, a copy in float32; else None.
        projector_values: of the copy; none where it is not trained.

    """

    def __init__(
        self,
        base: vlm.Base,
        model: nn.Module,
        values: Sequence[torch.Tensor],
        stored: tuple[str, Callable[[], Mapping[str, torch.Tensor]]],
        *,
        dtype: torch.dtype,
        train_projector: bool,
    ) -> None:
        """Collect what is learned; `stored` is the file of the values, and what gives them by name."""
        self.model, self.values, self._stored, self._dtype = model, values, stored, dtype
        self.projector: nn.Module | None = None
        if train_projector:
            self.projector = copy.deepcopy(base.model.get_submodule(PROJECTOR)).float().requires_grad_()
        self.projector_values = list(self.projector.parameters()) if self.projector else []

    @property
    def parameters(self) -> list[torch.Tensor]:
        """All that is learned."""
        return [*self.values, *self.projector_values]

    def snapshot(self) -> Values:
        """Copy the values to the CPU in the base's dtype."""
        file, named = self._stored
        learned = {file: named()}
        if self.projector:
            learned[PROJECTOR_WEIGHTS] = self.projector.state_dict()
        return {
            file: {
                name: whole(value.detach()).to("cpu", self._dtype, copy=True)
                for name, value in tensors.items()
            }
            for file, tensors in learned.items()
        }


def describe(
    base: vlm.Base, *, rank: int | None, alpha: float, dropout: float, train_projector: bool = False
) -> LoraConfig | None:
    """LoRA of this rank, scaled by alpha / rank, for every linear layer of the language model; None for none.

    Raises UserError for a projector to be trained of a base of another family than LLaVA-1.5's, which has it
    within its vision tower; and where weights of few bits were to be learned themselves, not changes of them.
    """
    if train_projector and base.model.config.model_type not in INTERLEAVED:
        raise UserError(
            f"{base.name} is a model of type {base.model.config.model_type}, and projectors can be trained "
            f"of {', '.join(INTERLEAVED)} alone: set projector_learning_rate to null"
        )
    if few_bits(base) and (rank is None or train_projector):
        raise UserError(
            "weights of few bits cannot be learned themselves: set base.vlm.bits to null, or give methods "
            "of the type lora a rank, and no projector_learning_rate"
        )
    if rank is None:
        return None
    model, _, commit = base.fingerprint.rpartition("@")
    return LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        bias="none",
        target_modules=_targets(base),
        revision=commit if model == base.name else None,
    )


def few_bits(base: vlm.Base) -> bool:
    """Whether its weights are of 4 or 8 bits, which changes stand beside (QLoRA), and cannot be added to."""
    return getattr(base.model, "is_quantized", False)


def decoder_name(base: vlm.Base) -> str:
    """Where in the model its language model is."""
    return next(name for name, module in base.model.named_modules() if module is base.language_model)


def _targets(base: vlm.Base) -> str:
    """Every linear layer of the language model. By path: the names alone are in the vision tower as well."""
    return re.escape(decoder_name(base)) + r"\.layers\.\d+\.(self_attn|mlp)\.\w+_proj"


@contextmanager
def attached(
    base: vlm.Base, config: LoraConfig, seed: int, *, train_projector: bool, checkpointing: bool
) -> Iterator[Learned]:
    """A fresh adapter on the base, which gives the base's own answers until it is trained.

    Args:
        base: the model.
        config: of the adapter; the base's name is put into it.
        seed: of the first values, and of dropout as long as this lasts; other draws are not disturbed.
        train_projector: whether a copy of the projector is trained along.
        checkpointing: keep no activations within layers, but compute them again in the backward pass.

    """
    with torch.random.fork_rng([base.device] if base.device.type == "cuda" else []):
        torch.manual_seed(seed)
        model = get_peft_model(base.model, config)
        try:
            with _in_training(base, checkpointing):
                yield Learned(
                    base,
                    model,
                    [value for value in model.parameters() if value.requires_grad],
                    (ADAPTER_WEIGHTS, partial(get_peft_model_state_dict, model)),
                    dtype=base.model.dtype,
                    train_projector=train_projector,
                )
        finally:
            model.unload()
            base.model.eval()


@contextmanager
def unfrozen(base: vlm.Base, *, train_projector: bool, checkpointing: bool) -> Iterator[Learned]:
    """All weights of the language model and its output layer, in float32: 16 bytes each with AdamW's.

    That is LLaVA's script without LoRA, finetune_task.sh. Arguments are as for `attached`.
    """
    dtype, parts = base.model.dtype, (f"{decoder_name(base)}.", "lm_head.")

    def current() -> dict[str, torch.Tensor]:
        return {name: value for name, value in base.model.named_parameters() if name.startswith(parts)}

    own = current()
    before = {name: value.data for name, value in own.items()}
    try:
        for value in own.values():
            value.data = value.data.to(torch.float32, copy=True)
            value.requires_grad_()
        with _in_training(base, checkpointing):
            yield Learned(
                base,
                base.language_model,
                list(own.values()),
                (ALL_WEIGHTS, current),
                dtype=dtype,
                train_projector=train_projector,
            )
    finally:
        for name, value in own.items():
            value.requires_grad_(False)
            value.data, value.grad = before[name], None


@contextmanager
def _in_training(base: vlm.Base, checkpointing: bool) -> Iterator[None]:
    """The language model in training mode: not the vision tower, whose batch norms would change."""
    language_model = base.language_model
    language_model.train()
    if checkpointing:
        language_model.activation_checkpointing_enable({"use_reentrant": False})
    try:
        yield
    finally:
        if checkpointing:
            language_model.activation_checkpointing_disable()
        base.model.eval()
