"""Questions that share a row: the loss and gradients are those of a row each, and which do."""

import pytest
import torch

from common import vlm
from common.methods.lora.losses import Losses
from common.methods.lora.pictures import PrefixTokens
from common.methods.lora.rows import draw_batches, forwards
from common.methods.lora.sequences import Example, examples
from common.training.samples import Sample
from common.vlm.suffix import IGNORE
from tests.support import families, tiny
from tests.support.helpers import ROOT
from tests.support.lora_helpers import gradients, put_on, seen
from tests.support.vlm_helpers import noise_images

IMAGES = noise_images(3)
SAMPLES = [  # about the first picture four, the second one, the third two, none two
    Sample("What?", "A dog.", 0, None),
    Sample("Is it?", "Yes", 2, True, weight=0.5),
    Sample("Where is <bo>?", "In a tree.", None, None),
    Sample("Is <bo> here?", "No, <bo> is not in this photo.", 0, False, weight=2.0),
    Sample("Who?", "The cat.", 1, None, weight=3.0),
    Sample("Why?", "No.", 0, None),
    Sample("And where is the cat?", "In a tree.", 2, None),
    Sample("What is <bo>?", "A dog.", None, None, weight=0.25),
    Sample("Is it a cat?", "No", 0, False),
]
SYSTEM = ("The dog is next to the tree. " * 3).strip()  # so that prefixes are longer than two questions


@pytest.fixture(scope="module", params=["llava", "shipped", *families.BUILDERS])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> vlm.Base:
    if request.param == "shipped":
        return vlm.load(str(ROOT / "models/base/llava"), system=SYSTEM)
    build = {"llava": tiny.llava, **families.BUILDERS}[request.param]
    return vlm.load(str(build(tmp_path_factory.mktemp("model"))), system=SYSTEM)


def test_loss_and_gradients_are_those_of_a_row_for_each_question(base: vlm.Base) -> None:
    features = seen(base, IMAGES)
    made = examples(base, SAMPLES, IMAGES)
    shared = [len(row) for rows in forwards(made, len(made)) for row in rows]
    assert max(shared) > 1 and sum(shared) == len(made)

    with put_on(base) as put:
        losses = Losses(base, put, features, len(made))

        def alone() -> torch.Tensor:
            loss = torch.zeros(())
            for example in made:
                each = losses.of_each([[example]]) * example.sample.weight
                (each.sum() / len(made)).backward()
                loss += each.detach().sum()
            return loss

        wanted = gradients(put, alone)
        found = gradients(put, lambda: losses.backward(made))
    assert found[0] == pytest.approx(wanted[0], rel=1e-5)
    for mine, theirs in zip(found[1], wanted[1], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5 * theirs.abs().max().item())


def made_up(pictures: list[int | None], length: int = 10, prefix: int = 40) -> list[Example]:
    """Questions about these pictures."""
    return [
        Example(
            Sample("?", str(number), picture, None),
            PrefixTokens([1] * (3 if picture is None else prefix), torch.zeros(1, 1), 0),
            [2] * length,
            [IGNORE] * (length - 1) + [2],
            () if picture is None else (picture,),
        )
        for number, picture in enumerate(pictures)
    ]


def test_a_row_is_no_longer_than_two_questions_and_a_forward_hardly_padded() -> None:
    batch = made_up([0] * 9 + [1, 2, 2, None, None, None])
    for micro_batch_size in (100, 4, 1):
        found = forwards(batch, micro_batch_size)
        answers = [example.sample.answer for rows in found for row in rows for example in row]
        assert sorted(answers) == sorted(example.sample.answer for example in batch)
        for rows in found:
            lengths = [len(row[0].prefix.ids) + sum(len(example.ids) for example in row) for row in rows]
            assert min(lengths) >= 0.8 * max(lengths) and max(lengths) <= 2 * 50
            assert len({len(row[0].prefix.ids) for row in rows}) == 1
            assert all(len({example.images for example in row}) == 1 for row in rows)
            assert sum(map(len, rows)) <= micro_batch_size
    assert [len(row) for rows in forwards(batch, 100) for row in rows] == [1, 1, 1, 1, 2, 4, 5]


def test_questions_about_a_picture_come_in_one_batch_but_never_fill_it() -> None:
    batch = made_up([0] * 40 + [1, 1, 1] + [*range(2, 20)] * 2 + [None] * 21)
    orders = []
    for seed in (0, 0, 1):
        generator = torch.Generator().manual_seed(seed)
        batches = draw_batches(batch, 20, generator)
        assert [len(drawn) for drawn in batches] == [20] * 5
        orders.append([example.sample.answer for drawn in batches for example in drawn])
        assert sorted(orders[-1]) == sorted(example.sample.answer for example in batch)
        assert max(sum(example.images == (0,) for example in drawn) for drawn in batches) < 20
        apart = [
            number
            for number in range(1, 20)
            if sum(any(example.images == (number,) for example in drawn) for drawn in batches) > 1
        ]
        assert len(apart) <= 4  # no more than batches end within a picture
    assert orders[0] == orders[1] != orders[2]


def test_grouped_by_modality_no_batch_mixes_pictures_and_text() -> None:
    batch = made_up([0] * 5 + [*range(1, 14)] + [None] * 17)
    orders = []
    for seed in (0, 0, 1):
        generator = torch.Generator().manual_seed(seed)
        batches = draw_batches(batch, 8, generator, group_by_modality=True)
        kinds = [{bool(example.images) for example in drawn} for drawn in batches]
        assert all(len(kind) == 1 for kind in kinds)
        assert sorted(map(len, batches)) == [1, 2, 8, 8, 8, 8]
        orders.append([example.sample.answer for drawn in batches for example in drawn])
        assert sorted(orders[-1]) == sorted(example.sample.answer for example in batch)
        assert kinds not in (sorted(kinds, key=str), sorted(kinds, key=str, reverse=True))  # in turns
    assert orders[0] == orders[1] != orders[2]
    mixed = draw_batches(batch, 8, torch.Generator().manual_seed(0))
    assert any(len({bool(example.images) for example in drawn}) == 2 for drawn in mixed)
