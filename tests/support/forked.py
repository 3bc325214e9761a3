"""Programs in processes of their own that need not import anew: forks of a server that imported for them.

Where a test limits a stage, or lets DVC run, it needs a process, but no new interpreter, which takes seconds
to import torch or DVC. The server is multiprocessing's: all it does is to import, once for a worker's tests.
"""

import multiprocessing
import os
import resource
import runpy
import signal
import sys
from collections.abc import Callable
from contextlib import chdir
from functools import cache
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.support.helpers import ROOT, Ran

# What programs import, at once or when they are at work
PRELOADED = [
    "tests.support.forked",
    *(f"stages.{path.parent.name}.__main__" for path in sorted(ROOT.glob("stages/*/__main__.py"))),
    *("stages.synthesize.interview", "stages.train.outputs", "common.clip", "common.training.learn"),
    *("common.methods.training_free.method", "common.methods.respond"),
    *("autofaiss", "clip_retrieval.clip_inference.mapper", "clip_retrieval.clip_back"),
    *("transformers.models.clip.modeling_clip", "transformers.models.clip.processing_clip"),
    *("transformers.models.llava.modeling_llava", "transformers.models.llava.processing_llava"),
    *("dvc.cli", "dvc.commands.repro", "dvc.repo.reproduce"),
]


def dvc(*words: str, code: int = 0) -> str:
    """Run DVC in the current folder and return all it printed; its stages are new interpreters, as always."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        done = run_forked("dvc", *words)
    assert done.returncode == code, done.stdout
    return done.stdout


def run_forked(module: str, *words: str, before: Callable[[], object] = int) -> Ran:
    """Run `python -m module words` in the current folder and environment; `stdout` is all that it printed.

    `before` is called in the process first; it has to be one that pickle can name.
    """
    process, reader = start_forked(module, *words, before=before)
    with os.fdopen(reader.fileno(), closefd=False, errors="replace") as printed:
        said = printed.read()  # until the last process that could still write is gone
    process.join()
    return CompletedProcess([module, *words], process.exitcode, said)


def start_forked(
    module: str, *words: str, before: Callable[[], object] = int
) -> tuple[ForkServerProcess, Connection]:
    """Begin the same; what comes out of the connection is what the process prints."""
    reader, writer = multiprocessing.Pipe(duplex=False)
    place = Path.cwd(), dict(os.environ)
    process = server().Process(target=_run, args=(module, words, *place, before, writer))
    process.start()
    writer.close()
    return process, reader


def limit_files(size: int, killed: bool) -> None:
    """Let no file of this process become larger than `size` bytes: such a write fails, or else kills it."""
    if killed:  # Python ignores this signal, so that the write fails
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@cache
def server() -> ForkServerContext:
    """Start the server where none runs yet; multiprocessing then forks from it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with pytest.MonkeyPatch.context() as patch, chdir(ROOT):
        patch.setenv("PYTHONPATH", str(ROOT))
        forkserver.ensure_running()
    return context


def stop() -> None:
    """End the server, if one runs, and wait for it: its processor time is then told with the tests' own."""
    pid = forkserver._forkserver._forkserver_pid
    if pid is not None:
        os.kill(pid, signal.SIGKILL)  # which it cannot have been told to ignore
        os.waitpid(pid, 0)


def _run(
    module: str,
    words: tuple[str, ...],
    folder: Path,
    environment: dict[str, str],
    before: Callable[[], object],
    writer: Connection,
) -> None:
    for stream in (1, 2):
        os.dup2(writer.fileno(), stream)
    writer.close()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.dont_write_bytecode = True  # a limit would tear it
    sys.argv = [module, *words]
    sys.modules.pop(f"{module}.__main__", None)  # it is run, whether or not it has been imported
    before()
    runpy.run_module(module, run_name="__main__", alter_sys=True)
