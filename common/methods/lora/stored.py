"""Files of what was learned: written in PEFT's format, put into the base and taken out again.

The base is as before, bit for bit, when it is taken out. Does not own training (`adapter`, `learn`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel

from common import vlm
from common.core import io
from common.core.errors import UserError
from common.methods.lora.adapter import ALL_WEIGHTS, PROJECTOR_WEIGHTS, Values, decoder_name, few_bits
from common.methods.lora.pictures import PROJECTOR

CONFIG = "adapter_config.json"
INFO = "training.json"
FORMAT = 1


def save(
    folder: Path, base: vlm.Base, config: LoraConfig | None, values: Values, info: Mapping[str, Any]
) -> None:
    """Write adapter_config.json and adapter_model.safetensors as PEFT reads them, the same bytes each time.

    Without an adapter, language_model.safetensors holds all weights under the base's own names. The
    projector, where it was trained, lies beside them, and `info` with the identity of the base and the number
    of values.
    """
    with io.whole_folder(folder) as partial:
        if config:
            io.write_json(partial / CONFIG, config.to_dict() | {"inference_mode": True})
        for file, tensors in values.items():
            io.write_safetensors(partial / file, tensors, {})
        identity = {"model": base.name, "fingerprint": base.fingerprint}
        count = sum(value.numel() for tensors in values.values() for value in tensors.values())
        io.write_json(partial / INFO, {**info, "format": FORMAT, "base": identity, "values": count})


@contextmanager
def applied(base: vlm.Base, folders: Sequence[Path]) -> Iterator[None]:
    """The base with what these folders hold; of several, the changes add up.

    They are put into its weights, or, where these are of few bits, stand beside them.

    Raises UserError when one is absent, or was learned on another base model.
    """
    for folder in folders:
        _check(folder, base)
    with (_beside if few_bits(base) else _merged)(base, folders):
        yield


@contextmanager
def _beside(base: vlm.Base, folders: Sequence[Path]) -> Iterator[None]:
    model, names = None, [str(number) for number in range(len(folders))]
    try:
        for name, folder in zip(names, folders, strict=True):
            if model is None:
                device = str(base.device)
                model = PeftModel.from_pretrained(base.model, folder, name, torch_device=device)
            else:
                model.load_adapter(folder, name)
        if model is not None:
            model.base_model.set_adapter(names, inference_mode=True)
        yield
    finally:
        if model is not None:
            model.unload()


@contextmanager
def _merged(base: vlm.Base, folders: Sequence[Path]) -> Iterator[None]:
    parts = (f"{decoder_name(base)}.", "lm_head.", f"{PROJECTOR}.") if folders else ()
    values = {name: value for name, value in base.model.named_parameters() if name.startswith(parts)}
    before = {name: value.detach().to("cpu", copy=True) for name, value in values.items()}
    try:
        for folder in folders:
            if (folder / CONFIG).exists():
                # One after the other: one alone takes memory, and leaves plain layers for the next.
                model = PeftModel.from_pretrained(base.model, folder, torch_device=str(base.device))
                model.merge_and_unload()
        for file, prefix in ((ALL_WEIGHTS, ""), (PROJECTOR_WEIGHTS, f"{PROJECTOR}.")):
            _put([folder / file for folder in folders if (folder / file).exists()], prefix, values, before)
        yield
    finally:
        for name, value in values.items():
            value.data.copy_(before[name])


def _put(
    files: Sequence[Path],
    prefix: str,
    values: Mapping[str, torch.Tensor],
    before: Mapping[str, torch.Tensor],
) -> None:
    """Put learned values in place, the first file's to the last bit, and the others' changes on top."""
    for number, file in enumerate(files):
        for name, learned in io.read_safetensors(file)[0].items():
            value = values[prefix + name].data
            value.copy_(value + (learned - before[prefix + name]).to(value.device) if number else learned)


def _check(folder: Path, base: vlm.Base) -> None:
    info = io.read_json(folder / INFO)
    if info.get("format") != FORMAT or info["base"]["fingerprint"] != base.fingerprint:
        raise UserError(
            f"{folder} was made by another version, or for another base model than {base.name}: "
            "run `dvc repro`"
        )
