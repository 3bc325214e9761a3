"""LLaVA's conversation JSON in training: turns and pictures as the plain model reads them; mistakes named."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from common import vlm
from common.core.errors import UserError
from common.methods.lora.conversations import Conversation, load
from common.methods.lora.conversations import sequences as as_sequences
from common.methods.lora.losses import Losses
from common.methods.lora.settings import Conversations
from common.vlm.suffix import IGNORE
from tests.support import families, tiny
from tests.support.lora_helpers import gradients, put_on, seen
from tests.support.vlm_helpers import noise_images

IMAGES = noise_images(3)
ITEMS = [
    Conversation([("What color is it?", "Red."), ("And the cat?", "It is brown."), ("Why?", "No.")], (1,)),
    Conversation([("Is it a dog?", "Yes, a dog."), ("Where?", "In a tree.")], ()),
    Conversation([("Which is red?", "A ball.")], (0, 2)),
]
SAID = "Be brief."


@pytest.fixture(scope="module", params=["llava", "fast_vlm"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> vlm.Base:
    build = {"llava": tiny.llava, **families.BUILDERS}[request.param]
    return vlm.load(str(build(tmp_path_factory.mktemp("model"))), system=SAID)


def written(item: Conversation) -> str:
    """The conversation as LLaVA's template writes it, with an end token after every answer."""
    turns = [f"USER: {question} ASSISTANT: {answer}</s>" for question, answer in item.turns]
    pictures = "<image>\n" * len(item.images)
    return f"{SAID} " + " ".join(turns).replace("USER: ", f"USER: {pictures}", 1)


def plain_inputs(base: vlm.Base, item: Conversation) -> dict[str, torch.Tensor]:
    pictures = [IMAGES[image] for image in item.images] or None
    return dict(base.processor(text=[written(item)], images=pictures, return_tensors="pt"))


def test_ids_are_those_of_the_whole_text_and_every_answer_is_learned_with_its_end(base: vlm.Base) -> None:
    for item, made in zip(ITEMS, as_sequences(base, ITEMS, IMAGES), strict=True):
        assert [*made.prefix.ids, *made.ids] == plain_inputs(base, item)["input_ids"][0].tolist()
        assert made.images == item.images
        learned = [i if label != IGNORE else None for i, label in zip(made.ids, made.labels, strict=True)]
        end = base.tokenizer.eos_token_id
        parts, part = [], []
        for i in learned:
            if i is not None:
                part.append(i)
            if i == end:
                parts.append(base.tokenizer.decode(part).strip())
                part = []
        assert parts == [f"{answer}</s>" for _, answer in item.turns] and not part


def test_loss_and_gradients_are_those_of_the_plain_forward(base: vlm.Base) -> None:
    features = seen(base, IMAGES)
    made = as_sequences(base, ITEMS, IMAGES)

    def plain() -> torch.Tensor:
        loss = torch.zeros(())
        for item, example in zip(ITEMS, made, strict=True):
            labels = torch.tensor([[IGNORE] * len(example.prefix.ids) + example.labels])
            each = base.model(**plain_inputs(base, item), labels=labels).loss / len(ITEMS)
            each.backward()
            loss += each.detach()
        return loss

    with put_on(base) as put:
        own = base.model.model.multi_modal_projector
        base.model.model.multi_modal_projector = put.projector
        wanted = gradients(put, plain)
        base.model.model.multi_modal_projector = own
        step = partial(Losses(base, put, features, 2).backward, made)
        found = gradients(put, lambda: step() / len(made))
    assert found[0] == pytest.approx(wanted[0], rel=1e-5)
    for mine, theirs in zip(found[1], wanted[1], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5 * theirs.abs().max().item())


def item(question: str = "What?", **changes: Any) -> dict[str, Any]:
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": "A dog."}]
    return {"id": "1", "conversations": turns} | changes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, picture in zip(("a.png", "sub/b.png"), IMAGES, strict=False):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        picture.save(tmp_path / name)
    return tmp_path


def read(
    folder: Path, items: list[Any] | str, own: int = 10, **settings: Any
) -> tuple[list, list[Conversation]]:
    file = folder / "talk.json"
    file.write_text(items if isinstance(items, str) else json.dumps(items))
    chosen = Conversations(file=str(file), **settings)
    return load(chosen, own, 5, np.random.default_rng(0))


def test_pictures_are_kept_each_once_and_their_marks_come_first(folder: Path) -> None:
    items = [
        item("What?\n<image>", image="sub/b.png"),
        item("Who?"),
        item("<image>\nOr <image>?", image=["a.png", "sub/b.png"]),
    ]
    pictures, made = read(folder, items)
    assert [picture.tobytes() for picture in pictures] == [IMAGES[1].tobytes(), IMAGES[0].tobytes()]
    assert [(c.turns[0][0], c.images) for c in made] == [("What?", (5,)), ("Who?", ()), ("Or ?", (6, 5))]


def test_a_share_of_the_mix_is_drawn_and_one_is_all_of_it(folder: Path) -> None:
    items = [item(f"Question {number}?") for number in range(40)]
    assert len(read(folder, items, own=30, share=0.25)[1]) == 10
    assert len(read(folder, items, own=90, share=0.5)[1]) == 40  # as many as there are
    assert len(read(folder, items, share=1.0)[1]) == len(read(folder, items)[1]) == 40
    drawn = [c.turns[0][0] for c in read(folder, items, own=30, share=0.25)[1]]
    assert drawn == [c.turns[0][0] for c in read(folder, items, own=30, share=0.25)[1]]
    assert drawn != [f"Question {number}?" for number in range(10)]


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([item(), item(image="c.png")], r"talk\.json, item 1: c\.png is not in .*conversations\.images"),
        ([item(image="../a.png")], r"\.\./a\.png names a file outside"),
        ([item("<image> <image>", image="a.png")], r"item 0: <image> stands there 2 times, for 1 pictures"),
        ([item("<image>")], r"item 0: <image> stands there 1 times, for 0 pictures"),
        ([item(conversations=item()["conversations"][:1])], "item 0: human and gpt must alternate"),
        ([item(conversations=[{"from": "user", "value": "?"}])], r"0\.conversations\.0\.from"),
        ('[{"conversations": [],}]', "Invalid JSON"),
    ],
)
def test_mistakes_name_the_item_and_the_remedy(folder: Path, items: list[Any] | str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        read(folder, items)
