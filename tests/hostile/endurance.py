"""What machines and people do to a running pipeline: kills, full disks, folders that may only be read, and a
second writer.

An attempt does one of these to one stage at a drawn moment or limit, in a copy of a pipeline that has run.
Then no file under a real name may be torn, what the stage said is a sentence, and run again it gives the same
bytes and leaves nothing else.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import psutil
from ruamel.yaml import YAML

from tests.hostile import picture
from tests.hostile.campaign import Count
from tests.hostile.disks import ROOM, may_mount, mounted, remount
from tests.hostile.pipeline import PIPED, Pipeline, Stage, dvc, dvc_command, files
from tests.support.helpers import ROOT

START = 4.0  # seconds that DVC and Python need before a stage does anything, about
PAGE = 4096  # bytes in which tmpfs counts
FULL = "the disk is full: free some space"
BUSY = "another process is writing"
Attempt = Callable[[Pipeline, Stage, Random], None]


def killed(how: int, pipeline: Pipeline, stage: Stage, draw: Random) -> None:
    """A signal at any moment: Ctrl+C reaches DVC and its stage, any other one of them."""
    with TemporaryDirectory() as place, pipeline.copied(Path(place)):
        command = dvc_command("repro", "--single-item", "--force", "--no-run-cache", stage.target)
        running = subprocess.Popen(command, start_new_session=True, **PIPED)
        time.sleep(draw.uniform(0.5, START + pipeline.seconds[stage.target]))
        of_stage: list[int] = []
        if how == signal.SIGINT:
            os.killpg(running.pid, how)
        else:
            below = psutil.Process(running.pid).children(recursive=True)
            of_stage = [one.pid for one in below if stage.words[1] in " ".join(one.cmdline())]
            hit = draw.choice([running.pid, *of_stage[:1]])
            os.kill(hit, how)
        said, _ = running.communicate(timeout=300)  # a stage that outlived DVC would keep its end of the pipe
        assert "Traceback" not in said, said
        pipeline.assert_no_half_file()
        if how == signal.SIGKILL and hit in of_stage:  # which nothing can tidy up after but a later stage
            for left in Path().rglob(".*.partial"):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        assert not list(Path().rglob(".*.partial"))
        dvc("repro", "--single-item", "--no-run-cache", stage.target)
        pipeline.assert_whole()


def full_disk(pipeline: Pipeline, stage: Stage, draw: Random) -> None:
    """Less room than the outputs take."""
    with mounted() as place, pipeline.copied(place):
        need = sum(-(-size // PAGE) * PAGE for size in sizes(stage))
        stage.remove_outs()
        room = os.statvfs(place)
        used = (room.f_blocks - room.f_bfree) * room.f_frsize
        remount(f"size={used + draw.randrange(0, need, PAGE)}", place)
        _refused(stage.run(), FULL)
        pipeline.assert_no_half_file()
        remount(f"size={ROOM}", place)
        _finishes(stage, pipeline)


def file_limit(pipeline: Pipeline, stage: Stage, draw: Random) -> None:
    """`ulimit -f` below the size of the largest output."""
    with TemporaryDirectory() as place, pipeline.copied(Path(place)):
        limit = draw.randrange(max(sizes(stage)))
        stage.remove_outs()
        limits = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit))
        _refused(stage.run(preexec_fn=limits), FULL)
        pipeline.assert_no_half_file()
        _finishes(stage, pipeline)


def read_only(pipeline: Pipeline, stage: Stage, draw: Random) -> None:
    """A file system that may only be read."""
    with mounted() as place, pipeline.copied(place):
        remount("ro", place)
        _refused(stage.run(), "cannot write")
        remount("rw", place)
        pipeline.assert_whole()
        _finishes(stage, pipeline)


def two_writers(pipeline: Pipeline, stage: Stage, draw: Random) -> None:
    """The same stage twice at once: one at least ends well, the other may say that it has to wait."""
    with TemporaryDirectory() as place, pipeline.copied(Path(place)):
        first = stage.start()
        time.sleep(draw.uniform(0, pipeline.seconds[stage.target] / 2))
        second = stage.start()
        done = [_ended(first), _ended(second)]
        assert any(one.returncode == 0 for one in done), done
        for one in done:
            if one.returncode:
                _refused(one, BUSY)
        pipeline.assert_whole()


def two_adds(pipeline: Pipeline, stage: Stage, draw: Random) -> None:
    """`add` beside `add`: who ends well is in params.yaml and has photos, who is refused has neither."""
    with TemporaryDirectory() as place, pipeline.copied(Path(place)):
        commands = []
        for number, name in enumerate(("one", "two")):
            folder = Path("photos", name)
            folder.mkdir(parents=True)
            for photo in range(4):
                (folder / f"{photo}.png").write_bytes(picture(10 * number + photo))
            commands.append([sys.executable, "-m", "commands.add", name, str(folder), "--kind", "pet"])
        here = PIPED | {"env": PIPED["env"] | {"PYTHONPATH": str(ROOT)}}
        running = []
        for command in commands:
            running.append(subprocess.Popen(command, **here))
            time.sleep(draw.uniform(0, 1))
        done = [_ended(one) for one in running]
        assert any(one.returncode == 0 for one in done), done
        for command, one in zip(commands, done, strict=True):
            assert Path("data/subjects", command[3]).is_dir() == (one.returncode == 0), done
            if one.returncode:
                _refused(one, BUSY)
                again = subprocess.run(command, **here)
                assert again.returncode == 0, again.stdout
        subjects = YAML(typ="safe").load(Path("params.yaml"))["subjects"]
        assert list(subjects)[:2] == ["bo", "rex"] and set(subjects) == {"bo", "rex", "one", "two"}
        assert not [name for name in files() if ".partial" in name]


KILLS: dict[str, Attempt] = {
    f"{how.name} at any moment": partial(killed, how)
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
}
OTHERS: dict[str, Attempt] = {
    "full disk": full_disk,
    "ulimit -f": file_limit,
    "read-only disk": read_only,
    "two writers of a stage": two_writers,
    "add beside add": two_adds,
}
ATTEMPTS = KILLS | OTHERS
MOUNTED = ("full disk", "read-only disk")  # need the right to mount


def run_for(pipeline: Pipeline, seconds: float) -> Iterator[tuple[str, Count]]:
    """Kill in half of the time, and do all else in the other half, in equal shares."""
    yield from _run(KILLS, pipeline, seconds / 2)
    possible = [name for name in OTHERS if name not in MOUNTED or may_mount()]
    for name in possible:
        yield from _run({name: OTHERS[name]}, pipeline, seconds / 2 / len(possible))


def _run(attempts: dict[str, Attempt], pipeline: Pipeline, seconds: float) -> Iterator[tuple[str, Count]]:
    """Make each attempt on each stage, in a drawn order, and again, until the time is over."""
    counts, met = {name: Count() for name in attempts}, {name: set() for name in attempts}
    draw, end = Random(" ".join(attempts)), time.monotonic() + seconds
    pairs = list(product(attempts, pipeline.stages))
    while time.monotonic() < end:
        for name, stage in draw.sample(pairs, len(pairs)):
            counts[name].attempt(partial(attempts[name], pipeline, stage, draw), stage.target)
            met[name].add(stage.target)
            if time.monotonic() > end:
                break
    for name, count in counts.items():
        yield f"{name}, {len(met[name])} of {len(pipeline.stages)} stages", count


def sizes(stage: Stage) -> list[int]:
    """Bytes of each file that the stage made."""
    found = [path for out in stage.outs for path in ([out] if out.is_file() else out.rglob("*"))]
    return [path.stat().st_size for path in found if path.is_file()]


def _ended(running: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    said, _ = running.communicate(timeout=300)
    return subprocess.CompletedProcess(running.args, running.returncode, said)


def _refused(done: subprocess.CompletedProcess[str], reason: str) -> None:
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 1 and last.startswith("error: ") and reason in last, done.stdout
    assert "Traceback" not in done.stdout, done.stdout


def _finishes(stage: Stage, pipeline: Pipeline) -> None:
    done = stage.run()
    assert done.returncode == 0, done.stdout
    pipeline.assert_whole()
