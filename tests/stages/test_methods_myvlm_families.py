"""MyVLM on families other than LLaVA-1.5, from photos of several shapes to answers: the plain forward's."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from common import methods, vlm
from common.clip import Clip
from common.core import io, paths
from common.methods.interface import Backbones, MethodSubject, Request, Task
from common.prompts.myvlm import REFER
from tests.support.families import BUILDERS
from tests.support.helpers import ROOT
from tests.support.myvlm_helpers import SECTION, image_tokens, plain_answer, prepared, write_tables
from tests.support.vlm_helpers import SHAPES, noise_images

BO = MethodSubject("bo", "pet")
OWN_QUESTIONS = {"category": "the {kind}", "max_new_tokens": 4}
CAPTION = "[caption] A short image caption of {}:"
QUESTIONS = (CAPTION.format("<bo>"), REFER.format(name="<bo>"), "What color is <bo>?")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two photos of `bo` and two negatives, in its tables, and three photos to ask about, of three shapes."""
    monkeypatch.chdir(tmp_path)
    files = [tmp_path / f"{number}.png" for number in range(7)]
    for file, picture in zip(files, noise_images(7, SHAPES), strict=True):
        picture.save(file)
    write_tables(BO, files[:4])
    return files[4:]


def test_the_published_section_is_one_that_params_yaml_takes() -> None:
    (section,) = YAML(typ="safe").load(ROOT / "benchmarks/minigpt_v2_methods.yaml").values()
    assert methods.check({"myvlm_minigpt_v2": section}) == []
    embedding = section["embedding"]
    assert (embedding["steps"], embedding["penalty_weight"], embedding["norm"]) == (200, 1.0, "mean")
    assert (embedding["penalty"], embedding["learning_rate"], embedding["clip"]) == ("paid", 1.0, 0.05)
    assert section["instruction"] == CAPTION.format("{identifier}")


@pytest.mark.parametrize(
    ("family", "mode", "norm"),
    [
        ("fast_vlm", "captioning", "patch"),
        ("fast_vlm", "vqa", "mean"),
        ("llava_next", "captioning", "patch"),
        ("llava_next", "vqa", "cls"),
        ("minigpt_v2", "captioning", "mean"),
    ],
)
def test_what_is_learned_answers_as_the_plain_forward_with_it_does(
    family: str, mode: str, norm: str, files: list[Path], tmp_path: Path, clip_folder: Path
) -> None:
    base = vlm.load(str(BUILDERS[family](tmp_path / "model")))
    base.model.lm_head.weight[base.model.config.image_token_id] = 0
    clip = Clip(str(clip_folder), None, "cpu")
    method = prepared(
        Backbones(lambda: base, lambda: clip, 0, 2),
        mode,
        0.0,  # so that the head fires
        identifier="sks",
        instruction=CAPTION.format("{identifier}"),
        own_questions=OWN_QUESTIONS if mode == "vqa" else None,
        embedding=dict(SECTION["embedding"]) | {"norm": norm},
    )
    method.fit([BO])
    values = io.read_safetensors(paths.fitted("myvlm") / "bo/embedding.safetensors")[0]["values"]

    photos = {str(number): file for number, file in enumerate(files)}
    task = Task("chat", 6)
    asked = [Request(task, "myvlm", ("bo",), photo, text) for photo in photos for text in QUESTIONS]
    found = [answer.text for answer in method.answers(photos, asked)]
    expected, counts = [], set()
    for image in noise_images(7, SHAPES)[4:]:
        inputs = base.processor(images=[image], text=[base.processor.image_token], return_tensors="pt")
        tokens = image_tokens(base, inputs)
        counts.add(len(tokens))
        lengths = tokens.norm(dim=-1)
        if norm == "cls":
            seen = base.model.model.vision_tower(inputs["pixel_values"][0, :1], output_hidden_states=True)
            length = seen.hidden_states[-2][0, 0].norm()
        else:
            length = lengths[0] if norm == "patch" else lengths.mean()
        for text in QUESTIONS:
            said = plain_answer(base, image, text.replace("<bo>", "sks"), length * values, 6)
            expected.append(said.replace("sks", "<bo>"))
    assert found == expected
    assert len(counts) == (3 if family == "llava_next" else 1)
    unchanged = vlm.answer(
        base,
        [vlm.Query(text, number) for number in range(3) for text in QUESTIONS],
        vlm.encode_prefixes(base, noise_images(7, SHAPES)[4:]),
        max_new_tokens=6,
        batch_size=2,
    )
    assert found != [answer.text for answer in unchanged]
