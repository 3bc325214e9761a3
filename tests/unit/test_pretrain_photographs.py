"""Pretraining on photographs: facts of captions, questions, samples, and weights that compare at once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from commands.pretrain.language import hidden_states
from commands.pretrain.photographs import (
    captions,
    forms,
    geometry,
    groups,
    looks,
    model,
    naming,
    questions,
    recipe,
    samples,
    settings,
    tower,
    train,
    verdict,
    words,
)
from commands.pretrain.photographs.looks import Material, Shot
from commands.pretrain.photographs.objects import CLASSES
from commands.pretrain.trees import Tree, Writer, collate

DOG = (
    "A brown and white dog is running through the snow .",
    "A dog is running in the snow",
    "A small brown and white dog runs in the snow with a red collar .",
    "The dog runs .",
    "a dog runs across a snowy field",
)
MAN = (
    "A man in a blue shirt stands on the street .",
    "A man wearing a blue shirt is standing on a sidewalk .",
    "A man stands .",
    "Man on the street with a bicycle .",
    "A tall man in a blue shirt",
)
TOKENS, WIDTH = 49, 24
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,  # of 16 channels
    "initializer_range": 0.1,
}


@pytest.fixture(scope="module")
def facts() -> list[captions.Facts]:
    return [captions.read(DOG), captions.read(MAN)] * 4


@pytest.fixture(scope="module")
def tokenizer(facts: list[captions.Facts]) -> PreTrainedTokenizerFast:
    return words.build(facts, 900, 0)


@pytest.fixture(scope="module")
def shown(facts: list[captions.Facts]) -> Material:
    """Eight photos, each with a content of its own in every token, in two views that differ a little."""
    rng = np.random.default_rng(0)
    content = rng.normal(size=(8, 1, WIDTH))
    views = [
        np.float16(content + 0.5 * rng.normal(size=(8, TOKENS, WIDTH)) + 0.2 * rng.normal(size=(8, 1, WIDTH)))
        for _ in range(2)
    ]
    pooled = [view.astype(np.float32).mean(1) for view in views]
    return Material(views, facts, looks.nearest(pooled[0], 3), np.ones((1000, WIDTH), np.float32))


def test_facts_are_what_most_captions_say():
    dog, man = captions.read(DOG), captions.read(MAN)
    assert (dog.kind, dog.colors, dog.place, dog.action) == (
        "dog",
        ("brown", "white"),
        "in the snow",
        "running",
    )
    assert dog.phrase == "a small brown and white dog"
    assert man.garments == (("shirt", "blue"),)
    assert man.place == "on the street"
    assert "bike" in man.present
    assert "bike" not in man.absent("vehicle")
    assert not man.absent("person"), "captions do not tell people apart well enough to deny one"


def test_wrong_values_are_none_that_captions_confuse():
    dog = captions.read(DOG)
    assert not {"brown", "white", "tan"} & set(questions.others("color", dog))
    assert not {"in the snow", "in the mountains", "in a field"} & set(questions.others("place", dog))


def test_yes_and_no_are_asked_alike_often(facts: list[captions.Facts]):
    rng = np.random.default_rng(0)
    asked = [forms.ask("probe", "the subject", facts[0], rng) for _ in range(400)]
    assert 0.4 < np.mean([answer == "Yes" for _, answer in asked]) < 0.6


def test_a_kind_belongs_to_one_of_two_groups():
    rng = np.random.default_rng(0)
    for kind, right in (
        ("woman", "a person"),
        ("people", "a person"),
        ("cow", "an animal"),
        ("teapot", "a thing"),
    ):
        for _ in range(20):
            question, letter = groups.ask("<bo>", kind, rng)
            options = dict(line.split(". ", 1) for line in question.splitlines() if line[:2] in ("A.", "B."))
            assert options[letter] == right and set(options) == {"A", "B"}
            assert all(option in question.splitlines()[0] for option in options.values())


def test_any_text_comes_back_from_the_tokenizer(tokenizer: PreTrainedTokenizerFast):
    text = "Is <xq7> naïve — or 犬?\nA. yes"
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


@pytest.mark.parametrize("course", settings.settings().courses, ids=lambda course: f"{course.steps} steps")
def test_every_leaf_ends_in_an_answer(
    course: settings.TrainingPhase, shown: Material, tokenizer: PreTrainedTokenizerFast
):
    sampler = samples.Sampler(Writer(tokenizer, TOKENS), shown, np.arange(8), course, (8, 16))
    rng = np.random.default_rng(0)
    for tree in (sampler.draw(rng) for _ in range(10)):
        texts = leaves(tokenizer, tree)
        assert texts
        for text in texts:
            assert text.startswith("<s>USER:")
            assert text.endswith("</s>")
            assert " ASSISTANT: " in text


def test_further_photos_are_asked_about_the_kind_of_object_in_them(
    shown: Material, tokenizer: PreTrainedTokenizerFast
):
    course = settings.TrainingPhase(steps=1, trees=1, photo={}, named=30)
    sampler = samples.Sampler(Writer(tokenizer, TOKENS), shown, np.arange(8), course, (8, 16))
    tree = sampler.draw(np.random.default_rng(0))
    objects = [shot.thing for (shot,) in tree.photos[1:] if shot.thing]
    assert len(tree.photos) == 31 and 15 < len(objects) < 30
    kinds = {number: kind for kind, numbers in CLASSES.items() for number in numbers}
    said = " ".join(leaves(tokenizer, tree))
    shown_kinds = {kinds[thing.classes[0][0]] for thing in objects}
    named = shown_kinds - {*captions.ANIMALS}  # nobody asks what "the cat" is
    assert all(f"{kind}.</s>" in said or f"{kind}</s>" in said for kind in named)


def leaves(tokenizer: PreTrainedTokenizerFast, tree: Tree) -> list[str]:
    """Text of each segment that has an answer, behind its ancestors."""
    segment = np.array(tree.segment)
    answered = sorted({one for one, label in zip(tree.segment, tree.labels, strict=True) if label >= 0})
    return [
        tokenizer.decode(np.array(tree.ids)[np.isin(segment, list(tree.ancestors[leaf]))])
        for leaf in answered
    ]


def begun(shown: Material, tokenizer: PreTrainedTokenizerFast, layers: int) -> tuple:
    """A new Llama of so many layers, its projector, and where they hold what."""
    torch.manual_seed(0)
    directions = np.eye(WIDTH, 64) + 0.01 * np.random.default_rng(1).normal(size=(WIDTH, 64))
    seen = shown.views[0].astype(np.float32).reshape(-1, WIDTH)
    sizes = SIZES | {"num_hidden_layers": layers}
    laid = settings.settings().comparison.model_copy(update={"channels": WIDTH})
    channels = model.Channels(SIZES["hidden_size"], WIDTH)
    llama = model.new_llama(tokenizer, sizes)
    model.begin(llama, tokenizer, laid)
    projector = model.new_projector(laid, torch.from_numpy(directions).float(), torch.from_numpy(seen))
    return llama, projector, channels


def fetched(
    begun: tuple, shown: Material, tokenizer: PreTrainedTokenizerFast, photo: int, references: list[int]
) -> float:
    """What the question's last word holds of how well references, a sentence each, match the photo."""
    llama, projector, channels = begun
    writer, tree = Writer(tokenizer, TOKENS), Tree()
    branch = writer.prompt(tree, -1, "USER: <image>\n", (Shot(0, photo),), begin=True)
    for reference in references:
        branch = writer.prompt(tree, branch, "<bo> is <image>.", (Shot(1, reference),), kept=range(9, 41, 2))
    writer.prompt(tree, branch, " Is <bo> here? ASSISTANT:")
    batch = collate([tree], tokenizer.pad_token_id, TOKENS)
    images = projector(torch.from_numpy(np.stack([shown.tokens(shots) for shots in batch.photos])))
    with torch.no_grad():
        return hidden_states(llama, batch, images)[0, -1, channels.fetched].item()


