"""What tests of several stages share: editing params.yaml, and running a stage or DVC as a user does."""

import importlib
import io
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from PIL import Image
from ruamel.yaml import YAML

from common.core import errors

ROOT = Path(__file__).resolve().parents[2]
REAL_PHOTOS = ROOT.parent / "shared" / "photos"  # not part of the repository; tests that need it skip without


def set_params(changes: dict[str, Any]) -> None:
    """Change keys of ./params.yaml, named as "train.epochs"; "-train.epochs" removes one."""
    yaml, path = YAML(), Path("params.yaml")
    params = yaml.load(path.read_text())
    for dotted, value in changes.items():
        *at, last = dotted.removeprefix("-").split(".")
        section = params
        for key in at:
            section = section[key]
        if dotted.startswith("-"):
            del section[last]
        else:
            section[last] = value
    with path.open("w") as file:
        yaml.dump(params, file)


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


def dvc(*words: str, code: int = 0) -> str:
    """Run DVC in the current folder and return all it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words], env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


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
