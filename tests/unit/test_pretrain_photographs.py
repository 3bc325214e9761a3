"""Pretraining on photographs: samples, and weights that compare at once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from commands.pretrain.language import hidden_states
from commands.pretrain.photographs import looks, model, recipe, samples, settings, train
from commands.pretrain.photographs.looks import Ground, Material, Shot
from commands.pretrain.trees import Tree, Writer, collate
from common.core.errors import UserError
from tests.support.photographs import SIZES, TOKENS, WIDTH, facts, kind_of, shown, tokenizer

__all__ = ["facts", "shown", "tokenizer"]  # fixtures


def test_people_are_no_kind_where_the_phase_says_so(shown: Material, tokenizer: PreTrainedTokenizerFast):
    crowd = replace(shown, facts=[kind_of("people")] * 8)
    for people, kind in ((True, "people"), (False, None)):
        phase = settings.TrainingPhase(steps=1, trees=1, photo={}, people=people)
        sampler = samples.Sampler(Writer(tokenizer, TOKENS), crowd, np.arange(8), phase)
        assert {one.kind for one in sampler.facts} == {kind}


def test_a_ground_changes_what_lies_around_the_middle(shown: Material):
    plain, before = shown.tokens((Shot(0, 0),)), shown.tokens((Shot(0, 0, ground=Ground(1, 5, 2.5, 2.5)),))
    middle, corner = 24, 0
    assert np.array_equal(before[middle], plain[middle])
    assert np.array_equal(before[corner], shown.views[1][5][corner].astype(np.float32))


def test_mirroring_twice_is_the_photo(shown: Material):
    mirrored = shown.tokens((Shot(0, 3, mirrored=True),))
    assert np.array_equal(
        mirrored.reshape(7, 7, WIDTH)[:, ::-1].reshape(TOKENS, WIDTH), shown.tokens((Shot(0, 3),))
    )


def test_telling_directions_ignore_what_changes_between_views():
    rng = np.random.default_rng(0)
    who = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6))
    noise = 5 * rng.normal(size=(2, 200, 1)) * np.eye(6)[0]
    directions = looks.telling_directions([who + noise[0], who + noise[1]], 2, shrinkage=0.01)
    assert np.abs(directions[0]).max() < 0.1 * np.abs(directions).max()


def test_class_directions_find_the_means_of_classes():
    rng = np.random.default_rng(0)
    means, spread = rng.normal(size=(5, 8)), np.eye(8) + 0.2 * rng.normal(size=(8, 8))
    features = rng.normal(size=(4000, 8)) @ spread
    weights = means @ np.linalg.inv(spread.T @ spread)  # of the best linear classifier
    found = looks.class_directions(weights, features)
    centered = means - means.mean(0)
    cosine = (found * centered).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(centered, axis=1)
    assert cosine.min() > 0.99


PHASES = [phase for part in settings.settings().rounds for phase in part.phases]


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: f"{phase.steps} steps")
def test_every_leaf_ends_in_an_answer(
    phase: settings.TrainingPhase, shown: Material, tokenizer: PreTrainedTokenizerFast
):
    sampler = samples.Sampler(Writer(tokenizer, TOKENS), shown, np.arange(8), phase)
    rng = np.random.default_rng(0)
    for tree in (sampler.draw(rng) for _ in range(10)):
        texts = leaves(tokenizer, tree)
        assert texts
        for text in texts:
            assert text.startswith("<s>USER:")
            assert text.endswith("</s>")
            assert " ASSISTANT: " in text


def leaves(tokenizer: PreTrainedTokenizerFast, tree: Tree) -> list[str]:
    """Text of each segment that has an answer, behind its ancestors."""
    segment = np.array(tree.segment)
    answered = sorted({one for one, label in zip(tree.segment, tree.labels, strict=True) if label >= 0})
    return [
        tokenizer.decode(np.array(tree.ids)[np.isin(segment, list(tree.ancestors[leaf]))])
        for leaf in answered
    ]


def directions() -> np.ndarray:
    """Of a projector, (WIDTH, 64) float32: one for each of the tower's channels, and others."""
    noise = np.random.default_rng(1).normal(size=(WIDTH, 64))
    return np.float32(np.eye(WIDTH, 64) + 0.01 * noise)


