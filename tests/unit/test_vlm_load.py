"""Opening a base model: what is refused, and what its fingerprint depends on."""

import json
import shutil
from pathlib import Path

import huggingface_hub
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoProcessor

from common import vlm
from common.core.errors import UserError
from common.vlm.prefix import image_features
from tests.support import tiny
from tests.support.families import BUILDERS
from tests.support.vlm_helpers import noise_images, soft_prompt

COMMIT = "0" * 40


def test_a_folder_is_loaded_frozen(tmp_path: Path) -> None:
    base = vlm.load(str(tiny.llava(tmp_path)))
    assert not base.model.training
    assert not any(parameter.requires_grad for parameter in base.model.parameters())
    assert base.hidden_size == 32 and base.vocab_size > len(base.tokenizer)
    assert base.layout.image_prefix == "USER: <image>\n" and base.layout.generation_prompt == " ASSISTANT:"


def test_weights_with_gaps_are_refused_and_not_made_up(tmp_path: Path) -> None:
    tiny.llava(tmp_path)
    file = tmp_path / "model.safetensors"
    whole = load_file(file)
    save_file({name: whole[name] for name in whole if "projector" not in name}, file, {"format": "pt"})
    with pytest.raises(UserError, match=r"lack 4 of the tensors .*projector.* restore or download it whole"):
        vlm.load(str(tmp_path))


def test_an_older_processor_takes_the_number_of_image_tokens_from_the_model(tmp_path: Path) -> None:
    now = vlm.load(str(tiny.llava(tmp_path)))
    file = tmp_path / "processor_config.json"
    told = json.loads(file.read_text())
    for key in ("patch_size", "vision_feature_select_strategy", "num_additional_image_tokens"):
        told.pop(key, None)
    file.write_text(json.dumps(told))
    older = vlm.load(str(tmp_path))
    shown = {"images": noise_images(1), "text": ["<image>"], "return_tensors": "pt"}
    assert torch.equal(older.processor(**shown).input_ids, now.processor(**shown).input_ids)
    assert len(vlm.encode_prefixes(older, noise_images(1))) == 1


def expand2square(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """As LLaVA-1.5's authors describe it: the picture in the middle of a square of one color."""
    side = max(image.size)
    square = Image.new("RGB", (side, side), background)
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


@pytest.mark.parametrize("size", [(90, 30), (30, 91), (24, 24), (50, 31)])
def test_llava_sees_the_sides_of_a_picture_as_the_published_model_does(tiny_llava: Path, size: tuple):
    (image,) = noise_images(1, [size])
    cuts = AutoProcessor.from_pretrained(tiny_llava).image_processor
    squared = expand2square(image, tuple(int(mean * 255) for mean in cuts.image_mean))
    expected = cuts([squared], return_tensors="pt").pixel_values
    seen = vlm.load(str(tiny_llava)).processor.image_processor([image], return_tensors="pt").pixel_values
    assert torch.equal(seen, expected)
    assert torch.equal(seen, cuts([image], return_tensors="pt").pixel_values) == (size == (24, 24))


def test_fingerprint_follows_what_decides_the_answers(tmp_path: Path) -> None:
    tiny.llava(tmp_path)
    first = vlm.load(str(tmp_path)).fingerprint
    (tmp_path / "README.md").write_text("about")
    assert vlm.load(str(tmp_path)).fingerprint == first
    config = tmp_path / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_max_length": 99}))
    second = vlm.load(str(tmp_path)).fingerprint
    tiny.llava(tmp_path, seed=1)
    assert len({first, second, vlm.load(str(tmp_path)).fingerprint}) == 3


@pytest.mark.parametrize(
    ("model", "revision", "remedy"),
    [
        ("models/absent", None, "restore the folder"),
        ("owner/name", None, "base.vlm.revision is None: give the 40-digit commit"),
        (".", COMMIT, "set it to null"),
        (".", None, "restore the folder with git"),
    ],
)
def test_wrong_sources_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, revision: str | None, remedy: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=remedy):
        vlm.load(model, revision)


