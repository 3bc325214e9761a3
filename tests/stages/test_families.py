"""Every family goes from photos to predictions through the stages themselves, with its own classes."""

from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest

from common import vlm
from common.core import io, paths, schema
from common.core.errors import UserError
from common.vlm.families import INTERLEAVED
from stages.assemble.__main__ import main as assemble
from stages.evaluate.__main__ import main as evaluate
from stages.synthesize.__main__ import main as synthesize
from stages.train.__main__ import main as train
from tests.support import tiny
from tests.support.families import BUILDERS
from tests.support.helpers import save_photo, set_params, small_params
from tests.support.subjects import populate

FAMILIES = {"llava": tiny.llava, **BUILDERS}
SUBJECTS = ("bo", "mam")


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The folder of a model; params.yaml names it; two subjects' photos, of several shapes, are assembled."""
    with chdir(tmp_path_factory.mktemp("family")):
        small_params()
        yield assembled(FAMILIES[request.param](Path("model").resolve()))


def assembled(folder: Path) -> str:
    set_params(
        {
            "base.vlm.model": str(folder),
            "base.vlm.system": "Be brief.",
            "base.device.batch_size": 8,
            "base.vlm.image_size": 44,
            "synthesize.max_new_tokens": 4,
            "assemble.positive_copies": 2,
            "train.latent_tokens": 2,
            "evaluate.max_new_tokens": 4,
            "subjects": {name: {"kind": "pet", "source": "world"} for name in SUBJECTS},
        }
    )
    populate(dict.fromkeys(SUBJECTS, "world"))
    for subject in SUBJECTS:
        save_photo(paths.train_photos(subject, "world") / "00.png", SUBJECTS.index(subject), (30, 60))
        save_photo(paths.test_photos(subject, "world") / "00.png", 50 + SUBJECTS.index(subject), (60, 30))
    synthesize()
    assemble()
    return str(folder)


def test_photos_become_predictions(model: str) -> None:
    set_params({"train.initial": "random"})
    train(*SUBJECTS)
    files = sorted(paths.subject_model("bo").iterdir())
    first = [path.read_bytes() for path in files]
    evaluate()

    base = vlm.load(model, system="Be brief.")
    prompt = vlm.SoftPrompt.load(paths.subject_model("bo"), base.fingerprint)
    assert prompt.embeddings.shape == (3, base.hidden_size)
    assert prompt.info["layout"]["with an image"].startswith(base.layout.image_prefix)
    rows = io.read_parquet(paths.predictions("soft_prompt", "recognition"), schema.RECOGNITION).to_pandas()
    told = rows[rows.method == "soft_prompt"]
    assert len(told) == 2 * (3 + 3 + 6) and told.p_yes.between(0, 1).all()
    assert told.p_yes.nunique() > len(told) / 2  # the photos are seen
    train(*SUBJECTS)
    assert [path.read_bytes() for path in files] == first


def test_a_start_from_photos_needs_as_many_tokens_of_each(model: str) -> None:
    set_params({"train.initial": "photos"})
    if vlm.load(model).model.config.model_type in INTERLEAVED:
        train("bo")
    else:
        with pytest.raises(UserError, match=r"set train\.initial to random"):
            train("bo")
