"""The prefix cache changes no number: loss, gradients and answers equal the plain forward over everything.

For every family, and for images of which it makes different numbers of tokens where it minds their shapes.
Compared with a copy of the model whose tables hold the learned rows, run sample by sample, without padding
and without a cache. Negative controls show that the comparison would notice.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from itertools import accumulate

import pytest
import torch

from common import vlm
from common.vlm.answer import decode
from common.vlm.suffix import soft_prompts
from tests.support import families, tiny
from tests.support.exactness import IMAGES, SAMPLES, cases, losses_of, ours, plain, relative
from tests.support.vlm_helpers import NamesEnd, assert_same_answers, full_inputs, resized, soft_prompt

Generated = tuple[list[int], torch.Tensor]  # ids of an answer, logits of its first token

BUILDERS = {
    "llava": tiny.llava,
    "multi-head": partial(tiny.llava, kv_heads=4),  # the others group queries
    **families.BUILDERS,
}


@pytest.fixture(scope="module", params=BUILDERS)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> vlm.Base:
    folder = BUILDERS[request.param](tmp_path_factory.mktemp("model"))
    base = vlm.load(str(folder), system="Be brief.")
    base.model.lm_head.weight[base.tokenizer.eos_token_id] *= 2  # so that some answers end early
    return base


@pytest.mark.parametrize("latent_tokens", [0, 1, 4])
def test_loss_and_gradients_equal_the_plain_forward(base: vlm.Base, latent_tokens: int) -> None:
    prompt = soft_prompt(base, "bo", latent_tokens)
    samples = cases(base, prompt)
    (found,) = ours(base, [prompt] * len(samples), samples)
    for actual, expected in zip(found, plain(base, prompt, samples), strict=True):
        assert relative(actual, expected) < 1e-5


def test_subjects_in_one_forward_do_not_meet(base: vlm.Base) -> None:
    prompts = [
        soft_prompt(base, "bo", 4),
        soft_prompt(base, "mam", 0, seed=1),
        soft_prompt(base, "x", 2, seed=2),
    ]
    shares = [SAMPLES[:2], SAMPLES[1:], SAMPLES[2:]]
    samples = [cases(base, prompt, share) for prompt, share in zip(prompts, shares, strict=True)]
    mixed = [(p, case) for p, own in zip(prompts, samples, strict=True) for case in own][::-1]
    found = ours(base, [prompt for prompt, _ in mixed], [case for _, case in mixed])
    for prompt, own, (losses, *gradients) in zip(prompts, samples, found[::-1], strict=True):
        expected, *plain_gradients = plain(base, prompt, own)
        assert relative(losses.flip(0), expected) < 1e-5
        for actual, wanted in zip(gradients, plain_gradients, strict=True):
            assert relative(actual, wanted) < 1e-5


def test_a_batch_is_its_samples_one_by_one(base: vlm.Base) -> None:
    prompt = soft_prompt(base, "bo", 4)
    samples = cases(base, prompt)
    together = losses_of(base, [prompt] * len(samples), samples)
    alone = [losses_of(base, [prompt], [sample]) for sample in samples]
    assert relative(together, torch.cat(alone)) < 1e-5


def test_negative_controls_move_the_loss(base: vlm.Base) -> None:
    prompt = soft_prompt(base, "bo", 4)
    _, row = cases(base, prompt)[1]
    prefixes = vlm.encode_prefixes(base, IMAGES)

    def loss(batch: vlm.PrefixBatch) -> torch.Tensor:
        return vlm.suffix_loss(base, batch, [row], [prompt])

    right = prefixes.batch([2])
    hidden = replace(right, attention_mask=torch.zeros_like(right.attention_mask))
    values_only = replace(right, kv=right.kv * torch.tensor([0.0, 1.0]).view(1, 1, 2, 1, 1, 1))
    elsewhere = replace(right, position_offset=right.position_offset + 7)
    for wrong in [prefixes.batch([1]), prefixes.batch([None]), hidden, values_only, elsewhere]:
        assert relative(loss(wrong), loss(right)) > 1e-4


def test_padding_of_the_text_only_prefix_is_never_read(base: vlm.Base) -> None:
    prompt = soft_prompt(base, "bo", 4)
    rows = [suffix for _, suffix in cases(base, prompt)[1:3]]
    clean = vlm.encode_prefixes(base, IMAGES).batch([2, None])
    filled = torch.where(clean.attention_mask.view(2, 1, 1, 1, -1, 1) == 1, clean.kv, 7.0)
    dirty = replace(clean, kv=filled)
    assert not torch.equal(clean.kv, dirty.kv)
    losses = [vlm.suffix_loss(base, batch, rows, [prompt] * 2) for batch in (clean, dirty)]
    assert torch.equal(*losses)


@pytest.fixture(scope="module")
def queries(base: vlm.Base) -> list[vlm.Query]:
    bo, mam, nobody = (
        soft_prompt(base, "bo", 4),
        soft_prompt(base, "mam", 2, seed=1),
        soft_prompt(base, "x", 0),
    )
    bo, mam = (replace(p, output_row=1.5 * p.output_row) for p in (bo, mam))  # so that every family says them
    return [
        vlm.Query(question, image, definition)
        for image in (0, 1, 2, None)
        for definition in (bo, mam, nobody, (bo, mam), "<bo> is a red dog.", None)
        for question in ("Can you see <bo>?", "What is next to <mam> in this photo? Answer with a phrase.")
    ]


@pytest.fixture(scope="module")
def generated(base: vlm.Base, queries: list[vlm.Query]) -> Callable[[bool], list[Generated]]:
    """Plain generation's answers to the queries, with a cache or without: the same for all packings."""
    groups = {soft_prompts(query.definition): None for query in queries}
    models = {group: resized(base, *group) for group in groups}

    @cache
    def answers(use_cache: bool) -> list[Generated]:
        found = []
        for query in queries:
            row = vlm.suffix(base, query.definition, query.question, image=query.image is not None)
            inputs = full_inputs(base, None if query.image is None else IMAGES[query.image], row)
            out = models[soft_prompts(query.definition)].generate(
                **inputs,
                max_new_tokens=8,
                do_sample=False,
                use_cache=use_cache,
                output_logits=True,
                return_dict_in_generate=True,
                logits_processor=[NamesEnd(base)],
            )
            found.append((out.sequences[0, inputs["input_ids"].shape[1] :].tolist(), out.logits[0][0]))
        return found

    return answers


