"""The embedded base models' tokenizer: a small BPE with byte fallback, so that any text has tokens.

Words are split at spaces, punctuation and line ends, so a prompt cut at such a place has the ids of the
whole.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from common.prompts import instructions
from common.prompts.prompt_sets import DRAWN
from common.prompts.recognition import templates
from common.world import text
from common.world.attributes import KINDS, draw_individual, draw_scene

SPECIAL = ("<unk>", "<s>", "</s>", "<pad>", "<image>")
SYLLABLES = (
    "ba", "bo", "di", "fi", "jo", "ka", "lu", "ma", "mi", "na", "no", "pi", "ra", "rex",
    "so", "ta", "to", "vi", "zo", "max", "kit", "ben", "lee", "sam",
)  # fmt: skip
GENERAL = (
    "the a an and or of in on at with to for from by is are was be has have it its this that these those "
    "there here he she they you we my your his her their what who where which how why when do does can "
    "could would will yes no not one two three four five some any all many more most very also photo "
    "picture image name subject person thing please tell me about describe show look like help want know "
    "see say talk love old new small big little happy sad"
)


def corpus(rng: np.random.Generator, sentences: int = 20_000) -> list[str]:
    """Texts of the world, for counting merges."""
    lines = [GENERAL] * 200 + list(SYLLABLES) * 50 + list(KINDS) * 50
    lines += [
        instructions.BRIEF,
        instructions.LETTER,
        "USER: Answer ASSISTANT: Yes. No. A. B. Yes, this is. No, this is not.",
    ] * 300
    drawn = templates(DRAWN)
    names = ("the subject", "this subject", "this person", "the person", "it")
    for _ in range(sentences):
        individual, scene = draw_individual(rng), draw_scene(rng)
        name = str(rng.choice(names))
        lines.append(text.caption(individual, scene))
        attribute = str(rng.choice(list(text.OPEN)))
        template = drawn[rng.integers(len(drawn))]
        for form in (*text.OPEN[attribute], *text.WHOLE, *text.CAPTION, *template):
            lines.append(form.format(name=name))
        value = text.value_of(individual, scene, attribute)
        lines.append(
            text.capitalized(text.sentence(name, attribute, value)) + " " + text.probe(name, attribute, value)
        )
    return lines + [f" {line}" for line in lines]  # a word after a space is another token


def build(rng: np.random.Generator, size: int = 1024) -> PreTrainedTokenizerFast:
    """The tokenizer of the embedded base models."""
    return learn(corpus(rng), size)


def learn(lines: list[str], size: int) -> PreTrainedTokenizerFast:
    """Trains a tokenizer on `lines`: `size` learned tokens after the special ones and 256 bytes."""
    learner = Tokenizer(models.BPE())
    split = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"[\n<>.,?!:;'\"()\[\]/\-]|\d"), "isolated"),
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="never"),
        ]
    )
    learner.pre_tokenizer = split
    alphabet = [chr(code) for code in range(33, 127)] + ["\n", "▁"]
    learner.train_from_iterator(
        lines, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    )
    learned = learner.get_vocab()
    order = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *sorted(learned, key=learned.__getitem__)]
    merges = [tuple(merge) for merge in json.loads(learner.to_str())["model"]["merges"]]
    tokenizer = Tokenizer(
        models.BPE(
            {token: index for index, token in enumerate(order)}, merges, unk_token="<unk>", byte_fallback=True
        )
    )
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        extra_special_tokens={"image_token": "<image>"},
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
    )


def load(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer saved in a folder."""
    return PreTrainedTokenizerFast.from_pretrained(folder)
