import re
from typing import Any

import pytest

from stages.core.errors import UserError
from stages.core.params import load
from tests.helpers import set_params

pytestmark = pytest.mark.usefixtures("workspace")


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
        ({"train.epochs": 0}, "train.epochs is 0: input should be greater than or equal to 1"),
        ({"train.data.easy": "no"}, "train.data.easy is 'no': input should be a valid boolean"),
        ({"base.device": "gpu"}, "base.device is 'gpu': string should match pattern"),
        ({"base.dtype": "int8"}, "base.dtype is 'int8': input should be 'float32', 'bfloat16' or 'float16'"),
        ({"base.prefix_gb": -1}, "base.prefix_gb is -1: input should be greater than or equal to 0"),
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
        ({"world.together_photos": 3}, "world.together_photos is 3: input should be a multiple of 2"),
        (
            {"world.subjects": {"bo": {"noun": "dog"}, "general": {"noun": "man"}}},
            "world.subjects.general cannot be named so: data/world/truth/general holds something else",
        ),
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


def test_all_mistakes_are_listed_at_once():
    set_params({"train.epochs": 0, "zzz": 1})
    with pytest.raises(UserError) as caught:
        load()
    assert len(str(caught.value).splitlines()) == 2


def test_numbers_and_words_are_read_as_dvc_reads_them(workspace):
    text = (workspace / "params.yaml").read_text()
    (workspace / "params.yaml").write_text(re.sub(r"learning_rate: \S+", "learning_rate: 1e-4", text))
    assert load().train.learning_rate == 0.0001


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
