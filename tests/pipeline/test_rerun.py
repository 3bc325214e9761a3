"""What a change reruns: DVC itself on the real dvc.yaml, params.yaml and check.

The other stages are reduced to writing a digest of what each output may depend on: seconds, not minutes.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest

from common.core import paths
from tests.support.forked import dvc
from tests.support.helpers import ROOT, save_photo, set_params

pytestmark = pytest.mark.slow

STAND_IN = '''"""Write every output of one stage: per subject, a digest of that subject's own inputs alone."""
import hashlib, sys
from pathlib import Path
from ruamel.yaml import YAML

stage, words = sys.argv[0].split("/")[-2], sys.argv[1:]
params = YAML(typ="safe").load(Path("params.yaml"))
subjects = words or list(params["subjects"])

def digest(*names):
    files = [f for name in map(Path, names) for f in sorted({name, *name.rglob("*.*")}) if f.is_file()]
    return hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()

def write(name, text):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)

def photos(s):
    return f"data/{'world/' if params['subjects'][s].get('source') == 'world' else ''}subjects/{s}"

if stage == "render":
    truth = ("truth/bo/questions.json", "truth/general/pope.json", "truth/two_subjects/two_subjects.json")
    for name in ("corpus/images/0.png", "corpus/urls.parquet", *truth):
        write(f"data/world/{name}", str(params["world"]))
    for s in params["world"]["subjects"]:
        write(f"data/world/subjects/{s}/train/0.png", s + str(params["world"]["train_photos"]))
elif stage == "index":
    write("data/index/metadata.parquet", digest("data/world/corpus"))
elif stage in ("retrieve", "synthesize", "assemble"):
    out = {"retrieve": "negatives", "synthesize": "conversations", "assemble": "dataset"}[stage]
    for s in subjects:
        parts = [f"data/{name}/{s}.parquet" for name in ("negatives", "conversations") if stage == "assemble"]
        write(f"data/{out}/{s}.parquet", digest(photos(s), *parts) + str(params[stage]))
    if stage == "synthesize":
        write("data/prior_knowledge.parquet", digest(*map(photos, subjects)) + str(params[stage]))
elif stage == "train":
    text = digest(f"data/dataset/{words[0]}.parquet") + str(params["train"])
    write(f"models/subjects/{words[0]}/soft_prompt.json", text)
    write(f"reports/train/{words[0]}.csv", text)
elif stage == "fit_baseline":
    text = digest("data/dataset") + str(params["methods"][words[0]])
    write(f"models/methods/{words[0]}/card.json", text)
elif stage == "evaluate":
    method = words[0] if words else "soft_prompt"
    learned = [f"models/methods/{method}"] if words else [f"models/subjects/{s}" for s in params["subjects"]]
    write(f"data/predictions/{method}/recognition.parquet", digest(*learned))
elif stage == "report":
    for name in OUTPUTS:
        name += "" if "." in name else "/one.json"
        write(name, digest("data/predictions"))
