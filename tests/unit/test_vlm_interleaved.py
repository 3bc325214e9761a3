"""Photos within a suffix: the same numbers as the plain model gives for the whole sequence."""

from pathlib import Path

import pytest
import torch

from common import vlm
from common.core.errors import UserError
from common.vlm.layout import LATENT
from common.vlm.suffix import IGNORE
from tests.support.vlm_helpers import noise_images, resized, soft_prompt

QUESTION = "Can you see <bo>?"


def illustrated(
    base: vlm.Base, images: list, text: str = f"<bo> is {vlm.IMAGE_PLACEHOLDER}."
) -> vlm.InterleavedText:
    return vlm.InterleavedText(" ".join([text] * len(images)), vlm.image_tokens(base, images))


def plain(base: vlm.Base, text: str, images: list) -> torch.Tensor:
    """Yes against No after the whole text, by transformers alone."""
    inputs = base.processor(text=[text], images=images, return_tensors="pt")
    with torch.inference_mode():
        logits = base.model(**inputs).logits[0, -1]
    return logits[[base.layout.first_id(option) for option in ("Yes", "No")]].softmax(-1)


@pytest.mark.parametrize("count", [1, 2])
def test_reference_photos_give_the_plain_models_numbers(base: vlm.Base, count: int) -> None:
    images = noise_images(count + 2)
    shown, references = images[:2], images[2:]
    definition = illustrated(base, references)
    queries = [
        vlm.Query(QUESTION, 0, definition),
        vlm.Query(QUESTION, None, definition),
        vlm.Query(QUESTION, 1),
    ]
    prefixes = vlm.encode_prefixes(base, shown)
    answers = vlm.answer(base, queries, prefixes, max_new_tokens=3, batch_size=8)
    words = " ".join(["<bo> is <image>."] * count)
    for answer, (text, before) in zip(
        answers,
        [
            (f"USER: <image>\n{words} {QUESTION} ASSISTANT:", shown[:1]),
            (f"USER: {words} {QUESTION} ASSISTANT:", []),
            (f"USER: <image>\n{QUESTION} ASSISTANT:", shown[1:]),
        ],
        strict=True,
    ):
        pictures = before + (references if "<bo> is" in text else [])
        torch.testing.assert_close(torch.tensor(answer.probabilities), plain(base, text, pictures))


def test_several_subjects_stand_one_after_another(base: vlm.Base) -> None:
    images = noise_images(2)
    both = vlm.InterleavedText.concatenate(
        [
            illustrated(base, images[:1]),
            illustrated(base, images[1:], f"<mam> is a cat. <mam> is {vlm.IMAGE_PLACEHOLDER}."),
        ]
    )
    (answer,) = vlm.answer(
        base,
        [vlm.Query("Who is it?", None, both)],
        vlm.encode_prefixes(base, []),
        max_new_tokens=1,
        batch_size=1,
    )
    text = "USER: <bo> is <image>. <mam> is a cat. <mam> is <image>. Who is it? ASSISTANT:"
    torch.testing.assert_close(torch.tensor(answer.probabilities), plain(base, text, images))


def test_the_image_token_itself_is_refused_in_words(base: vlm.Base) -> None:
    with pytest.raises(UserError, match="<image>, which means something else"):
        vlm.suffix(base, illustrated(base, noise_images(1), f"<image> {vlm.IMAGE_PLACEHOLDER}."), QUESTION)


SAMPLES = [(0, QUESTION, "No <bo>"), (None, "What is it?", "<bo> is a cat."), (1, "Is it <bo>?", "Yes")]


@pytest.fixture(scope="module", params=["", "Be brief."], ids=["no-system", "system"])
def turned(request: pytest.FixtureRequest, tiny_llava: Path) -> vlm.Base:
    return vlm.in_system(vlm.load(str(tiny_llava), system=request.param))


@pytest.mark.parametrize("latent_output_rows", [False, True])
def test_the_system_turn_gives_the_plain_models_loss_and_gradients(
    turned: vlm.Base, latent_output_rows: bool
) -> None:
    prompt, images = soft_prompt(turned, "bo", 3, latent_output_rows=latent_output_rows), noise_images(2)
    leaf = leaves(prompt)
    suffixes = [vlm.suffix(turned, leaf, q, a, image=image is not None) for image, q, a in SAMPLES]
    (batch,) = vlm.encode_prefixes(turned, images).batches([[image for image, _, _ in SAMPLES]])
    losses = vlm.suffix_loss(turned, batch, suffixes, [leaf] * 3)
    losses.sum().backward()

    model = resized(turned, prompt)
    tables = model.get_input_embeddings().weight, model.lm_head.weight
    for table in tables:
        table.requires_grad_(True)
    expected = []
    for (image, _, _), suffix in zip(SAMPLES, suffixes, strict=True):
        inputs = whole(turned, suffix, images[image : image + 1] if image is not None else [])
        logits = model(**inputs).logits[0, :-1]
        labels = torch.tensor([IGNORE] * (len(logits) + 1 - len(suffix.ids)) + suffix.labels)[1:]
        expected.append(torch.nn.functional.cross_entropy(logits, labels, ignore_index=IGNORE))
    torch.stack(expected).sum().backward()
    torch.testing.assert_close(losses, torch.stack(expected))
    for ours, table in zip((leaf.embeddings, leaf.output_row), tables, strict=True):
        torch.testing.assert_close(ours.grad, table.grad[turned.vocab_size :])


