"""A tiny pipeline under DVC, of the real stages and tiny random models, in which everything has run.

Owns what attempts start from and are compared with: its files, how long its stages take, and copies of it.
"""

import compileall
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from common.core import io, paths
from tests.pipeline.test_dag import DAG, STAGES, outputs
from tests.pipeline.test_interrupted import KEYS, SMALL, Files
from tests.support import tiny
from tests.support.helpers import ROOT, set_params

TINY = SMALL | {
    "world.general_photos": 2,
    "world.two_subject_photos": 2,
    "evaluate.general_subjects": 1,
    "evaluate.captioned_others": 1,
    "evaluate.threshold_negatives": 2,
}
OURS = {".dvc", ".cache", "__pycache__"}  # folders of DVC, of unfinished work and of Python: no results
# every import is compiled once, and our Python comes first
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
    "OMP_NUM_THREADS": "1",
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}


class Stage(NamedTuple):
    """One stage of dvc.yaml, of one key if it has several."""

    target: str  # as DVC calls it
    words: tuple[str, ...]  # of its command, after "python"
    outs: tuple[Path, ...]

    def run(self, **options: object) -> subprocess.CompletedProcess[str]:
        """Run it in the current folder, without DVC."""
        return subprocess.run([sys.executable, *self.words], **PIPED, **options)

    def start(self) -> subprocess.Popen[str]:
        """The same, without waiting."""
        return subprocess.Popen([sys.executable, *self.words], **PIPED)

    def remove_outs(self) -> None:
        """Do as DVC does before it runs a stage."""
        for out in self.outs:
            shutil.rmtree(out) if out.is_dir() else out.unlink()


PIPED = {"env": ENVIRONMENT, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}


def stages() -> list[Stage]:
    """All of dvc.yaml, in order."""
    found = []
    for name, stage in STAGES.items():
        key = KEYS.get(name, "")
        target = f"{name}@{key}" if "foreach" in DAG["stages"][name] else name
        words = stage["cmd"].replace("${key}", key).split()[1:]
        outs = [Path(out.replace("${key}", key)) for out in outputs(stage)]
        found.append(Stage(target, tuple(words), tuple(outs)))
    return found


@dataclass(frozen=True)
class Pipeline:
    """What has run: `files` are its content by name, `seconds` how long each stage took."""

    folder: Path
    stages: list[Stage]
    files: Files
    seconds: dict[str, float]

    @contextmanager
    def copied(self, to: Path) -> Iterator[None]:
        """A copy as the current folder, gone afterwards."""
        before = Path.cwd()
        shutil.copytree(self.folder, to, dirs_exist_ok=True)
        os.chdir(to)
        try:
            yield
        finally:
            os.chdir(before)
            for path in to.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def assert_whole(self) -> None:
        """What the current folder holds is what the pipeline made, dvc.lock included, and nothing else."""
        now = files()
        strange = {name for name in now.keys() | self.files.keys() if now.get(name) != self.files.get(name)}
        assert not strange, sorted(strange)

    def assert_no_half_file(self) -> None:
        """What stands under a real name is whole."""
        now = files()
        torn = [name for name in now if name in self.files and now[name] != self.files[name]]
        assert not torn, torn


def made(folder: Path, last: str = "report") -> Pipeline:
    """Run the pipeline with DVC up to a stage."""
    folder.mkdir()
    for name in ("dvc.yaml", "params.yaml", "prompts.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    for name in ("common", "stages"):
        compileall.compile_dir(ROOT / name, quiet=1)  # on a full disk, CPython 3.11 would leave torn ones
        shutil.copytree(ROOT / name, folder / name)
    for kept in ("data/subjects", "reports/ablation"):  # in git, and depended on
        (folder / kept).mkdir(parents=True)
        (folder / kept / "README.md").touch()
    for base in ("base", "photographs"):
        tiny.llava(folder / f"models/{base}/llava")
        tiny.clip(folder / f"models/{base}/clip")
    io.write_bytes(folder / paths.SMOLLM2 / "changes.safetensors", b"not in use")
    before = Path.cwd()
    os.chdir(folder)
    try:
        set_params(TINY)
        dvc("init", "--no-scm", "--quiet")
        said = dvc("repro", last)
        took = [float(seconds) for seconds in re.findall(r"^\w+: .* in ([\d.]+) s$", said, re.MULTILINE)]
        ran = re.findall(r"^Running stage '(.+)':$", said, re.MULTILINE)
        seconds = dict(zip(ran, took, strict=True))
        return Pipeline(folder, [one for one in stages() if one.target in seconds], files(), seconds)
    finally:
        os.chdir(before)


def dvc(*words: str) -> str:
    """Run DVC in the current folder; return what it and its stages said."""
    done = subprocess.run(dvc_command(*words), **PIPED)
    assert done.returncode == 0, done.stdout
    return done.stdout


def dvc_command(*words: str) -> Sequence[str]:
    """The command line of DVC."""
    return [sys.executable, "-m", "dvc", *words]


def files() -> Files:
    """Content of all files in the current folder by name, but of those in `OURS`."""
    found = (path for path in sorted(Path().rglob("*")) if path.is_file() and OURS.isdisjoint(path.parts))
    return {path.as_posix(): path.read_bytes() for path in found}