@pytest.mark.parametrize("count", [1, 3])
def test_a_new_model_tells_another_look_from_another_photo(
    shown: Material, tokenizer: PreTrainedTokenizerFast, count: int
):
    new = begun(shown, tokenizer, model.COMPARING)
    own = [fetched(new, shown, tokenizer, photo, [photo] * count) for photo in range(8)]
    other = [
        fetched(new, shown, tokenizer, photo, [(photo + shift) % 8] * count)
        for photo in range(8)
        for shift in (1, 3)
    ]
    assert np.mean([mine > theirs for mine in own for theirs in other]) > 0.95


def test_the_verdict_is_told_to_words_and_the_photo_s_mark_fades(
    shown: Material, tokenizer: PreTrainedTokenizerFast
):
    chosen = settings.settings()
    llama, projector, channels = begun(shown, tokenizer, model.COMPARING)
    verdict.tell(llama, chosen.comparison.model_copy(update={"channels": WIDTH}), chosen.verdict)
    word, mlp = llama.get_input_embeddings().weight[tokenizer.encode("dog")[-1]], model.connector(llama)

    def told(match: float, token: torch.Tensor) -> float:
        seen = token * token.square().mean().rsqrt()
        seen[channels.fetched] = match
        with torch.no_grad():
            return mlp(seen)[channels.match].item()

    low, high, size = chosen.verdict.low, chosen.verdict.high, chosen.verdict.size
    assert told(high + 1, word) == pytest.approx(size, rel=0.2)
    assert told(low - 1, word) == pytest.approx(-size, rel=0.2)
    photo = projector(torch.from_numpy(shown.tokens((Shot(0, 0),)))).detach()[0]
    assert told(high + 1, photo) == 0
    with torch.no_grad():
        left = photo + mlp(photo * photo.square().mean().rsqrt())
    mark = chosen.comparison.photo_mark
    assert left[channels.photo] == pytest.approx((1 - chosen.comparison.fading) * mark, abs=0.2 * mark)


