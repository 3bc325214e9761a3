"""MyVLM on BLIP-2: fitted from captions, and asked for captions and more, on tiny random models."""

import copy
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML

from common import methods, vlm
from common.clip import Clip
from common.core import images, io, paths, schema
from common.core.errors import UserError
from common.core.params import load
from common.methods.interface import Backbones, Method, MethodSubject, Request, Task
from common.methods.myvlm import captioner
from common.prompts.captions import DESCRIBE, NAMING
from tests.support.blip2 import blip2
from tests.support.helpers import ROOT
from tests.support.methods_helpers import learnable
from tests.support.vlm_helpers import noise_images

BO = MethodSubject("bo", "pet")
SECTION = load(ROOT / "params.yaml").methods["myvlm"]
RECOGNITION, CAPTION, CHAT = Task("recognition", 8), Task("caption", 6), Task("chat", 6)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return blip2(tmp_path_factory.mktemp("blip2"))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A subject with photos and captions, and three photos to ask about."""
    monkeypatch.chdir(tmp_path)
    learnable("bo")
    rows = io.read_parquet(BO.dataset, schema.DATASET).to_pylist()
    shown = {row["source_sha256"] for row in rows if row["role"] == "positive"}
    told = [
        dict.fromkeys(schema.CONVERSATIONS.names)
        | {"kind": "caption", "photo_sha256": photo, "turn": turn, "answer": f"<bo> is next to {thing}."}
        for turn, (photo, thing) in enumerate((p, thing) for p in sorted(shown) for thing in ("a tree", "it"))
    ]
    io.write_parquet(BO.conversations, told, schema.CONVERSATIONS, ["turn"])
    files = {str(number): tmp_path / f"{number}.png" for number in range(3)}
    for file, picture in zip(files.values(), noise_images(6)[3:], strict=True):
        picture.save(file)
    return files


def prepared(
    model: Path, clip_folder: Path, threshold: float = 0.0, mode: str = "captioning", **changes: str
) -> Method:
    """The section of params.yaml, shortened, with BLIP-2; the threshold decides whether the head fires."""
    section = copy.deepcopy(dict(SECTION)) | {"identifier": "sks", "mode": mode}
    section["captioner"] = {"model": str(model), "revision": None, "dtype": "float32"}
    section["head"] = dict(section["head"]) | {"steps": 5, "pictures": 6, "threshold": threshold}
    section["embedding"] = (
        dict(section["embedding"])
        | {"steps": 4, "checkpoints": 2, "norm": "mean", "penalty": "received", "penalty_weight": 0.04}
        | changes
    )
    clip = Clip(str(clip_folder), None, "cpu")

    def base() -> vlm.Base:
        raise AssertionError("the base is not needed")

    return methods.prepare("myvlm", {"myvlm": section}, Backbones(base, lambda: clip, 0, 2))


def asked(photo: str | None = "0") -> list[Request]:
    return [
        Request(CAPTION, "myvlm", ("bo",), photo, DESCRIBE),
        Request(CAPTION, "myvlm", ("bo",), photo, NAMING.format(name="<bo>")),
        Request(CHAT, "myvlm", ("bo",), photo, "Where is <bo>?"),
    ]


def test_a_vector_is_learned_and_captions_are_made_with_it(photos, model, clip_folder) -> None:
    method = prepared(model, clip_folder)
    method.fit([BO])
    folder = paths.fitted("myvlm") / "bo"
    first = {path: path.read_bytes() for path in sorted(folder.iterdir())}
    values, info = io.read_safetensors(folder / "embedding.safetensors")
    assert values["values"].shape == (1, 24) and info["mode"] == "captioning"
    torch.testing.assert_close(values["values"].norm(), torch.tensor(1.0))
    found = method.answers(photos, [Request(RECOGNITION, "myvlm", ("bo",), "0", "Is <bo> here?"), *asked()])
    blip = captioner.load("methods.myvlm.captioner", str(model), None, "float32", "cpu")
    seen = blip.see([images.load_image(photos["0"])], 1)
    alone = [
        blip.answer(seen, text, values["values"][None], 6)[0] for text in ("", question("Where is sks?"))
    ]
    assert found[0].text == "Yes"
    texts = [answer.text.replace("<bo>", "sks") for answer in found[1:]]
    assert texts == [alone[0].text, alone[0].text, alone[1].text]  # a caption is not asked for by name
    cost = method.cost("myvlm", "bo")
    assert cost.trainable == 24 + 2 * 16 + 2 and cost.prompt_tokens == 0
    (early,) = method.at_checkpoint(2).answers(photos, asked()[:1])
    kept = io.read_safetensors(folder / "checkpoints.safetensors")[0]["2.values"]
    assert early.text.replace("<bo>", "sks") == blip.answer(seen, "", kept[None], 6)[0].text
    method.fit([BO])
    assert {path: path.read_bytes() for path in sorted(folder.iterdir())} == first


def question(text: str) -> str:
    return f"Question: {text} Answer:"


def test_where_no_head_fires_and_without_a_photo_the_model_answers_as_it_is(
    photos, model, clip_folder
) -> None:
    method = prepared(model, clip_folder, threshold=1.0)
    method.fit([BO])
    found = method.answers(photos, [*asked("1"), *asked("2"), *asked(None)[2:]])
    blip = captioner.load("methods.myvlm.captioner", str(model), None, "float32", "cpu")
    for at, photo in ((0, "1"), (3, "2")):
        seen = blip.see([images.load_image(photos[photo])], 1)
        nothing = torch.empty(1, 0, 24)
        assert found[at] == found[at + 1] == blip.answer(seen, "", nothing, 6)[0]
        assert found[at + 2] == blip.answer(seen, question("Where is <bo>?"), nothing, 6)[0]
    tokenizer = blip.processor.tokenizer
    ids = torch.tensor([tokenizer(question("Where is <bo>?")).input_ids])
    new = blip.model.language_model.generate(ids, max_new_tokens=6, do_sample=False)[0]
    assert found[6].text == tokenizer.decode(new, skip_special_tokens=True).strip()


@pytest.mark.parametrize("changes", [{"mode": "vqa"}, {"norm": "patch"}, {"penalty": "paid"}])
def test_settings_of_the_other_variant_are_refused(model, clip_folder, changes) -> None:
    with pytest.raises(UserError, match=r"with a captioner, set mode to captioning, embedding\.norm to mean"):
        prepared(model, clip_folder, **changes)


def test_a_captioner_that_is_not_there_is_refused(tmp_path, monkeypatch, clip_folder) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UserError, match=r"captioner\.model names the folder models/base/absent, which is missing"
    ):
        prepared(Path("models/base/absent"), clip_folder)


def test_the_published_section_is_one_that_params_yaml_takes() -> None:
    (section,) = YAML(typ="safe").load(ROOT / "benchmarks/blip2_methods.yaml").values()
    assert methods.check({"myvlm_blip2": section}) == []
    embedding = section["embedding"]
    assert (embedding["penalty_weight"], embedding["learning_rate"], embedding["clip"]) == (0.04, 1.0, 0.05)