'''


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC repository in which everything has run once for bo and mam."""
    from tests.pipeline.test_dag import STAGES, outputs

    folder = tmp_path_factory.mktemp("repository")
    for name in ("dvc.yaml", "params.yaml", "prompts.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    for name in ("common", "stages/check"):
        shutil.copytree(ROOT / name, folder / name)
    for name in STAGES.keys() - {"check", "evaluate_baseline"}:
        (folder / f"stages/{name}").mkdir()
        text = STAND_IN.replace("OUTPUTS", repr(outputs(STAGES["report"])))
        (folder / f"stages/{name}/__main__.py").write_text(text)
    models = [f"models/{base}/{part}" for base in ("base", "photographs") for part in ("llava", "clip")]
    for name in ("data/subjects", "reports/ablation", *models):
        (folder / name).mkdir(parents=True)
        (folder / name / "README.md").touch()
    changes = folder / paths.SMOLLM2 / "changes.safetensors"
    changes.parent.mkdir()
    changes.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        set_params({"subjects": {name: {"kind": "pet", "source": "world"} for name in ("bo", "mam")}})
        set_params({"methods": {"free": METHOD}})
        subprocess.run(["git", "init", "-q"], check=True)
        dvc("init", "-q")
        dvc("repro")
    return folder


@pytest.fixture
def reruns(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., set[str]]:
    """Repeat `dvc repro` in a copy of the repository and name the stages that ran."""
    shutil.copytree(repository, tmp_path / "copy", symlinks=True)
    monkeypatch.chdir(tmp_path / "copy")
    return lambda *words: set(re.findall(r"Running stage '([^']+)'", dvc("repro", *words)))


METHOD = {"method": "training_free", "title": "Free", "threshold": None}
JOIN = {
    "check",
    "retrieve",
    "synthesize",
    "assemble",
    "fit_baseline@free",
    "evaluate",
    "evaluate_baseline@free",
    "report",
}


def test_nothing_reruns_without_a_change(reruns):
    assert reruns() == set()


def test_a_new_subject_of_ones_own_trains_alone(reruns):
    for number in range(6):
        save_photo(Path(f"data/subjects/rex/{'train' if number < 5 else 'test'}/{number}.png"), number)
    set_params({"subjects.rex": {"kind": "pet"}})
    assert reruns() == JOIN | {"train@rex"}


def test_a_removed_subject_retrains_nothing(reruns):
    set_params({"subjects": {"bo": {"kind": "pet", "source": "world"}}})
    remedy = "rm -r models/subjects/mam reports/train/mam.csv"
    assert f"run `{remedy}`" in dvc("repro", code=255)  # said before anything else runs
    subprocess.run(remedy.split(), check=True)
    assert reruns() == JOIN


def test_training_parameters_leave_the_data_alone(reruns):
    set_params({"train.learning_rate": 0.005})
    assert reruns() == {"check", "train@bo", "train@mam", "evaluate", "report"}


def test_only_the_selected_preset_counts(reruns):
    set_params({"presets.llava-7b.base.vlm.dtype": "float16", "presets.llava-7b.train.epochs": 3})
    assert reruns() == {"check"}
    set_params({"presets.embedded.train.epochs": 3})
    assert reruns() == {"check", "train@bo", "train@mam"}  # the stand-in's rows do not read presets


def test_another_preset_reruns_what_asks_a_model(reruns):
    set_params({"base.preset": "llava-7b"})
    asking = {"train@bo", "train@mam", "evaluate", "fit_baseline@free", "evaluate_baseline@free"}
    assert reruns() == {"check", "index", "retrieve", "synthesize", "assemble"} | asking


def test_retrieval_parameters_leave_world_index_and_conversations_alone(reruns):
    set_params({"retrieve.hard": 50})
    learned = {"train@bo", "train@mam", "evaluate", "fit_baseline@free", "evaluate_baseline@free"}
    assert reruns() == {"check", "retrieve", "assemble", "report"} | learned


def test_a_new_method_is_fitted_and_asked_alone(reruns):
    set_params({"methods.strict": METHOD | {"threshold": 0.9}})
    assert reruns() == {"check", "fit_baseline@strict", "evaluate_baseline@strict", "report"}


def test_a_mistake_is_refused_before_any_output_is_deleted(reruns):
    before = sorted(path for folder in ("data/dataset", "models") for path in Path(folder).rglob("*"))
    set_params({"train.learning_rate": 0.005, "retrieve.hadr": 50})
    said = dvc("repro", "train@bo", code=255)
    assert "error: params.yaml: retrieve.hadr is not a known key: did you mean hard?" in said
    assert re.findall(r"Running stage '([^']+)'", said) == ["check"]
    assert before == sorted(path for folder in ("data/dataset", "models") for path in Path(folder).rglob("*"))
    assert not paths.CHECKED.exists()
    set_params({"-retrieve.hadr": 0})
    assert "train@bo" in reruns("train@bo")


def test_a_clone_brings_what_was_pushed_without_computing(reruns, tmp_path: Path):
    """A remote is a folder here; of a bucket or a host, DVC's plug-ins own the way there."""
    dvc("remote", "add", "--default", "store", str(tmp_path / "store"))
    git("add", "--all")
    git("commit", "--quiet", "--message", "run")
    dvc("push")
    made = {path: path.read_bytes() for path in Path().glob("data/d*/*.parquet")}
    git("clone", "--quiet", ".", str(tmp_path / "clone"))
    with chdir(tmp_path / "clone"):
        assert not any(path.exists() for path in made)
        dvc("pull")
        assert made and {path: path.read_bytes() for path in made} == made
        assert paths.PAGE.is_file() and paths.METRICS.is_file()
        assert reruns() == set()


def git(*words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *who, *words], check=True)
