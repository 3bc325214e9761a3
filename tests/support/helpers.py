"""What tests of several stages share: editing params.yaml, and running a stage as a user does."""

import importlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image
from ruamel.yaml import YAML

from common.core import errors

ROOT = Path(__file__).resolve().parents[2]
REAL_PHOTOS = ROOT.parent / "shared" / "photos"  # not part of the repository; tests that need it skip without


def small_params() -> None:
    """Write ./params.yaml: the repository's, cut down to the subject `bo` and to the preset that is selected.

    The other presets are most of what would be parsed again and again.
    """
    shutil.copy(ROOT / "params.yaml", ".")
    whole = read_params()
    selected = whole["base"]["preset"]
    set_params(
        {
            "presets": {selected: whole["presets"][selected]},
            "subjects": {"bo": {"kind": "pet", "source": "world"}},
            "world.corpus": 60,
            "train.epochs": 1,
        }
    )


def read_params() -> dict[str, Any]:
    """What ./params.yaml holds; what `set_params` wrote need not be read again."""
    text = Path("params.yaml").read_text()
    return deepcopy(_written[text] if text in _written else _parsed(text))


def set_params(changes: dict[str, Any]) -> None:
    """Change keys of ./params.yaml, named as "train.epochs"; "-train.epochs" removes one. Comments go."""
    params = read_params()
    for dotted, value in changes.items():
        *at, last = dotted.removeprefix("-").split(".")
        section = params
        for key in at:
            section = section[key]
        if dotted.startswith("-"):
            del section[last]
        else:
            section[last] = deepcopy(value)
    text = "\n".join(_block(params)) + "\n"
    _written.clear()
    _written[text] = params
    Path("params.yaml").write_text(text)


_written: dict[str, dict[str, Any]] = {}  # the last text and what it holds
_NUMBERS = {"NaN": ".nan", "Infinity": ".inf"}  # which JSON has not


@lru_cache(maxsize=8)
def _parsed(text: str) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(text)


def _block(mapping: dict[str, Any], indent: str = "") -> Iterator[str]:
    """Lines of YAML, values as JSON, which is YAML, too: a hundred times as fast as YAML's own writers."""
    for key, value in mapping.items():
        name = key if re.fullmatch(r"[A-Za-z_][\w-]*", str(key)) else json.dumps(key)
        if isinstance(value, dict) and value:
            yield f"{indent}{name}:"
            yield from _block(value, f"{indent}  ")
        else:
            text = json.dumps(value, ensure_ascii=False)
            yield f"{indent}{name}: {_NUMBERS.get(text, text)}"


Ran = subprocess.CompletedProcess[str]


def run_stage(stage: str, *words: str, **environment: str) -> Ran:
    """Run `python -m stages.<stage>` in the current folder and return what it printed."""
    return subprocess.run(
        [sys.executable, "-m", package(stage), *words],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
    )


def run_here(stage: str, *words: str) -> Ran:
    """Do the same in this process, which has imported already what a new one would import."""
    main = importlib.import_module(f"{package(stage)}.__main__").main
    before, code = sys.argv, 0
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        sys.argv = [stage, *words]
        try:
            errors.run(main)
        except SystemExit as end:
            code = end.code or 0
        finally:
            sys.argv = before
    said = f"{code}\n" if isinstance(code, str) else ""  # as Python prints it
    return Ran(words, 1 if said else code, out.getvalue(), err.getvalue() + said)


def package(stage: str) -> str:
    return f"{'stages' if (ROOT / 'stages' / stage).is_dir() else 'commands'}.{stage}"


def hear_signals() -> None:
    """For `preexec_fn`: signals end it as in a terminal, also where who started us ignores them (nohup)."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def save_photo(path: Path, color: int = 0, size: tuple[int, int] = (40, 30)) -> Path:
    """Save a small picture that differs for every `color` from 0 to 255; the suffix chooses the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.linear_gradient("L").resize(size)
    Image.merge("RGB", (image, image.rotate(180), Image.new("L", size, color))).save(path)
    return path
