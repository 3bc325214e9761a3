"""Concept heads: what they decide, what training them does, what faces are kept, and their files."""

import math

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML

from common.core import io
from common.methods.myvlm import heads
from common.methods.myvlm.features import FeatureExtractor
from common.methods.myvlm.settings import Changes, Heads
from common.training.curves import Curves
from tests.support.helpers import ROOT

RECIPE = Heads(
    steps=200,
    batch_size=16,
    learning_rate=0.05,
    weight_decay=0.01,
    clip=0.1,
    pictures=10,
    held_out=0.5,
    threshold=0.5,
    changes=Changes(flip=0.0, brightness=0.0, rotation=0),
)


def unit(*rows: list[float]) -> np.ndarray:
    values = np.array(rows, np.float32)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def around(direction: list[float], count: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.1, (count, len(direction)))
    return unit(*(np.array(direction) + noise).tolist())


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_trained_head_tells_new_pictures_though_one_class_is_rare() -> None:
    head = heads.train(around([1, 0, 0], 5, 1), around([0, 1, 0], 200, 2), RECIPE, generator(), Curves("bo"))
    own, others = (head.probabilities(around(d, 50, 3)) for d in ([1, 0, 0], [0, 1, 0]))
    assert own.dtype == np.float32 and own.shape == (50,)
    assert (own >= head.level).all() and (others < head.level).all()


def test_training_draws_from_its_generator_alone() -> None:
    both, none = (around([1, 0], 3, 1), around([0, 1], 9, 2)), Curves("bo")
    made = [heads.train(*both, RECIPE, generator(), none) for _ in range(2)]
    assert torch.equal(made[0].weight, made[1].weight) and torch.equal(made[0].bias, made[1].bias)


def test_training_is_adamw_along_a_cosine_to_the_published_floor() -> None:
    (section,) = YAML(typ="safe").load(ROOT / "benchmarks/blip2_methods.yaml").values()
    recipe = Heads(**section["head"])
    assert (recipe.steps, recipe.batch_size, recipe.learning_rate) == (500, 16, 0.001)
    positives, negatives = around([1, 0.2, 0], 5, 1), around([0.2, 1, 0], 40, 2)
    found = heads.train(positives, negatives, recipe, generator(), Curves("bo"))

    draws = generator()
    layer = torch.nn.Linear(3, 2)
    for values in (layer.weight, layer.bias):
        values.data.uniform_(-(3**-0.5), 3**-0.5, generator=draws)
    features = torch.from_numpy(np.concatenate([positives, negatives]))
    labels = torch.tensor([1] * 5 + [0] * 40)
    alike = torch.tensor([1 / 5] * 5 + [1 / 40] * 40)  # so that half of all draws are of each class
    order = torch.multinomial(alike, 500 * 16, replacement=True, generator=draws).view(500, 16)
    assert abs(labels[order].float().mean() - 0.5) < 0.02
    optimizer = torch.optim.AdamW(layer.parameters(), weight_decay=0.01)
    for step, batch in enumerate(order):
        cosine = (1 + math.cos(math.pi * step / 500)) / 2
        optimizer.param_groups[0]["lr"] = 5e-6 + (0.001 - 5e-6) * cosine
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(layer(features[batch]), labels[batch]).backward()
        torch.nn.utils.clip_grad_norm_(layer.parameters(), 0.1)
        optimizer.step()
    torch.testing.assert_close(found.weight, layer.weight.detach(), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(found.bias, layer.bias.detach(), rtol=1e-3, atol=1e-5)


def test_faces_tell_people_alone_and_only_where_there_is_a_face_model() -> None:
    kinds = ("person", "pet", "landmark", "object", "character")
    with_faces, without = (FeatureExtractor(lambda: None, model) for model in ("buffalo_l", None))
    assert [with_faces.feature(kind) for kind in kinds] == ["face", *["clip"] * 4]
    assert {without.feature(kind) for kind in kinds} == {"clip"}


def test_the_file_has_the_published_names_and_the_threshold(tmp_path) -> None:
    head = heads.LinearHead(0.7, torch.randn(2, 3), torch.randn(2))
    head.save(tmp_path)
    tensors, info = io.read_safetensors(tmp_path / heads.FILE)
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == {
        "classifier.weight": (2, 3),
        "classifier.bias": (2,),
    }
    assert info == {"signal": "clip", "threshold": 0.7}
    again = heads.load(tmp_path)
    signals = around([1, 0, 0], 4, 1)
    assert (again.probabilities(signals) == head.probabilities(signals)).all() and again.level == 0.7


def test_a_face_head_fires_up_to_its_distance_and_not_without_a_face(tmp_path) -> None:
    heads.FaceHead(0.675, torch.from_numpy(unit([1, 0], [0.6, 0.8]))).save(tmp_path)
    head = heads.load(tmp_path)
    angles = [np.arccos(1 - distance) for distance in (0.0, 0.67, 0.68, 1.5)]
    faces = [unit([np.cos(-a), np.sin(-a)]) for a in angles]
    chances = head.probabilities([*faces, np.empty((0, 2), np.float32), np.concatenate(faces)])
    assert (chances >= head.level).tolist() == [True, True, False, False, False, True]
    assert chances[0] == pytest.approx(1, abs=1e-6) and chances[3] == chances[4] == 0
    assert head.trainable == 0


def test_of_several_faces_the_one_of_a_solo_photo_is_kept() -> None:
    own, like, other = unit([1, 0]), unit([0.9, 0.1]), unit([-1, 0.2])
    both = np.concatenate([other, like])
    twins = np.concatenate([own, like])
    nobody = np.empty((0, 2), np.float32)
    kept = heads.own_faces([own, both, twins, nobody, np.concatenate([other, other])], 0.675)
    assert np.array_equal(kept, np.concatenate([own, like]))
    assert len(heads.own_faces([both, twins], 0.675)) == 0
