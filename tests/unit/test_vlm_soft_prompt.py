"""A subject's two files: what comes back is what was saved, and a torn or foreign pair is refused."""

from pathlib import Path

import pytest
import torch

from common import vlm
from common.core.errors import UserError
from tests.support import tiny
from tests.support.vlm_helpers import noise_images, soft_prompt


def with_info(base: vlm.Base, prompt: vlm.SoftPrompt) -> vlm.SoftPrompt:
    info = {"base": {"fingerprint": base.fingerprint}, "seed": 3}
    return vlm.SoftPrompt(prompt.subject, prompt.embeddings, prompt.output_row, info)


@pytest.mark.parametrize("latent_tokens", [0, 4])
def test_round_trip(base: vlm.Base, tmp_path: Path, latent_tokens: int) -> None:
    prompt = with_info(base, soft_prompt(base, "bo", latent_tokens))
    prompt.save(tmp_path / "a")
    again = vlm.SoftPrompt.load(tmp_path / "a", base.fingerprint)
    assert torch.equal(again.embeddings, prompt.embeddings)
    assert torch.equal(again.output_row, prompt.output_row)
    assert again.token == "<bo>" and again.latent_tokens == latent_tokens and again.info["seed"] == 3
    again.save(tmp_path / "b")
    for name in ("soft_prompt.safetensors", "soft_prompt.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_initial_rows_look_like_the_base(base: vlm.Base) -> None:
    draw = [
        vlm.SoftPrompt.init_random(base.model, "bo", 500, torch.Generator().manual_seed(i)) for i in (0, 0, 1)
    ]
    assert torch.equal(draw[0].embeddings, draw[1].embeddings)
    assert not torch.equal(draw[0].embeddings, draw[2].embeddings)
    table = base.model.get_input_embeddings().weight
    assert draw[0].embeddings.std().item() == pytest.approx(table.std().item(), rel=0.1)


def test_latent_tokens_start_where_the_photos_tell_the_subject(base: vlm.Base) -> None:
    start = vlm.SoftPrompt.init_random(base.model, "bo", 2, torch.Generator().manual_seed(0))
    noise = torch.Generator().manual_seed(1)
    others = torch.randn(6, 5, base.hidden_size, generator=noise)
    photos = torch.randn(3, 5, base.hidden_size, generator=noise)
    photos[:, 1] = 4 + photos[:, 1] / 100  # far from others and alike
    photos[:, 3] = -2 + photos[:, 3] / 100
    photos[:, 4] *= 9  # far from others, but not alike
    init_from_images = start.init_from_images(photos, others)
    assert torch.equal(init_from_images.embeddings[1:], photos.mean(0)[[1, 3]])
    assert torch.equal(init_from_images.embeddings[0], start.embeddings[0])
    many = vlm.SoftPrompt.init_random(base.model, "bo", 7, torch.Generator().manual_seed(0))
    assert torch.equal(many.init_from_images(photos, others).embeddings[1:6], photos.mean(0))
    assert torch.equal(many.init_from_images(photos, others).embeddings[6:], many.embeddings[6:])


def test_image_tokens_are_what_the_language_model_is_given(base: vlm.Base) -> None:
    images = noise_images(3)
    tokens = vlm.image_tokens(base, images, batch_size=2)
    given = []
    hook = base.model.model.multi_modal_projector.register_forward_hook(lambda *call: given.append(call[2]))
    vlm.encode_prefixes(base, images)
    hook.remove()
    assert tokens.dtype == torch.float32
    # A prefix is computed of each image alone: sums of two at a time end in other bits, on some processors in
    # the fifth digit. Tokens of another image would differ in the first.
    torch.testing.assert_close(tokens, torch.cat(given), rtol=0, atol=1e-3)
    assert (tokens[0] - tokens[1]).abs().max() > 0.1


def test_wording(base: vlm.Base) -> None:
    assert soft_prompt(base, "bo", 2).text("<bo>", "*") == "<bo> is **."
    assert soft_prompt(base, "bo", 0).text("<bo>", "*") == "<bo>."


def test_bad_folders_are_refused(base: vlm.Base, tmp_path: Path) -> None:
    folder = tmp_path / "bo"
    with pytest.raises(UserError, match="dvc repro train@bo"):
        vlm.SoftPrompt.load(folder)
    with_info(base, soft_prompt(base, "bo", 2)).save(folder)
    other = vlm.load(str(tiny.llava(tmp_path / "other", seed=1)))
    vlm.SoftPrompt.load(folder)
    with pytest.raises(UserError, match="another base model"):
        vlm.SoftPrompt.load(folder, other.fingerprint)
    weights = folder / "soft_prompt.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(UserError, match="does not belong"):
        vlm.SoftPrompt.load(folder)
