"""The task for lmms-eval without lmms-eval: its file names what is there, and its rates are the report's.

lmms-eval loads the data with `datasets`, renders the text with Jinja and calls functions by name, as here.
"""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from datasets import load_dataset
from jinja2 import Template
from ruamel.yaml import YAML

from common.core import paths
from common.prompts.evaluation import brief
from common.testdata.general_vqa import load_general_vqa
from stages.evaluate import published
from stages.render.general_vqa import write_general_vqa
from stages.report.detection import detection
from tests.support.helpers import ROOT

FOLDER = ROOT / "benchmarks/lmms_eval"


@pytest.fixture
def utils() -> ModuleType:
    spec = importlib.util.spec_from_file_location("utils", FOLDER / "utils.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_questions_photos_and_rates_are_ours(workspace: Path, utils: ModuleType):
    yaml = YAML()
    yaml.constructor.add_constructor("!function", lambda loader, node: node.value)
    task = yaml.load(FOLDER / "world_pope.yaml")
    write_general_vqa(paths.WORLD_GENERAL, photos=5, seed=0)
    files = json.loads(json.dumps(task["dataset_kwargs"]))
    docs = load_dataset(task["dataset_path"], cache_dir=str(workspace / "cache"), **files)[task["test_split"]]
    ours = [question for question in load_general_vqa(paths.WORLD_GENERAL) if question.benchmark == "pope"]
    asked = {(q.image.name, q.category, q.id): brief(q.question) for q in ours}
    texts = [Template(task["doc_to_text"]).render(**doc) for doc in docs]
    assert sorted(texts) == sorted(asked.values())
    names = {value.removeprefix("utils.") for value in (task["doc_to_visual"], task["process_results"])}
    names |= {metric["aggregation"].removeprefix("utils.") for metric in task["metric_list"]}
    assert all(callable(getattr(utils, name)) for name in names)
    (photo,) = utils.visual(docs[0])
    assert (photo.size, photo.mode) == ((48, 48), "RGB")

    answers = np.random.default_rng(0).choice(["Yes", "No", "no, I do not", "Perhaps."], len(docs)).tolist()
    said = np.array([published.yes_or_no(answer) == "yes" for answer in answers])
    truth = np.array([doc[task["doc_to_target"]] == "yes" for doc in docs])
    rates = detection(np.ones((1, len(docs))), said, truth, said == truth)._asdict()
    outcomes = [utils.outcome(doc, [answer]) for doc, answer in zip(docs, answers, strict=True)]
    for metric in task["metric_list"]:
        name = metric["metric"]
        value = getattr(utils, name)([found[name] for found in outcomes])
        assert value == pytest.approx(rates[name][0]), name
    assert utils.precision([]) == utils.f1([(False, True)]) == 0