def begun(shown: Material, tokenizer: PreTrainedTokenizerFast, layers: int) -> tuple:
    """A new Llama of so many layers, its projector, and where they hold what."""
    torch.manual_seed(0)
    seen = shown.views[0].astype(np.float32).reshape(-1, WIDTH)
    sizes = SIZES | {"num_hidden_layers": layers}
    laid = settings.settings().comparison.model_copy(update={"channels": WIDTH})
    channels = model.Channels(SIZES["hidden_size"], WIDTH)
    return *model.begin(tokenizer, sizes, laid, directions(), seen), channels


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


def test_training_leaves_the_comparison_as_it_was_laid(
    shown: Material, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
):
    llama, projector, channels = begun(shown, tokenizer, model.COMPARING + 1)
    weights = {**llama.state_dict(), **{f"projector.{k}": v for k, v in projector.state_dict().items()}}
    before = {name: weight.clone() for name, weight in weights.items()}
    phases = [settings.TrainingPhase(steps=3, trees=2, photo={"caption": 1}, references=2)]
    rates = {"muon": 0.02, "adam": 0.01, "warmup": 1, "cooldown": 0.3, "steps": 3}
    comparison = model.FrozenComparison(llama, projector, channels)
    learner = train.SubjectTrainer(llama, projector, comparison, rates)
    train.train(learner, tokenizer, shown, np.arange(8), phases, tmp_path / "state.pt", seed=0, rank=0)
    changed = {name for name, weight in weights.items() if not torch.equal(before[name], weight)}
    laid = tuple(f"model.layers.{number}." for number in range(model.COMPARING))
    assert not {name for name in changed if name.startswith((*laid, "projector."))}
    words, marks = "model.embed_tokens.weight", (slice(None), channels.reserved)
    assert torch.equal(before[words][marks], weights[words][marks])
    assert {words, f"model.layers.{model.COMPARING}.mlp.up_proj.weight"} <= changed


def test_a_further_round_goes_on_from_the_weights_as_they_are_shipped(
    shown: Material, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
):
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    tokens = shown.views[0].astype(np.float32).reshape(-1, WIDTH)
    np.savez(tmp_path / "geometry.npz", directions=directions(), tokens=tokens)
    shipped = settings.settings()
    chosen = shipped.model_copy(
        update={
            "llama": shipped.llama | SIZES | {"num_hidden_layers": model.COMPARING + 1},
            "comparison": shipped.comparison.model_copy(update={"channels": WIDTH}),
        }
    )
    first = recipe.begin(tokenizer, tmp_path, chosen)
    first.save(tmp_path / "state-0.pt")
    second = recipe.begin(tokenizer, tmp_path, chosen, 1)
    for before, after in ((first.model, second.model), (first.projector, second.projector)):
        for name, weight in before.state_dict().items():
            assert torch.equal(after.state_dict()[name], weight.half().float())
    assert second.step == 0 and second.optimizers.peak == (shipped.rounds[1].muon, shipped.rounds[1].adam)


def test_a_wrong_setting_is_named(tmp_path):
    text = settings.SETTINGS.read_text(encoding="utf-8").replace("muon: 0.015", "muon: -1.0")
    (tmp_path / "settings.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"rounds\.0\.muon"):
        settings.settings(tmp_path / "settings.yaml")


def test_more_channels_than_there_is_room_for_are_refused(tmp_path):
    text = settings.SETTINGS.read_text(encoding="utf-8").replace("channels: 112", "channels: 125")
    (tmp_path / "settings.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"comparison\.channels.*at most 124"):
        settings.settings(tmp_path / "settings.yaml")
