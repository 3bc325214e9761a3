import math
import re
from itertools import pairwise
from typing import Any

import pytest
from ruamel.yaml import YAML

from common.core.errors import UserError
from common.core.params import load
from tests.support.helpers import ROOT, set_params

PRESETS = YAML(typ="safe").load(ROOT / "params.yaml")["presets"]


@pytest.fixture(autouse=True)
def _all_presets(workspace):
    set_params({"presets": PRESETS})


def test_the_shipped_file_loads_and_is_frozen():
    params = load()
    assert params.subject("bo").kind == "pet"
    with pytest.raises(ValueError, match="frozen"):
        params.train.epochs = 3


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"train.lerning_rate": 0.1}, "train.lerning_rate is not a known key: did you mean learning_rate?"),
        ({"zzz": 1}, "zzz is not a known key: remove it"),
        ({"-train.epochs": 0}, "train.epochs is missing: add it"),
        ({"train.epochs": "15"}, "train.epochs is '15': input should be a valid integer"),
        ({"train.epochs": 0}, "train.epochs is 0: input should be greater than 0"),
        ({"train.data.easy": "no"}, "train.data.easy is 'no': input should be a valid boolean"),
        ({"base.device.type": "gpu"}, "base.device.type is 'gpu': string should match pattern"),
        (
            {"base.vlm.dtype": "int8"},
            "base.vlm.dtype is 'int8': input should be 'float32', 'bfloat16' or 'float16'",
        ),
        (
            {"base.device.prefix_gb": -1},
            "base.device.prefix_gb is -1: input should be greater than or equal to 0",
        ),
        (
            {"base.preset": "llava"},
            "base.preset is 'llava': use one of embedded, photographs, photographs-smollm2, ",
        ),
        (
            {"presets.llava-7b.base.vlm.dtype": "int8"},
            "presets.llava-7b.base.vlm.dtype is 'int8': input should be",
        ),
        ({"-presets.embedded.train.epochs": 0}, "presets.embedded.train.epochs is missing: add it"),
        (
            {"presets.embedded.base.vlm.modl": "a"},
            "presets.embedded.base.vlm.modl is not a known key: did you mean model?",
        ),
        ({"-base.vlm.dtype": 0}, "base.vlm.dtype is missing: add it"),
        ({"base.vlm.bits": 2}, "base.vlm.bits is 2: input should be 4 or 8"),
        ({"world.subjects.bo.nuon": "dog"}, "world.subjects.bo.nuon is not a known key: did you mean noun?"),
        ({"seed": None}, "seed is None: input should be a valid integer"),
        ({"train": None}, "train must hold `key: value` pairs, not None"),
        ({"subjects": {}}, "subjects is {}: dictionary should have at least 1 item"),
        ({"subjects": {"bo": None}}, "subjects.bo must hold `key: value` pairs, not None"),
        ({"subjects": {"bo": {"kind": "dog"}}}, "subjects.bo.kind is 'dog': input should be 'person', 'pet'"),
        ({"subjects": {"bo": {"knd": "pet"}}}, "subjects.bo.knd is not a known key: did you mean kind?"),
        ({"subjects": {"Bo": {"kind": "pet"}}}, "subjects.Bo is not a valid id"),
        ({"subjects": {"my dog": {"kind": "pet"}}}, "subjects.my dog is not a valid id"),
        ({"subjects": {"a/b": {"kind": "pet"}}}, "subjects.a/b is not a valid id"),
        ({"subjects": {"-a": {"kind": "pet"}}}, "subjects.-a is not a valid id"),
        ({"subjects": {"a" * 41: {"kind": "pet"}}}, "is not a valid id: use up to 40"),
        ({"subjects": {7: {"kind": "pet"}}}, "subjects.7 is not a valid id"),
        ({"world.two_subject_photos": 3}, "world.two_subject_photos is 3: input should be a multiple of 2"),
        (
            {"world.subjects": {"bo": {"noun": "dog"}, "general": {"noun": "man"}}},
            "world.subjects.general cannot be named so: data/world/truth/general holds something else",
        ),
        ({"seed": 2**32}, "seed is 4294967296: input should be less than 4294967296"),
        ({"seed": -1}, "seed is -1: input should be greater than or equal to 0"),
        ({"threads": 10**6}, "threads is 1000000: input should be less than or equal to 1024"),
        ({"index.processes": 10**5}, "index.processes is 100000: input should be less than or equal to 1024"),
        ({"retrieve.rounds": 40}, "retrieve.rounds is 40: input should be less than or equal to 20"),
        ({"world.corpus": 10**12}, "world.corpus is 1000000000000: input should be less than or equal to 10"),
        ({"train.latent_tokens": 10**4}, "train.latent_tokens is 10000: input should be less than or equal"),
        ({"train.learning_rate": math.inf}, "train.learning_rate is inf: input should be a finite number"),
        ({"train.weight_decay": math.nan}, "train.weight_decay is nan: input should be a finite number"),
        ({"index.timeout_s": 1e300}, "index.timeout_s is 1e+300: input should be less than or equal to 1000"),
        ({"retrieve.min_similarity": 1.0}, "retrieve.min_similarity is 1.0, and no look-alike can be that"),
        (
            {"subjects": {"zoe": {"kind": "pet", "source": "world"}}},
            "world.subjects has no zoe: use one of ana, ",
        ),
    ],
)
def test_a_mistake_is_named_with_its_key_and_remedy(changes: dict[str, Any], sentence: str):
    set_params(changes)
    with pytest.raises(UserError) as caught:
        load()
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("params.yaml: ")


