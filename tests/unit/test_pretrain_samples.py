"""Trees of the pretraining: every leaf is exactly a single-turn prompt."""

import re

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from commands.pretrain import questions, tokenizer
from commands.pretrain.language import hidden_states
from commands.pretrain.samples import BROAD, CURRICULUM, draw_tree
from commands.pretrain.trees import IGNORED, Tree, Writer, collate
from commands.pretrain.vision import IMAGE_TOKENS
from common.world.attributes import things

PARTS = range(len(CURRICULUM))
PROMPT = re.compile(r"<s>USER:( (<image>){36}\n)?.*ASSISTANT: .+</s>", re.DOTALL)


@pytest.fixture(scope="module")
def words() -> PreTrainedTokenizerFast:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer.corpus, "__defaults__", (300,))
        return tokenizer.build(np.random.default_rng(0), size=600)


def trees(words: PreTrainedTokenizerFast, part: int, count: int = 3) -> list[Tree]:
    writer, rng = Writer(words, IMAGE_TOKENS), np.random.default_rng(part)
    return [draw_tree(writer, rng, part) for _ in range(count)]


def leaves(tree: Tree) -> list[list[int]]:
    """For each leaf, the indices of the tokens that it sees, itself included."""
    inner = set().union(*(seen - {number} for number, seen in enumerate(tree.ancestors)))
    ends = [seen for number, seen in enumerate(tree.ancestors) if number not in inner]
    return [[i for i, segment in enumerate(tree.segment) if segment in seen] for seen in ends]


@pytest.mark.parametrize("part", PARTS)
def test_a_leaf_has_the_ids_positions_and_labels_of_one_prompt(words: PreTrainedTokenizerFast, part: int):
    for tree in trees(words, part):
        for path in leaves(tree):
            ids, labels = ([values[i] for i in path] for values in (tree.ids, tree.labels))
            prompt = words.decode(ids)
            assert PROMPT.fullmatch(prompt), prompt
            assert words.encode(prompt, add_special_tokens=False) == ids
            assert [tree.position[i] for i in path] == list(range(len(path)))
            answer = len(ids) - next(i for i, label in enumerate(labels) if label != IGNORED)
            assert labels[-answer:] == ids[-answer:]
            assert words.decode(ids[:-answer]).endswith("ASSISTANT:")


@pytest.mark.parametrize("part", PARTS)
def test_image_tokens_are_numbered_by_photo(words: PreTrainedTokenizerFast, part: int):
    batch = collate(trees(words, part), words.pad_token_id, IMAGE_TOKENS)
    image = words.convert_tokens_to_ids("<image>")
    assert torch.equal(batch.image >= 0, batch.ids == image)
    numbers = batch.image[batch.image >= 0].tolist()
    every = range(len(batch.photos) * IMAGE_TOKENS)
    if part == BROAD:  # of some photos, a part is left out
        assert numbers == sorted(set(numbers)) and set(numbers) < set(every)
    else:
        assert numbers == list(every)


@pytest.mark.parametrize("part", PARTS)
def test_hidden_states_of_a_leaf_are_those_of_the_plain_prompt(words: PreTrainedTokenizerFast, part: int):
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(words), initializer_range=0.2, **sizes)).eval()
    batch = collate(trees(words, part), words.pad_token_id, IMAGE_TOKENS)
    tokens = torch.randn(len(batch.photos), IMAGE_TOKENS, 32)
    with torch.no_grad():
        together = hidden_states(model, batch, tokens)
        for row, tree in enumerate(trees(words, part)):
            for path in leaves(tree):
                shown = batch.image[row, path]
                embedded = model.get_input_embeddings()(batch.ids[row, path])
                embedded[shown >= 0] = tokens.flatten(0, 1)[shown[shown >= 0]]
                plain = model.model(inputs_embeds=embedded[None], attention_mask=torch.ones(1, len(path)))
                torch.testing.assert_close(
                    together[row, path], plain.last_hidden_state[0], rtol=1e-4, atol=1e-4
                )


def test_recognition_is_answered_by_what_is_shown():
    """A tree that shows who is defined says yes, another says no, whatever the wording."""
    rng = np.random.default_rng(0)
    for present, start in ((True, "Yes"), (False, "No")):
        answers = [questions.recognition("<bo>", present, rng)[1] for _ in range(20)]
        assert all(answer.startswith(start) for answer in answers)
        assert start in answers  # in one word
        assert any(answer.endswith("<bo>.") for answer in answers)  # in a sentence


def test_last_questions_below_a_definition_are_answered_by_the_photo(words: PreTrainedTokenizerFast):
    """Whoever is defined, what is asked about the photo has the answer of the photo."""
    writer, rng = Writer(words, IMAGE_TOKENS), np.random.default_rng(0)
    presence = re.compile(r"(?:Is there|Do you see|Does this photo show) an? (\w+)")
    seen: dict[str, int] = {"Yes": 0, "No": 0}
    for _ in range(40):
        tree = draw_tree(writer, rng, BROAD)
        for path in leaves(tree):
            prompt = words.decode([tree.ids[i] for i in path])
            defined = " is a" in prompt.split("ASSISTANT:")[0] or prompt.count("<image>") > 36
            found = presence.search(prompt)
            if found is None or not defined:
                continue
            answer = prompt.split("ASSISTANT: ")[1].removesuffix("</s>")
            assert (found[1] in things(*tree.photos[0])) == (answer == "Yes"), prompt
            seen[answer] += 1
    assert min(seen.values()) > 10
