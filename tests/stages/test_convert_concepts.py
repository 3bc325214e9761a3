"""MyVLM's head and embedding files: they come back, any iteration answers, and bad ones are refused."""

from pathlib import Path

import pytest
import torch

from commands.convert.__main__ import main
from common import vlm
from common.core import io, paths
from common.core.errors import UserError
from common.methods.myvlm import heads
from common.methods.myvlm.concept import Concept
from common.methods.myvlm.training_pairs import Identifier
from tests.support.helpers import set_params

FOLDER = paths.fitted("myvlm") / "bo"
HEAD, EMBEDDING = "out/CLIP-bo-step-500.pt", "out/concept_embeddings_llava_captioning.pt"


def unit(*shape: int, seed: int) -> torch.Tensor:
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(values).bfloat16().float()


@pytest.fixture
def base(workspace: Path, tiny_llava: Path, clip_folder: Path) -> vlm.Base:
    """A workspace where MyVLM has learned `bo`, with vectors after 2, 4 and 5 steps."""
    set_params({"base.vlm.model": str(tiny_llava), "base.clip.model": str(clip_folder)})
    base = vlm.load(str(tiny_llava))
    steps = {step: unit(1, 32, seed=step) for step in (2, 4, 5)}
    head = heads.LinearHead(0.5, torch.randn(2, 16), torch.randn(2))
    info = {"base": base.fingerprint, "mode": "captioning", "norm": "patch"}
    concept = Concept(Identifier("<bo>", "<bo>"), head, torch.rand(3, 2), steps[5], info)
    concept.save(FOLDER, steps, {"positives": []})
    return base


def test_head_and_embedding_files_come_back(base: vlm.Base) -> None:
    before = {path.name: io.read_safetensors(path) for path in FOLDER.glob("*.safetensors")}
    assert main("myvlm-head", "bo", HEAD) == f"{HEAD}: a head for embeddings of 16 numbers"
    assert main("myvlm-embedding", "bo", EMBEDDING) == f"{EMBEDDING}: vectors after 2, 4, 5 steps"
    head = torch.load(HEAD, weights_only=True)
    assert {name: tuple(values.shape) for name, values in head.items()} == {
        "classifier.weight": (2, 16),
        "classifier.bias": (2,),
    }
    found = torch.load(EMBEDDING, weights_only=True)
    assert list(found) == [1, 3, 4]  # counted from 0, as MyVLM does
    assert found[4]["values"].dtype == torch.bfloat16 and found[4]["keys"].shape == (3, 2)
    for path in FOLDER.iterdir():
        path.unlink()
    with pytest.raises(UserError, match="has no head yet: read it first"):
        main("myvlm-embedding", "bo", EMBEDDING, "--read")
    assert main("myvlm-head", "bo", HEAD, "--read").startswith("a head that fires from 0.5 on (keep it: `dvc")
    said = main("myvlm-embedding", "bo", EMBEDDING, "--read")
    assert said.startswith(
        "vectors after 2, 4, 5 steps, of which the last answers (keep it: `dvc commit -f fit"
    )
    for name, (tensors, info) in before.items():
        again, told = io.read_safetensors(FOLDER / name)
        assert told == info
        for key, values in tensors.items():
            torch.testing.assert_close(again[key], values, rtol=0, atol=4e-3)  # of bfloat16
    main("myvlm-head", "bo", "again/head.pt")
    assert Path("again/head.pt").read_bytes() == Path(HEAD).read_bytes()
    with pytest.raises(UserError, match="exists already"):
        main("myvlm-head", "bo", HEAD)


def test_any_kept_vector_may_answer(base: vlm.Base) -> None:
    for step in (2, 4, 5, None):
        concept = Concept.load(FOLDER, base, step)
        assert torch.equal(concept.values, unit(1, 32, seed=step or 5))
    with pytest.raises(
        UserError, match=r"no vector after 6 steps: set methods.myvlm.checkpoint to one of 2, 4"
    ):
        Concept.load(FOLDER, base, 6)


def test_vectors_of_any_length_are_taken_by_their_direction(base: vlm.Base) -> None:
    Path("out").mkdir()
    torch.save({99: {"keys": torch.rand(4, 2), "values": 7 * unit(1, 32, seed=1)}}, EMBEDDING)
    main("myvlm-embedding", "bo", EMBEDDING, "--read")
    concept = Concept.load(FOLDER, base, 100)
    torch.testing.assert_close(concept.values, torch.nn.functional.normalize(unit(1, 32, seed=1)))
    assert concept.keys.shape == (4, 2)