@pytest.mark.parametrize(
    ("use_cache", "extra_slots", "packed"),
    [(True, 100, None), (False, 0, None), (True, 400, [12, 1, 9, 2, 12, 5, 7]), (True, 0, [12] * 4)],
)
def test_answers_equal_plain_generation(
    base: vlm.Base,
    queries: list[vlm.Query],
    generated: Callable[[bool], list[Generated]],
    use_cache: bool,
    extra_slots: int,
    packed: list[int] | None,
) -> None:
    """With a row for each query, and with several in a row."""
    rows = [vlm.suffix(base, q.definition, q.question, image=q.image is not None) for q in queries]
    prompts = [soft_prompts(query.definition) for query in queries]
    options = [base.layout.first_id("Yes"), base.layout.first_id("No")]
    prefixes = vlm.encode_prefixes(base, IMAGES, 2)
    firsts = list(accumulate(packed or [1] * len(queries), initial=0))[:-1]
    ids, chances = decode(
        base,
        rows,
        prompts,
        next(prefixes.batches([[queries[first].image for first in firsts]], extra_slots)),
        packed=packed,
        max_new_tokens=8,
        option_ids=options,
    )
    for new, chance, (expected, logits) in zip(ids, chances, generated(use_cache), strict=True):
        assert new == [i for i in expected if i not in base.end_ids]
        torch.testing.assert_close(torch.tensor(chance), logits[options].softmax(-1), rtol=1e-4, atol=1e-6)
    lengths = {len(new) for new in ids}
    assert len(lengths) > 1 and max(lengths) == 8  # rows stopped at different steps
    assert any(base.vocab_size in new for new in ids)  # the identifier was said
    second = base.vocab_size + 5  # of the second of two subjects, behind the five rows of the first
    assert any(second in new for group, new in zip(prompts, ids, strict=True) if len(group) == 2)


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
    assert_same_answers(one, many)


def test_bfloat16_errs_no_more_than_the_plain_forward_does(base: vlm.Base) -> None:
    half = replace(base, model=copy.deepcopy(base.model).bfloat16())
    errors: dict[str, list[torch.Tensor]] = {"ours": [], "plain": []}
    for seed in range(8):
        prompt = soft_prompt(base, "bo", 4, seed)
        samples = cases(base, prompt)
        exact = plain(base, prompt, samples)
        (found,) = ours(half, [prompt] * len(samples), samples)
        for name, numbers in (("ours", found), ("plain", plain(half, prompt, samples))):
            errors[name].append(torch.tensor([relative(*pair) for pair in zip(numbers, exact, strict=True)]))
    rms = {name: torch.stack(each).square().mean(0).sqrt() for name, each in errors.items()}
    # They round as often, differently: the two errors are as large as each other but for chance.
    assert (rms["ours"] <= 1.15 * rms["plain"]).all() and (rms["ours"] > 1e-4).all()
