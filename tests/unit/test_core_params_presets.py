"""A preset of params.yaml decides all that belongs to its models, and what is named beside it counts."""

import pytest
from ruamel.yaml import YAML

from common import methods
from common.core.errors import UserError
from common.core.models import problem
from common.core.params import load
from tests.support.helpers import ROOT, read_params, set_params

PRESETS = YAML(typ="safe").load(ROOT / "params.yaml")["presets"]


@pytest.fixture(autouse=True)
def _all_presets(workspace):
    set_params({"presets": PRESETS})


@pytest.mark.parametrize("name", PRESETS)
def test_one_key_selects_a_base_with_all_that_belongs_to_it(name: str):
    set_params({"base.preset": name, "train.epochs": "preset"})
    params = load()
    for section, values in PRESETS[name].items():
        if section == "methods":
            continue
        own = getattr(params, section).model_dump()
        known = values if section != "base" else {key: own[key] | of for key, of in values.items()}
        assert own == own | known
    assert params.base.load_kwargs["model"] == PRESETS[name]["base"]["vlm"]["model"]


@pytest.mark.parametrize("name", PRESETS)
def test_methods_follow_the_preset_in_every_section_of_theirs(name: str):
    shipped = read_params()["methods"]
    set_params({"base.preset": name, "methods.second": shipped["lora"] | {"rank": 3}})
    chosen, preset = load().methods, PRESETS[name]["methods"]
    assert methods.check(chosen) == []
    assert chosen["lora"].items() >= preset["lora"].items() and chosen["second"]["rank"] == 3
    assert chosen["second"]["learning_rate"] == preset["lora"]["learning_rate"]
    head, published = chosen["myvlm"]["head"], preset["myvlm"]["head"]
    assert head["changes"] == published["changes"] and head["learning_rate"] == published["learning_rate"]
    assert chosen["training_free"] == shipped["training_free"]


def test_a_value_that_the_preset_says_nothing_of(workspace):
    set_params({"train.held_out": "preset", "-presets.embedded.methods.lora.rank": 0})
    with pytest.raises(UserError, match=r"train\.held_out is preset, but the selected preset says nothing"):
        load()
    set_params({"train.held_out": 0.0})
    assert methods.check(load().methods) == [
        "params.yaml: methods.lora.rank is preset, but the selected preset says nothing of it: write a value"
    ]


@pytest.mark.parametrize(
    "name", [name for name in PRESETS if not name.startswith(("embedded", "photographs"))]
)
def test_presets_pin_hub_models_to_commits(name: str):
    for key, of in PRESETS[name]["base"].items():
        assert problem(f"base.{key}", of["model"], of["revision"]) is None and of["revision"]


def test_what_params_name_themselves_counts_and_another_model_has_another_commit():
    set_params(
        {"base.preset": "llava-7b", "base.vlm.system": "", "base.vlm.dtype": "float16", "train.epochs": 2}
    )
    base, train = load().base, load().train
    assert (base.vlm.system, base.vlm.dtype, train.epochs, train.learning_rate) == ("", "float16", 2, 0.001)
    set_params({"base.vlm.model": "owner/finetuned", "assemble.augment.rotate": 30})
    assert load().assemble.augment.rotate == 30
    assert load().assemble.augment.shift == PRESETS["llava-7b"]["assemble"]["augment"]["shift"]
    assert load().base.vlm.revision is None and load().base.clip.revision
    set_params({"base.vlm.revision": "0" * 40, "base.clip.model": "models/base/clip"})
    assert load().base.vlm.revision == "0" * 40 and load().base.clip.revision is None
    set_params({"base.preset": "qwen3-vl-2b"})
    assert load().base.vlm.image_size == 768
    set_params({"base.vlm.image_size": None})
    assert load().base.vlm.image_size is None