def test_the_system_turn_answers_as_the_plain_model_does(turned: vlm.Base) -> None:
    prompt, images = soft_prompt(turned, "bo", 3), noise_images(2)
    queries = [vlm.Query(question, image, prompt) for image, question, _ in SAMPLES]
    prefixes = vlm.encode_prefixes(turned, images)
    answers = vlm.answer(turned, queries, prefixes, max_new_tokens=4, batch_size=8)
    model = resized(turned, prompt)
    for query, answer in zip(queries, answers, strict=True):
        suffix = vlm.suffix(turned, prompt, query.question, image=query.image is not None)
        inputs = whole(turned, suffix, [] if query.image is None else [images[query.image]])
        with torch.inference_mode():
            logits = model(**inputs).logits[0, -1]
        options = [turned.layout.first_id(option) for option in ("Yes", "No")]
        torch.testing.assert_close(torch.tensor(answer.probabilities), logits[options].softmax(-1))
        inputs["max_new_tokens"], length = 4, inputs["input_ids"].shape[1]
        ids = model.generate(**inputs, do_sample=False)[0, length:].tolist()
        ids = [i for i in ids if i != turned.tokenizer.eos_token_id]
        assert answer.text == turned.layout.decode(ids, turned.vocab_size, [prompt])


def test_the_definition_stands_before_the_photo(turned: vlm.Base) -> None:
    prompt = soft_prompt(turned, "bo", 2)
    text = turned.layout.describe(prompt.text("<bo>", LATENT), image=True)
    assert text.removeprefix("Be brief. ") == (
        "<bo> is <latent><latent>. USER: <image>\n{question} ASSISTANT: {answer}</s>"
    )
    text = turned.layout.describe(prompt.text("<bo>", LATENT), image=False)
    assert text.endswith("<bo> is <latent><latent>. USER: {question} ASSISTANT: {answer}</s>")


def test_a_latent_token_that_is_said_is_no_word(base: vlm.Base) -> None:
    first, prompts = (
        base.vocab_size,
        [soft_prompt(base, "bo", 3), soft_prompt(base, "mam", 2, latent_output_rows=True)],
    )
    ids = [first, first + 4, first + 6]
    assert base.layout.decode(ids, first, prompts) == "<bo><mam><latent>"


def test_latent_tokens_of_several_subjects_are_said_as_the_plain_model_says_them(base: vlm.Base) -> None:
    prompts = (
        soft_prompt(base, "bo", 2, latent_output_rows=True),
        soft_prompt(base, "mam", 3, 1, latent_output_rows=True),
    )
    (answer,) = vlm.answer(
        base,
        [vlm.Query("Is <mam> or <bo> here?", None, prompts)],
        vlm.encode_prefixes(base, []),
        max_new_tokens=6,
        batch_size=1,
    )
    suffix = vlm.suffix(base, prompts, "Is <mam> or <bo> here?", image=False)
    inputs = whole(base, suffix, [], image=False)
    ids = resized(base, *prompts).generate(**inputs, max_new_tokens=6, do_sample=False)[0]
    ids = [i for i in ids[inputs["input_ids"].shape[1] :].tolist() if i != base.tokenizer.eos_token_id]
    assert answer.text == base.layout.decode(ids, base.vocab_size, prompts)


def leaves(prompt: vlm.SoftPrompt) -> vlm.SoftPrompt:
    """The same rows, ready for gradients."""
    rows = (values.clone().requires_grad_() for values in (prompt.embeddings, prompt.output_row))
    return vlm.SoftPrompt(prompt.subject, *rows)


def whole(base: vlm.Base, suffix: vlm.Suffix, images: list, image: bool = True) -> dict[str, torch.Tensor]:
    """What transformers is given of a sequence whose photo stands in the suffix."""
    before = base.tokenizer(base.layout.prefix_text(image)).input_ids
    ids = torch.tensor([before + suffix.ids])
    pixels = (
        {"pixel_values": base.processor.image_processor(images, return_tensors="pt").pixel_values}
        if images
        else {}
    )
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), **pixels}
