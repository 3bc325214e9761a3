"""MyVLM on the base for photographs as it is shipped: two photos, from what the base says to captions."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from common import methods, vlm
from common.clip import Clip
from common.core import io, paths, schema
from common.core.preset import with_preset
from common.methods.interface import Backbones, MethodSubject, Request, Task
from common.methods.myvlm.training_pairs import captions
from common.prompts.captions import NAMING
from common.world.attributes import draw_individual, draw_scene
from common.world.draw import sprite, view
from stages.synthesize.interview import interview, read_photo
from tests.support.helpers import ROOT
from tests.support.myvlm_helpers import image_tokens, plain_answer, write_tables

BO = MethodSubject("bo", "pet")
FOLDER = ROOT / paths.PHOTOGRAPHS
PHOTOS = 2


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two photos of `bo`, three of others, and one more of each to ask about."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    bo, *others = (draw_individual(rng, noun) for noun in ("dog", "tower", "ghost", "mug"))
    shown = [bo, bo, *others, bo, others[0]]
    files = [tmp_path / f"{number}.png" for number in range(len(shown))]
    for file, who in zip(files, shown, strict=True):
        Image.fromarray(view(sprite(who), draw_scene(rng), rng)).save(file)
    return files


def test_two_photos_teach_the_shipped_base_to_caption_and_answer(files: list[Path]) -> None:
    base = vlm.load(str(FOLDER / "llava"))
    write_tables(BO, files[:5], PHOTOS)
    rows = interview(
        base, "bo", "pet", [read_photo(file) for file in files[:PHOTOS]],
        questions="photographs", max_new_tokens=12, batch_size=8,
    )  # fmt: skip
    io.write_parquet(
        BO.conversations,
        [dict.fromkeys(schema.CONVERSATIONS.names) | row for row in rows],
        schema.CONVERSATIONS,
        ["photo", "turn"],
    )
    photographed = [[row for row in rows if row.get("photo") == file.name] for file in files[:PHOTOS]]
    assert all(captions("<bo>", own) for own in photographed)

    values = YAML(typ="safe").load(ROOT / "params.yaml")
    values["base"]["preset"] = "photographs"
    section = with_preset(values)["methods"]["myvlm"]
    section["head"] |= {"steps": 60, "pictures": 12}
    section["embedding"] |= {"steps": 6, "checkpoints": 3}
    clip = Clip(str(FOLDER / "clip"), None, "cpu")
    method = methods.prepare("myvlm", {"myvlm": section}, Backbones(lambda: base, lambda: clip, 0, 4))
    method.fit([BO])
    vector = io.read_safetensors(paths.fitted("myvlm") / "bo/embedding.safetensors")[0]["values"]

    photos = {"bo": files[5], "tower": files[6]}
    questions = (NAMING.format(name="<bo>"), "What color is <bo>?")
    recognition, chat = Task("recognition", 8), Task("chat", 8)
    asked = [Request(recognition, "myvlm", ("bo",), photo, "Is <bo> here?") for photo in photos]
    asked += [Request(chat, "myvlm", ("bo",), photo, text) for photo in photos for text in questions]
    found = [answer.text for answer in method.answers(photos, asked)]
    assert found[:2] == ["Yes", "No"]
    expected = []
    for photo, placed in (("bo", vector), ("tower", vector[:0])):  # where no head fires, the base as it is
        image = Image.open(photos[photo]).convert("RGB")
        inputs = base.processor(images=[image], text=[base.processor.image_token], return_tensors="pt")
        length = image_tokens(base, inputs)[0].norm()
        expected += [plain_answer(base, image, text, length * placed, 8) for text in questions]
    assert found[2:] == expected
    assert found[2:4] != found[4:]
