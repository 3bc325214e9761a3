"""The prefix cache changes no number: loss, gradients and answers equal the plain forward over everything.

Compared with a copy of the model whose tables hold the learned rows, run sample by sample, without padding
and without a cache. Negative controls show that the comparison would notice.
"""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from stages import vlm
from stages.vlm.answer import decode
from stages.vlm.layout import IGNORE
from tests import tiny
from tests.vlm_helpers import full_inputs, noise_images, resized, soft_prompt

IMAGES = noise_images(3)
SAMPLES = [  # (image, question, answer)
    (0, "Can you see <bo> in this photo?", "Yes"),
    (2, "Is it <bo>?", "No, I do not see <bo> in this photo, it is a red ball next to a tree."),
    (None, "What color is <bo>?", "<bo> is brown."),
    (0, "Describe it.", "A cat."),
]


@pytest.fixture(scope="module", params=[2, 4], ids=["grouped-query", "multi-head"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> vlm.Base:
    folder = tiny.llava(tmp_path_factory.mktemp("llava"), kv_heads=request.param)
    base = vlm.load(str(folder), system="Be brief.")
    base.model.lm_head.weight[base.tokenizer.eos_token_id] *= 2  # so that some answers end early
    return base


def suffixes(base: vlm.Base, prompt: vlm.SoftPrompt) -> list[vlm.Suffix]:
    return [
        vlm.suffix(base, prompt, question, answer, image=image is not None)
        for image, question, answer in SAMPLES
    ]


def plain_losses(base: vlm.Base, model: torch.nn.Module, rows: list[vlm.Suffix]) -> torch.Tensor:
    losses = []
    for (image, _, _), suffix in zip(SAMPLES, rows, strict=True):
        inputs = full_inputs(base, None if image is None else IMAGES[image], suffix)
        logits = model(**inputs).logits[0, :-1].float()
        before = inputs["input_ids"].shape[1] - len(suffix.ids)
        labels = torch.tensor([IGNORE] * before + suffix.labels)[1:]
        losses.append(F.cross_entropy(logits, labels, ignore_index=IGNORE))
    return torch.stack(losses)


def relative(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return ((actual - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize("latent_tokens", [0, 1, 4])
def test_loss_and_gradients_equal_the_plain_forward(base: vlm.Base, latent_tokens: int) -> None:
    prompt = soft_prompt(base, "bo", latent_tokens)
    rows = suffixes(base, prompt)
    model = resized(base, prompt)
    model.get_input_embeddings().weight.requires_grad_(True)
    model.lm_head.weight.requires_grad_(True)
    expected = plain_losses(base, model, rows)
    expected.sum().backward()

    embeddings = prompt.embeddings.clone().requires_grad_(True)
    output_row = prompt.output_row.clone().requires_grad_(True)
    prefixes = vlm.encode_prefixes(base, IMAGES, batch_size=2)
    losses = vlm.suffix_loss(
        base, prefixes.batch([image for image, _, _ in SAMPLES]), rows, embeddings, output_row
    )
    losses.sum().backward()

    assert relative(losses, expected) < 1e-5
    size = base.vocab_size
    assert relative(embeddings.grad, model.get_input_embeddings().weight.grad[size:]) < 1e-5
    assert relative(output_row.grad, model.lm_head.weight.grad[size:]) < 1e-5
    assert all(parameter.grad is None for parameter in base.model.parameters())


def test_a_batch_is_its_samples_one_by_one(base: vlm.Base) -> None:
    prompt = soft_prompt(base, "bo", 4)
    rows = suffixes(base, prompt)
    prefixes = vlm.encode_prefixes(base, IMAGES)
    together = vlm.suffix_loss(
        base, prefixes.batch([image for image, _, _ in SAMPLES]), rows, prompt.embeddings, prompt.output_row
    )
    alone = [
        vlm.suffix_loss(base, prefixes.batch([image]), [row], prompt.embeddings, prompt.output_row)
        for (image, _, _), row in zip(SAMPLES, rows, strict=True)
    ]
    assert relative(together, torch.cat(alone)) < 1e-5


def test_negative_controls_move_the_loss(base: vlm.Base) -> None:
    prompt = soft_prompt(base, "bo", 4)
    row = suffixes(base, prompt)[1]
    prefixes = vlm.encode_prefixes(base, IMAGES)

    def loss(batch: vlm.PrefixBatch) -> torch.Tensor:
        return vlm.suffix_loss(base, batch, [row], prompt.embeddings, prompt.output_row)

    right = prefixes.batch([2])
    hidden = vlm.PrefixBatch(right.kv, torch.zeros_like(right.mask))
    values_only = vlm.PrefixBatch(right.kv * torch.tensor([0.0, 1.0]).view(1, 1, 2, 1, 1, 1), right.mask)
    for wrong in [prefixes.batch([0]), prefixes.batch([None]), hidden, values_only]:
        assert relative(loss(wrong), loss(right)) > 1e-3


def test_padding_of_the_text_only_prefix_is_never_read(base: vlm.Base) -> None:
    prompt = soft_prompt(base, "bo", 4)
    rows = suffixes(base, prompt)[1:3]
    clean = vlm.encode_prefixes(base, IMAGES).batch([2, None])
    filled = torch.where(clean.mask.view(2, 1, 1, 1, -1, 1) == 1, clean.kv, 7.0)
    dirty = vlm.PrefixBatch(filled, clean.mask)
    assert not torch.equal(clean.kv, dirty.kv)
    losses = [
        vlm.suffix_loss(base, batch, rows, prompt.embeddings, prompt.output_row) for batch in (clean, dirty)
    ]
    assert torch.equal(*losses)


@pytest.mark.parametrize("use_cache", [True, False])
def test_answers_equal_plain_generation(base: vlm.Base, use_cache: bool) -> None:
    bo, mam, nobody = (
        soft_prompt(base, "bo", 4),
        soft_prompt(base, "mam", 2, seed=1),
        soft_prompt(base, "x", 0),
    )
    queries = [
        vlm.Query(question, image, definition)
        for image in (0, 1, 2, None)
        for definition in (bo, mam, nobody, "<bo> is a red dog.", None)
        for question in ("Can you see <bo>?", "What is next to <mam> in this photo? Answer with a phrase.")
    ]
    rows = [vlm.suffix(base, q.definition, q.question, image=q.image is not None) for q in queries]
    prompts = [q.definition if isinstance(q.definition, vlm.SoftPrompt) else None for q in queries]
    options = [base.layout.first_id("Yes"), base.layout.first_id("No")]
    ids, chances = decode(
        base,
        rows,
        prompts,
        vlm.encode_prefixes(base, IMAGES, 2),
        [q.image for q in queries],
        max_new_tokens=8,
        option_ids=options,
    )
    eos = base.tokenizer.eos_token_id
    models = {prompt: resized(base, prompt) for prompt in (bo, mam, nobody, None)}
    for query, row, prompt, new, chance in zip(queries, rows, prompts, ids, chances, strict=True):
        inputs = full_inputs(base, None if query.image is None else IMAGES[query.image], row)
        out = models[prompt].generate(
            **inputs,
            max_new_tokens=8,
            do_sample=False,
            use_cache=use_cache,
            output_logits=True,
            return_dict_in_generate=True,
        )
        expected = out.sequences[0, inputs["input_ids"].shape[1] :].tolist()
        assert new == [i for i in expected if i != eos]
        plain = out.logits[0][0, options].softmax(-1)
        torch.testing.assert_close(torch.tensor(chance), plain, rtol=1e-4, atol=1e-6)
    lengths = {len(new) for new in ids}
    assert len(lengths) > 1 and max(lengths) == 8  # rows stopped at different steps
    assert any(base.vocab_size in new for new in ids)  # the identifier was said


def test_answers_keep_their_order_in_any_batching(base: vlm.Base) -> None:
    bo = soft_prompt(base, "bo", 4)
    queries = [
        vlm.Query(question, image, definition)
        for question in ("What?", "Is <bo> in this photo or not?", "Is it?")
        for image in (2, None, 0)
        for definition in (bo, None)
    ]
    prefixes = vlm.encode_prefixes(base, IMAGES)
    one, many = (vlm.answer(base, queries, prefixes, max_new_tokens=4, batch_size=size) for size in (1, 7))
    assert [a.text for a in one] == [a.text for a in many]
    torch.testing.assert_close(
        torch.tensor([a.probabilities for a in one]),
        torch.tensor([a.probabilities for a in many]),
        rtol=1e-4,
        atol=1e-6,
    )


def test_rows_stay_float32_under_a_bfloat16_base(base: vlm.Base, tmp_path: Path) -> None:
    tiny.llava(tmp_path)
    half = vlm.load(str(tmp_path), dtype="bfloat16")
    whole = vlm.load(str(tmp_path))
    found = []
    for model in (half, whole):
        prompt = soft_prompt(whole, "bo", 4)
        embeddings, output_row = (
            prompt.embeddings.requires_grad_(True),
            prompt.output_row.requires_grad_(True),
        )
        prefixes = vlm.encode_prefixes(model, IMAGES)
        batch = prefixes.batch([image for image, _, _ in SAMPLES])
        loss = vlm.suffix_loss(model, batch, suffixes(model, prompt), embeddings, output_row)
        loss.sum().backward()
        assert embeddings.grad.dtype == output_row.grad.dtype == torch.float32
        found.append((loss.detach(), embeddings.grad))
    assert prefixes.images.dtype == torch.float32
    assert relative(found[0][0], found[1][0]) < 0.05  # bfloat16 keeps 8 bits
    assert relative(found[0][1], found[1][1]) < 0.3