def test_the_presets_of_llava_are_the_papers_and_ours_stand_beside_them():
    published = {"initial": "random", "epochs": 15, "learning_rate": 0.001, "schedule": "constant"}
    published |= {"batch_size": 1, "balance": False, "end_token": False, "first_epoch": 6}
    published |= {"latent_tokens": 16, "weight_decay": 0.01}
    for name in ("llava-7b", "llava-13b"):
        set_params({"base.preset": name, "train.epochs": "preset"})
        params = load()
        assert params.train.model_dump(include=set(published)) == published
        assert params.train.data.model_dump() == {"conversations": True, "hard": True, "easy": True}
        assert (params.retrieve.hard, params.retrieve.easy) == (100, 100)
        assert params.assemble.photo_questions == 16 and not params.assemble.captions
        augment = params.assemble.augment.model_dump()
        assert augment.pop("mirror") == 0.5 and not any(augment.values())
        set_params({"base.preset": f"{name}-ours"})
        ours = load()
        assert ours.base.vlm == params.base.vlm and ours.train != params.train
        assert ours.assemble.photo_questions is None


def test_a_preset_holds_every_number_of_a_training():
    numbers = {"latent_tokens": 3, "weight_decay": 0.5, "batch_size": 1, "balance": False, "first_epoch": 2}
    values = {f"presets.embedded.train.{key}": value for key, value in numbers.items()}
    values |= {"presets.embedded.retrieve.hard": 7, "presets.embedded.retrieve.easy": 0}
    set_params(values | {"presets.embedded.assemble.photo_questions": 5})
    params = load()
    assert params.train.model_dump(include=set(numbers)) == numbers
    assert (params.retrieve.hard, params.retrieve.easy, params.assemble.photo_questions) == (7, 0, 5)


def test_all_mistakes_are_listed_at_once():
    set_params({"train.epochs": 0, "zzz": 1})
    with pytest.raises(UserError) as caught:
        load()
    assert len(str(caught.value).splitlines()) == 2


def test_numbers_and_words_are_read_as_dvc_reads_them(workspace):
    text = (workspace / "params.yaml").read_text()
    (workspace / "params.yaml").write_text(re.sub(r"learning_rate: \S+", "learning_rate: 1e-4", text))
    assert load().train.learning_rate == 0.0001


ALIASES = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in pairwise("abcdefghij")
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (ALIASES, "line 5 is more than 20 levels deep, or is where aliases make more than 50,000 values"),
        ("a: &a [*a]", "line 1 is more than 20 levels deep, or is where aliases"),
        ("a: *a", "found undefined alias 'a' in line 1"),
        ("a: " + "[" * 100_000, "line 1 is more than 20 levels deep"),
        ("".join(" " * level + "a:\n" for level in range(900)), "line 21 is more than 20 levels deep"),
        ("seed: " + "9" * 5000, "a value in line 1 has more than 3,000 letters"),
        ("seed: " + "9" * 100, f"seed is {'9' * 17}"),
        ("seed: '" + "x" * 2999 + "'", f"seed is '{'x' * 37}...{'x' * 38}': input should be a valid integer"),
        ("? " + "x" * 2999 + "\n: 1", f"{'x' * 60}… is not a known key: remove it"),
        ("#" * 2**20 + "\n", "has more than 1,048,576 bytes"),
        ("seed: !!python/object/apply:os.system [a]", "could not determine a constructor for the tag"),
        ("seed: !!int x", "invalid literal for int() with base 10: 'x'; mend it"),
        ("seed: 2001-13-45", "month must be in 1..12; mend it"),
        ('seed: "\\e[2J"', r"seed is '\x1b[2J': input should be a valid integer"),
        ("\n".join(f"key{number}: 1" for number in range(1000)), " further problems"),
    ],
)
def test_yaml_that_attacks_is_refused_in_short_sentences(workspace, text: str, sentence: str):
    (workspace / "params.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        load()
    assert sentence in str(caught.value)
    assert all(len(line) < 250 for line in str(caught.value).splitlines())


def test_a_section_may_repeat_another_by_an_alias(workspace):
    text = (workspace / "params.yaml").read_text()
    text = text.replace("  llava-13b:", "  other: &other")
    (workspace / "params.yaml").write_text(text.replace("  qwen3-vl-2b:", "  same: *other\n  qwen3-vl-2b:"))
    assert load().presets["same"] == load().presets["other"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the file must hold `key: value` pairs"),
        ("a: [1", "is not valid YAML"),
        ("seed: 0\nseed: 1\n", "in line 2; mend that line"),
        ("\x00", "is not valid YAML"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(workspace, text: str, sentence: str):
    (workspace / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=r"params\.yaml") as caught:
        load()
    assert sentence in str(caught.value)


def test_a_missing_file_and_an_unknown_subject_are_named(workspace):
    with pytest.raises(UserError, match="lists no subject rex: use one of bo"):
        load().subject("rex")
    (workspace / "params.yaml").unlink()
    with pytest.raises(UserError, match="repository's top folder"):
        load()
