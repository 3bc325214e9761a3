"""Make a base of MiniGPT-v2's parts: `python -m commands.minigpt_v2 CHECKPOINT TOWER LLAMA FOLDER`."""

import argparse
from pathlib import Path

from common.core.errors import UserError, run


def main(*words: str) -> str:
    """Read the parts, check that all tensors are there and fit, and write the folder."""
    parser = argparse.ArgumentParser(prog="python -m commands.minigpt_v2", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="minigptv2_checkpoint.pth: adapters and linear map")
    parser.add_argument("tower", type=Path, help="eva_vit_g.pth, the vision tower")
    parser.add_argument("llama", type=Path, help="folder of Llama-2-7b-chat-hf, with safetensors")
    parser.add_argument("folder", type=Path, help="folder to write, for base.vlm.model")
    options = parser.parse_args(words)
    if options.folder.exists():
        raise UserError(f"{options.folder} is there: remove it, or name another folder")

    from commands.minigpt_v2 import build, parts  # seconds, which a mistake need not wait for

    adapters = parts.adapters(options.checkpoint)
    build.write(options.folder, parts.tower(options.tower, adapters), adapters, parts.llama(options.llama))
    return f"{options.folder}: set base.vlm.model to it, and base.vlm.revision to null"


if __name__ == "__main__":
    run(main)