def test_an_unreachable_hub_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="hf download owner/name --revision 0000") as raised:
        vlm.load("owner/name", COMMIT)
    assert "\n" not in str(raised.value)


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs one of type llava, "):
        vlm.load(str(tiny.clip(tmp_path)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.json", "3"),
        ("config.json", "[" * 100_000),
        ("config.json", '{"model_type": "llava", "vision_config": 3}'),
        ("processor_config.json", '{"processor_class": "Other"}'),
        ("tokenizer.json", "{}"),
        ("tokenizer_config.json", "[]"),
        ("generation_config.json", '{"a":' * 100_000),
        ("chat_template.jinja", "{% for"),
        ("chat_template.jinja", "{{ ().__class__.__base__.__subclasses__() }}"),
    ],
)
def test_files_that_make_no_sense_are_one_sentence(tiny_llava: Path, tmp_path: Path, name: str, text: str):
    folder = Path(shutil.copytree(tiny_llava, tmp_path / "copy"))
    (folder / name).write_text(text)
    with pytest.raises(UserError, match=r"could not be loaded \(.+\): restore the folder with git"):
        vlm.load(str(folder))


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    weights = tiny.llava(tmp_path) / "model.safetensors"
    torch.save(load_file(weights), tmp_path / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(UserError, match="could not be loaded"):
        vlm.load(str(tmp_path))


def test_truncated_weights_are_refused(tmp_path: Path) -> None:
    weights = tiny.llava(tmp_path) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match="restore the folder"):
        vlm.load(str(tmp_path))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_missing_device_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no CUDA device"):
        vlm.load(str(tiny.llava(tmp_path)), device="cuda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_all_devices_are_the_cpu(tiny_llava: Path) -> None:
    base = vlm.load(str(tiny_llava), device="auto")
    assert base.device == torch.device("cpu")
    assert vlm.encode_prefixes(base, noise_images(1)).length > 9


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_layers_on_several_gpus_answer_as_on_one(tiny_llava: Path) -> None:
    one, many = (vlm.load(str(tiny_llava), device=device) for device in ("cuda:0", "auto"))
    assert len({parameter.device for parameter in many.model.parameters()}) > 1
    texts = []
    for base in (one, many):
        prompt, prefixes = soft_prompt(base, "bo", 2), vlm.encode_prefixes(base, noise_images(2))
        rows = [vlm.suffix(base, prompt, "Is it <bo>?", "Yes")] * 2
        loss = vlm.suffix_loss(base, prefixes.batch([0, 1]), rows, [prompt] * 2)
        queries = [vlm.Query("What?", image, prompt) for image in (0, 1, None)]
        answers = vlm.answer(base, queries, prefixes, max_new_tokens=8, batch_size=3)
        texts.append(([answer.text for answer in answers], [round(value, 4) for value in loss.tolist()]))
    assert texts[0] == texts[1]


def test_large_images_are_made_smaller_for_the_model(tmp_path: Path) -> None:
    folder = str(BUILDERS["qwen3_vl"](tmp_path))
    lengths = [
        vlm.encode_prefixes(vlm.load(folder, image_size=side), noise_images(1, [(48, 48)])).length
        for side in (None, 48, 24)
    ]
    assert lengths[0] == lengths[1] == lengths[2] + 36 - 9


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_without_a_limit_of_ours_qwen_scales_to_its_own_number_of_pixels(family: str, tmp_path: Path) -> None:
    """`base.vlm.image_size: null` is no photo as it is: what params.yaml says of it."""
    base = vlm.load(str(BUILDERS[family](tmp_path)))
    most = base.processor.image_processor.size["longest_edge"]  # pixels in all, whatever it is called
    (rows,) = image_features(base, noise_images(1, [(480, 240)]))
    side = base.model.config.vision_config.patch_size * base.model.config.vision_config.spatial_merge_size
    assert most / 2 < len(rows[0]) * side**2 <= most < 480 * 240
