"""Prefix and suffix ids are those of the whole string; only the answer is labeled."""

import copy
import shutil
from pathlib import Path

import pytest
from tokenizers import AddedToken, normalizers, pre_tokenizers

from common import vlm
from common.core.errors import UserError
from common.vlm.layout import Layout
from common.vlm.suffix import IGNORE
from tests.support import tiny
from tests.support.vlm_helpers import noise_images, soft_prompt

QUESTIONS = [
    "What color is the dog?",
    "  Two  spaces\nand a line",
    "Größe? 犬 🐶",
    "Is it <bo>, <bo>'s friend or <mam>?",
    "<bo>",
]


@pytest.fixture(scope="module", params=["first", "always", "normalizer"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> vlm.Base:
    """Llama tokenizers prepend a space to the text, to each part of it, or even to a part that has one."""
    base = vlm.load(str(tiny.llava(tmp_path_factory.mktemp("llava"))), system="Be brief.")
    backend = base.tokenizer.backend_tokenizer
    if request.param == "always":
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    if request.param == "normalizer":
        backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        backend.pre_tokenizer = None
    layout = Layout.of(base.processor, "Be brief.")
    return vlm.Base(base.model, base.processor, layout, base.name, base.fingerprint)


def whole_ids(base: vlm.Base, text: str, image: bool) -> list[int]:
    inputs = base.processor(text=[text], images=noise_images(1) if image else None, return_tensors="pt")
    return inputs["input_ids"][0].tolist()


def prefix_ids(base: vlm.Base, image: bool) -> list[int]:
    return whole_ids(base, base.layout.prefix_text(image), image)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("definition", [None, "<bo> is a red dog."])
def test_parts_concatenate_to_the_whole(base: vlm.Base, question: str, definition: str | None) -> None:
    said = f"{definition} {question}" if definition else question
    for image, head in [(True, "Be brief. USER: <image>\n"), (False, "Be brief. USER: ")]:
        asked = vlm.suffix(base, definition, question, image=image)
        assert prefix_ids(base, image) + asked.ids == whole_ids(base, f"{head}{said} ASSISTANT:", image)
        told = vlm.suffix(base, definition, question, "Yes, it is.", image=image)
        text = f"{head}{said} ASSISTANT: Yes, it is.</s>"
        assert prefix_ids(base, image) + told.ids == whole_ids(base, text, image)
        assert told.ids[: len(asked.ids)] == asked.ids


@pytest.mark.parametrize("latent_tokens", [0, 1, 3])
def test_soft_prompt_ids_are_those_of_a_tokenizer_with_the_tokens_added(
    base: vlm.Base, latent_tokens: int
) -> None:
    names = ["<bo>"] + [f"<token{i}>" for i in range(latent_tokens)]
    tokenizer = copy.deepcopy(base.tokenizer)
    tokenizer.add_tokens([AddedToken(name, normalized=False) for name in names])
    first = tokenizer.convert_tokens_to_ids("<bo>")
    prompt = soft_prompt(base, "bo", latent_tokens)
    definition = f"<bo> is {''.join(names[1:])}." if latent_tokens else "<bo>."
    for question in QUESTIONS:
        suffix = vlm.suffix(base, prompt, question, "No, <bo> is not here.", image=False)
        text = f"Be brief. USER: {definition} {question} ASSISTANT: No, <bo> is not here.</s>"
        expected = [base.vocab_size + i - first if i >= first else i for i in tokenizer(text).input_ids]
        assert prefix_ids(base, image=False) + suffix.ids == expected


def test_the_wording_is_llava_s_whatever_the_folder_is_called(tiny_llava: Path, tmp_path: Path) -> None:
    """The published code chose it by the folder's name, and had none for others."""
    said = "A chat between a curious human and an artificial intelligence assistant."
    for name in ("llava-v1.5-13b", "llava_ckpt"):
        shutil.copytree(tiny_llava, tmp_path / name)
        text = vlm.load(str(tmp_path / name), system=said).layout.describe("<bo> is <latent>.", image=True)
        assert text == f"{said} USER: <image>\n<bo> is <latent>. {{question}} ASSISTANT: {{answer}}</s>"


def test_only_the_answer_is_labelled(base: vlm.Base) -> None:
    prompt = soft_prompt(base, "bo", 3)
    asked = vlm.suffix(base, prompt, "Is <bo> here?")
    told = vlm.suffix(base, prompt, "Is <bo> here?", "Yes, <bo> is.")
    start = len(asked.ids)
    assert set(asked.labels) == {IGNORE} and told.labels[:start] == asked.labels
    assert told.labels[start:] == told.ids[start:]
    assert told.labels[-1] == base.tokenizer.eos_token_id
    assert told.labels.count(base.vocab_size) == 1  # the identifier, as an output
    assert base.layout.decode(told.labels[start:], base.vocab_size, [prompt]) == "Yes, <bo> is."
    assert told.ids.count(base.vocab_size + 3) == 1 and base.vocab_size + 3 not in told.labels


def test_rows_of_several_subjects_count_on_and_their_names_are_told_apart(base: vlm.Base) -> None:
    bo, rex = soft_prompt(base, "bo", 2), soft_prompt(base, "rex", 1)
    both = vlm.suffix(base, (bo, rex), "Is <rex> left of <bo>?", "No, <bo> is left of <rex> now")
    rows = [i - base.vocab_size for i in both.ids if i >= base.vocab_size]
    assert rows == [0, 1, 2, 3, 4, 3, 0, 0, 3]  # both definitions, the question, the answer
    said = [i for i in both.labels if i != IGNORE]
    assert base.layout.decode(said, base.vocab_size, [bo, rex]) == "No, <bo> is left of <rex> now"


def test_decoding_leaves_out_rows_beyond_the_tokenizer(base: vlm.Base) -> None:
    ids = base.tokenizer("a red dog", add_special_tokens=False).input_ids
    padding = list(range(len(base.tokenizer), base.vocab_size))
    assert padding and base.layout.decode(ids + padding, base.vocab_size, ()) == "a red dog"


def test_first_id_is_what_an_answer_starts_with(base: vlm.Base) -> None:
    for option in ("Yes", "No", "A", "B"):
        suffix = vlm.suffix(base, None, "Well?", option)
        assert base.layout.first_id(option) == next(i for i in suffix.labels if i != IGNORE)


@pytest.mark.parametrize("token", ["<image>", "</s>", "<s>", "<pad>"])
def test_reserved_tokens_are_refused(base: vlm.Base, token: str) -> None:
    for definition, question, answer in [(None, token, None), (token, "a", None), (None, "a", token)]:
        with pytest.raises(UserError, match="reword"):
            vlm.suffix(base, definition, question, answer)


def test_options_must_differ_at_once(base: vlm.Base) -> None:
    prefixes = vlm.encode_prefixes(base, [])
    with pytest.raises(UserError, match="same token"):
        vlm.answer(
            base, [vlm.Query("a")], prefixes, max_new_tokens=1, batch_size=1, options=("the dog", "the cat")
        )


@pytest.mark.parametrize(
    ("template", "system", "reason"),
    [
        (None, "", "no chat template"),
        ("USER: {{ messages[0].content[-1].text }}", "", "image before the question"),
        ("<image>{{ messages[0].content[-1].text }} {{ messages[0].content | length }}", "", "differently"),
        ("<image>{{ messages[-1].content[-1].text }}", "Be brief.", "drops the system sentence"),
    ],
)
def test_unfit_chat_templates_are_refused(
    base: vlm.Base, template: str | None, system: str, reason: str
) -> None:
    processor = copy.copy(base.processor)
    processor.chat_template = template
    with pytest.raises(UserError, match=reason):
        Layout.of(processor, system)