def test_tokens_that_stand_out_are_given_the_name_of_their_kind(
    shown: Material, tokenizer: PreTrainedTokenizerFast
):
    chosen = settings.settings()
    assert chosen.naming is not None
    laid = chosen.comparison.model_copy(update={"channels": WIDTH})
    llama, projector, channels = begun(shown, tokenizer, model.COMPARING)
    weights = torch.from_numpy(np.float32(np.random.default_rng(2).normal(size=(3, WIDTH))))
    mlp, kinds = model.connector(llama), dict(zip(("dog", "street", "shirt"), weights, strict=True))
    seen = torch.from_numpy(shown.views[0].astype(np.float32).reshape(-1, WIDTH))
    naming.lay_names(llama, tokenizer, projector, laid, chosen.naming, kinds, seen)

    def written(tokens: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            images = projector(tokens)
            added = mlp(images * images.square().mean(1, keepdim=True).rsqrt())
        added[:, list(channels.reserved)] = 0
        return added

    words = [tokenizer.encode(f" {kind}", add_special_tokens=False)[0] for kind in kinds]
    names = llama.get_input_embeddings().weight.detach()[words]
    for kind, weight in enumerate(weights):
        far = 12 * (seen @ weight).std() * weight / weight.square().sum()
        added = written(seen[:20] + far)
        assert (added @ names.T).argmax(1).tolist() == [kind] * 20
        assert written(seen[:20]).norm(dim=1).max() < 0.2 * added.norm(dim=1).min()


def test_a_new_base_begins_with_all_that_is_laid(tokenizer: PreTrainedTokenizerFast, tmp_path: Path):
    chosen = settings.settings().model_copy(update={"neighbors": 3})
    views = np.float16(np.random.default_rng(0).normal(size=(2, 200, 2, tower.WIDTH)))
    geometry.write(views, tmp_path / "geometry.npz", chosen)
    directions = np.load(tmp_path / "geometry.npz")["directions"]
    individuals = looks.telling_directions([view.astype(np.float32).mean(1) for view in views], 50)
    first = chosen.comparison.individuals
    assert np.allclose(directions[:, :first], individuals[:, :first])
    assert not np.allclose(directions[:, first], individuals[:, first])  # there kinds begin
    begins = recipe.begin(tokenizer, tmp_path, chosen).model
    mlp, channels = model.connector(begins), model.Channels(256, chosen.comparison.channels)
    assert verdict.parts(begins)[2][channels.match].abs().max() > 0
    assert mlp.down_proj.weight[channels.photo, 0] < 0  # the mark fades
    assert mlp.down_proj.weight[:, naming.FIRST : naming.FIRST + len(CLASSES)].abs().sum(0).min() > 0


def test_training_leaves_the_comparison_as_it_was_laid(
    shown: Material, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
):
    llama, projector, channels = begun(shown, tokenizer, model.COMPARING + 1)
    weights = {**llama.state_dict(), **{f"projector.{k}": v for k, v in projector.state_dict().items()}}
    before = {name: weight.clone() for name, weight in weights.items()}
    course = settings.TrainingPhase(steps=3, trees=2, photo={"caption": 1}, references=2)
    rates = {"muon": 0.02, "adam": 0.01, "warmup": 1, "cooldown": 0.3}
    comparison = model.FrozenComparison(llama, projector, channels)
    learner = train.BaseTrainer(llama, projector, comparison, rates, 3)
    sampler = samples.Sampler(Writer(tokenizer, TOKENS), shown, np.arange(8), course, (8, 16))
    train.train(learner, tokenizer, [sampler], tmp_path / "state.pt", seed=0, ranks=(0,))
    changed = {name for name, weight in weights.items() if not torch.equal(before[name], weight)}
    laid = tuple(f"model.layers.{number}." for number in range(model.COMPARING))
    assert not {name for name in changed if name.startswith((*laid, "projector."))}
    words, marks = "model.embed_tokens.weight", (slice(None), channels.reserved)
    assert torch.equal(before[words][marks], weights[words][marks])
    assert {words, f"model.layers.{model.COMPARING}.mlp.up_proj.weight"} <= changed


def test_one_process_may_draw_for_all(shown: Material, tokenizer: PreTrainedTokenizerFast, tmp_path: Path):
    course = settings.TrainingPhase(steps=1, trees=2, photo={"caption": 1})
    rates = {"muon": 0.02, "adam": 0.01, "warmup": 1, "cooldown": 0.3}

    def drawn(*ranks: int) -> list[list[int]]:
        llama, projector, channels = begun(shown, tokenizer, model.COMPARING + 1)
        kept, trees = model.FrozenComparison(llama, projector, channels), []

        class Recorded(samples.Sampler):
            def draw(self, rng: np.random.Generator) -> Tree:
                trees.append(super().draw(rng))
                return trees[-1]

        sampler = Recorded(Writer(tokenizer, TOKENS), shown, np.arange(8), course, (8, 16))
        learner = train.BaseTrainer(llama, projector, kept, rates, 1)
        train.train(learner, tokenizer, [sampler], tmp_path / "state.pt", seed=0, ranks=ranks)
        return [tree.ids for tree in trees]

    assert drawn(0, 1) == drawn(0) + drawn(1)