def test_files_that_do_not_fit_are_refused(base: vlm.Base) -> None:
    Path("out").mkdir()
    row = {"keys": torch.rand(4, 2), "values": torch.rand(1, 32)}
    for bad, reason in [
        ([row], "is not {iteration"),
        ({}, "is not {iteration"),
        ({"1": row}, "is not {iteration"),
        ({1: {"keys": row["keys"]}}, "is not {iteration"),
        ({1: row | {"values": torch.rand(1, 30)}}, r"1 x 30 numbers.*have 32: set base\.vlm\.model"),
        ({1: row | {"values": [1.0]}}, "no table of numbers"),
        ({1: row | {"keys": row["keys"] * float("nan")}}, "NaN"),
    ]:
        torch.save(bad, EMBEDDING)
        with pytest.raises(UserError, match=reason):
            main("myvlm-embedding", "bo", EMBEDDING, "--read")
    for bad, reason in [
        ({"classifier.weight": torch.rand(2, 16)}, "holds no head"),
        (
            {"classifier.weight": torch.rand(2, 9), "classifier.bias": torch.rand(2)},
            r"of 9 numbers, those of .* have 16: set methods\.myvlm\.head\.backbone in params.yaml",
        ),
        ({"classifier.weight": "a", "classifier.bias": torch.rand(2)}, "no table of numbers"),
        ({"classifier.weight": torch.rand(2, 16), "classifier.bias": "b"}, "holds no head"),
    ]:
        torch.save(bad, HEAD)
        with pytest.raises(UserError, match=reason):
            main("myvlm-head", "bo", HEAD, "--read")
    with pytest.raises(UserError, match=r"absent\.pt is missing: name the file that MyVLM's training wrote"):
        main("myvlm-head", "bo", "absent.pt", "--read")
    set_params({"-methods.myvlm": None})
    with pytest.raises(UserError, match="lists no method whose package is myvlm"):
        main("myvlm-head", "bo", HEAD, "--read")


def test_all_concepts_are_read_at_once(base: vlm.Base) -> None:
    """As published: heads and vectors in a folder for each concept and seed."""
    set_params(
        {"subjects": {name: {"kind": "object"} for name in ("bo", "myvlm-my-cat", "myvlm-skulls-mug")}}
    )
    main("myvlm-head", "bo", "bo.pt")
    main("myvlm-embedding", "bo", "vectors.pt")
    head = torch.load("bo.pt", weights_only=True)
    for number, name in enumerate(("my_cat", "skulls_mug"), 1):
        folder = Path(f"models/{name}/seed_0")
        folder.mkdir(parents=True)
        own = {key: values + number for key, values in head.items()}
        torch.save(own, folder / f"DFN5B-{name}-step-500.pt")
        (folder / "concept_embeddings_llava_captioning.pt").write_bytes(Path("vectors.pt").read_bytes())
    before = {path: path.read_bytes() for path in FOLDER.iterdir()}
    assert main("myvlm-head", "all", "models/{}/seed_0/*-step-500.pt", "--read") == "2 subjects"
    vectors = "models/{}/seed_0/concept_embeddings_llava_captioning.pt"
    assert main("myvlm-embedding", "all", str(Path(vectors).absolute()), "--read") == "2 subjects"
    for number, name in enumerate(("myvlm-my-cat", "myvlm-skulls-mug"), 1):
        concept = Concept.load(paths.fitted("myvlm") / name, base)
        assert concept.identifier.token == f"<{name}>"
        assert torch.equal(concept.head.weight, head["classifier.weight"] + number)
        torch.testing.assert_close(concept.values, unit(1, 32, seed=5), rtol=0, atol=4e-3)
    assert {path: path.read_bytes() for path in FOLDER.iterdir()} == before  # there is no file of bo's

    for words, reason in [
        (("models/my_cat/seed_0/a.pt", "--read"), "is the same for all subjects: write {} where"),
        (("heads/{}.pt", "--read"), "there for none of the subjects"),
        (("models/{}/seed_0/*.pt", "--read"), "may both be myvlm-my-cat's: write more"),
    ]:
        with pytest.raises(UserError, match=reason):
            main("myvlm-head", "all", *words)
    set_params({"subjects": {name: {"kind": "object"} for name in ("myvlm-my-cat", "myvlm-skulls-mug")}})
    main("myvlm-head", "all", "out/{}.pt")
    assert sorted(path.name for path in Path("out").iterdir()) == ["myvlm-my-cat.pt", "myvlm-skulls-mug.pt"]
