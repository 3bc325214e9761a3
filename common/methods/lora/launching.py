"""How several processes that learn an adapter are started and meet: by accelerate, as its file says.

Owns the launcher, and refusals of what processes cannot share. Does not own what they share (`processes`).
"""

import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from common.core.errors import UserError
from common.methods.lora.processes import ALONE, Processes

if TYPE_CHECKING:
    from accelerate import Accelerator

    from common import vlm

_REMEDY = (
    "run `accelerate config --config_file {}` and choose several GPUs, with FSDP of version 2 or nothing else"
)


def launched() -> bool:
    """Whether this is one of several processes, of torch's or accelerate's launcher."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def launch(count: int, file: str | None, *command: str) -> None:
    """Run a module with its words as `count` processes, in the way that accelerate's file says.

    Raises UserError where the file is of another way than data parallel and FSDP, or a process fails.
    """
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command, launch_command_parser
    from accelerate.utils import DistributedType
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    how = ["--multi_gpu", "--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no"]
    if file:
        try:
            chosen = DistributedType(load_config_from_file(file).distributed_type).value
        except Exception as error:  # accelerate checks nothing of its files
            raise UserError(f"{file} cannot be read ({error!r}): {_REMEDY.format(file)}") from None
        if chosen not in ("FSDP", "MULTI_GPU"):
            raise UserError(f"{file} has distributed_type {chosen}: {_REMEDY.format(file)}")
        how = ["--config_file", file]
    words = [*how, f"--num_processes={count}", "--main_process_port=0", "--module", *command]
    # a process that failed has said why
    logging.getLogger("torch.distributed.elastic.multiprocessing.api").setLevel(logging.CRITICAL)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        launch_command(launch_command_parser().parse_args(words))
    except ChildFailedError:
        raise UserError(f"one of {count} processes of `{' '.join(command)}` failed, see above") from None
    except SignalException as error:
        sys.exit(128 + error.sigval)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def join(open_base: "Callable[[], vlm.Base]") -> "tuple[vlm.Base, Processes]":
    """Open the base, on a GPU of its own in each process, and meet the others.

    Raises UserError for what cannot be shared: FSDP without GPUs or of version 1, weights of few bits in
    parts, half precision with a scale, a base on one GPU for all or on several.
    """
    if not launched():
        return open_base(), ALONE
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    base = open_base()
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=base.device.type == "cpu")
    _check(base, accelerator)
    if accelerator.is_fsdp2:
        accelerator.state.fsdp_plugin.cpu_ram_efficient_loading = False  # every process has loaded them
    return base, Processes(accelerator)


def _check(base: "vlm.Base", accelerator: "Accelerator") -> None:
    places = set(getattr(base.model, "hf_device_map", {}).values())
    if len(places) > 1 or (base.device.type == "cuda" and base.device != accelerator.device):
        raise UserError("several processes need base.device.type cuda, a GPU for each, or cpu")
    file = "the file that the section names under accelerate"
    if accelerator.mixed_precision not in ("no", "bf16"):
        raise UserError(f"set mixed_precision to bf16 or no in {file}")
    if os.environ.get("ACCELERATE_USE_FSDP", "false") != "true":
        return
    if not accelerator.is_fsdp2:
        raise UserError(f"FSDP needs GPUs, and fsdp_version 2 in {file}: set that, or accelerate to null")
    if accelerator.state.fsdp_plugin.activation_checkpointing:
        raise UserError(
            f"use gradient_checkpointing of the section, not fsdp_activation_checkpointing of {file}"
        )
    if getattr(base.model, "is_quantized", False):
        raise UserError("weights of few bits cannot be sharded: set base.vlm.bits or accelerate to null")
