"""A full disk and a kill in the middle of every stage: no half-written output, and the next run is whole.

The kernel stops a stage where it would write the last byte of its largest output, when smaller ones may stand
already: as on a full disk, or by a signal that nothing can catch any more, as SIGKILL.
"""

import importlib
import shutil
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.pipeline.test_dag import PACKAGE, STAGES, outputs
from tests.support.forked import limit_files, run_forked
from tests.support.helpers import ROOT, Ran, set_params

pytestmark = pytest.mark.slow
WORLD = {"bo": {"noun": "dog"}, "rex": {"like": "bo", "changed": 0}}
SMALL = {
    "threads": 1,
    "subjects": {name: {"kind": "pet", "source": "world"} for name in WORLD},
    "world.subjects": WORLD,
    "world.corpus": 40,
    "world.corpus_lookalikes": 6,
    "world.test_photos": 2,
    "world.lookalike_photos": 1,
    "index.source": "folder",
    "index.location": "data/world/corpus/images",
    "retrieve.hard": 4,
    "retrieve.easy": 4,
    "retrieve.max_similarity": 1.0,
    "retrieve.near_duplicate": 1.0,
    "synthesize.max_new_tokens": 4,
    "assemble.positive_copies": 1,
    "methods": {"training_free": {"method": "training_free", "title": "-", "threshold": None}},
    "train.latent_tokens": 2,
    "train.epochs": 1,
    "evaluate.max_new_tokens": 4,
    "report.bootstrap": 20,
}
KEYS = {
    "train": "bo",
    "fit_baseline": "training_free",
    "evaluate_baseline": "training_free",
}  # of stages that have several
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, tiny_llava: Path, clip_folder: Path) -> Path:
    """A folder in which every stage has run on a tiny world with tiny models."""
    folder = tmp_path_factory.mktemp("pipeline")
    shutil.copy(ROOT / "params.yaml", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        set_params(SMALL | {"base.vlm.model": str(tiny_llava), "base.clip.model": str(clip_folder)})
        for stage in STAGES:
            for words in [("bo",), ("rex",)] if stage == "train" else [words_of(stage)]:
                run(PACKAGE[stage].removeprefix("stages/"), *words)
    return folder


@pytest.fixture
def ready(pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """A copy of the pipeline as the current folder, and its files."""
    shutil.copytree(pipeline, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return files()


def words_of(stage: str) -> tuple[str, ...]:
    return (KEYS[stage],) if stage in KEYS else ()


def run(package: str, *words: str) -> None:
    importlib.import_module(f"stages.{package}.__main__").main(*words)


def files() -> Files:
    return {path.as_posix(): path.read_bytes() for path in sorted(Path().rglob("*")) if path.is_file()}


def stop(stage: str, before: Files, *, killed: bool) -> Ran:
    """Remove a stage's outputs, as DVC does, and run it until it would complete the largest of them.

    Whatever then stands under a real name is whole.
    """
    outs = tuple(out.replace("${key}", KEYS.get(stage, "")) for out in outputs(STAGES[stage]))
    made = [name for name in before if name.startswith(outs)]
    for out in map(Path, outs):
        shutil.rmtree(out) if out.is_dir() else out.unlink()
    largest = max(len(before[name]) for name in made)
    limited = partial(limit_files, largest - 1, killed)
    stopped = run_forked(PACKAGE[stage].replace("/", "."), *words_of(stage), before=limited)
    after = files()
    assert not any(len(after[name]) == largest for name in made if name in after)
    assert all(after[name] == before[name] for name in before if name in after)
    return stopped


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_is_one_sentence_and_leaves_no_half_file(stage: str, ready: Files):
    stopped = stop(stage, ready, killed=False)
    assert stopped.returncode == 1
    start, end = "error: cannot write ", ": the disk is full: free some space and run the command again\n"
    said = stopped.stdout
    assert said.startswith(start) and said.endswith(end) and said.count("\n") == 1
    assert files().keys() <= ready.keys()
    named = said.removeprefix(start).removesuffix(end)
    outs = [out.replace("${key}", KEYS.get(stage, "")) for out in outputs(STAGES[stage])]
    assert any(out.startswith(f"{named}/") or Path(out).name in named for out in outs)


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_stage_run_again_gives_the_same_bytes_and_leaves_nothing_else(stage: str, ready: Files):
    assert stop(stage, ready, killed=True).returncode == -signal.SIGXFSZ
    run(PACKAGE[stage].removeprefix("stages/"), *words_of(stage))
    assert files() == ready
