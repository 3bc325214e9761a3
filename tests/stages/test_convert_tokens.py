"""Yo'LLaVA's pair of learned rows: written, read back, and refused where it could do harm or does not fit."""

import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML

from commands.convert.__main__ import main
from common import vlm
from common.core import io, paths
from common.core.errors import UserError
from tests.support.helpers import ROOT, set_params
from tests.support.vlm_helpers import soft_prompt

Trained = tuple[vlm.Base, vlm.SoftPrompt]


@pytest.fixture
def trained(workspace: Path, tiny_llava: Path) -> tuple[vlm.Base, vlm.SoftPrompt]:
    """A workspace where `bo` has a soft prompt of 5 latent tokens with output rows, for the tiny base."""
    set_params({"base.vlm.model": str(tiny_llava)})
    base = vlm.load(str(tiny_llava))
    return base, saved(base, paths.subject_model("bo"), all_rows=True)


def saved(base: vlm.Base, folder: Path, *, all_rows: bool) -> vlm.SoftPrompt:
    prompt = soft_prompt(base, "bo", 5, latent_output_rows=all_rows)
    prompt.info["base"] = {"model": base.name, "fingerprint": base.fingerprint}
    prompt.save(folder)
    return prompt


def test_tokens_round_trip(trained: Trained) -> None:
    base, prompt = trained
    assert main("tokens", "bo", "out/9-token.pt") == "out/9-token.pt and 9-lmhead.pt, 6 rows each"
    token, head = (torch.load(f"out/9-{name}.pt", weights_only=True) for name in ("token", "lmhead"))
    assert token.dtype == head.dtype == torch.bfloat16 and token.shape == head.shape == (6, 32)
    assert torch.equal(token, prompt.embeddings.bfloat16())
    assert torch.equal(head, prompt.output_row.bfloat16())

    assert main("tokens", "bo", "out/9-token.pt", "--read").startswith("6 rows read for <bo>")
    again = vlm.SoftPrompt.load(paths.subject_model("bo"), base.fingerprint)
    assert again.subject == "bo" and again.info["imported"]["9-token.pt"]
    assert torch.equal(again.embeddings, token.float()) and torch.equal(again.output_row, head.float())

    main("tokens", "bo", "again/best-token.pt")
    for name in ("token", "lmhead"):
        assert Path(f"again/best-{name}.pt").read_bytes() == Path(f"out/9-{name}.pt").read_bytes()

    Path("out/9-info.json").unlink()
    torch.save(
        torch.nn.Parameter(head[:1].cuda() if torch.cuda.is_available() else head[:1]), "out/9-lmhead.pt"
    )
    main("tokens", "bo", "out/9-token.pt", "--read")
    again = vlm.SoftPrompt.load(paths.subject_model("bo"), base.fingerprint)
    assert torch.equal(again.output_row, head[:1].float())


def test_rows_that_were_never_learned_are_not_written(trained: Trained) -> None:
    """The published loaders put the head file into all k+1 rows, so that one row would become everybody's."""
    base, _ = trained
    saved(base, paths.subject_model("bo"), all_rows=False)
    with pytest.raises(
        UserError, match=r"an output row for <bo> alone, .* each of 6 tokens: put soft_prompt_all"
    ):
        main("tokens", "bo", "out/9-token.pt")
    assert not Path("out").exists()
    section = YAML(typ="safe").load(ROOT / "benchmarks/further_methods.yaml")["soft_prompt_all_rows"]
    set_params({"methods.soft_prompt_all_rows": section})
    variant = saved(base, paths.fitted("soft_prompt_all_rows") / "bo", all_rows=True)
    main("tokens", "bo", "out/9-token.pt")
    head = torch.load("out/9-lmhead.pt", weights_only=True)
    table = torch.zeros(9, 32, dtype=torch.bfloat16)
    table[[3, 4, 5, 6, 7, 8]] = head  # as they do
    assert torch.equal(table[3:], variant.output_row.bfloat16()) and len(set(table[3:, 0].tolist())) == 6


def test_all_output_rows_come_back(trained: Trained) -> None:
    """As the published code learns them: nothing is left out, and nothing is made up."""
    base, _ = trained
    for path in ("a-token.pt", "a-lmhead.pt"):
        torch.save(torch.randn(6, 32).bfloat16(), path)
    main("tokens", "bo", "a-token.pt", "--read")
    again = vlm.SoftPrompt.load(paths.subject_model("bo"), base.fingerprint)
    head = torch.load("a-lmhead.pt", weights_only=True)
    assert torch.equal(again.output_row, head.float())
    assert main("tokens", "bo", "b-token.pt") == "b-token.pt and b-lmhead.pt, 6 rows each"
    for name in ("token", "lmhead"):
        one, other = (torch.load(f"{epoch}-{name}.pt", weights_only=True) for epoch in "ab")
        assert torch.equal(one, other)


def test_the_card_says_whose_rows_they_are(trained: Trained, tmp_path: Path) -> None:
    base, prompt = trained
    main("tokens", "bo", "a-token.pt")
    card = io.read_json(Path("a-info.json"))
    assert card["subject"] == "bo" and card["base"] == prompt.info["base"] and card["output_rows"] == 6
    Path("a-info.json").unlink()
    main("tokens", "bo", "a-token.pt", "--read")  # as the originals come
    assert len(vlm.SoftPrompt.load(paths.subject_model("bo"), base.fingerprint).output_row) == 6
    io.write_json(Path("a-info.json"), card | {"base": {"model": "other", "fingerprint": "sha256:0"}})
    with pytest.raises(UserError, match=r"learned for other, not for .*set base\.vlm\.model"):
        main("tokens", "bo", "a-token.pt", "--read")
    Path("a-info.json").write_text("[]")
    with pytest.raises(UserError, match=r"a-info\.json.* is expected: mend the file"):
        main("tokens", "bo", "a-token.pt", "--read")


class Code:
    """Runs when unpickled."""

    def __reduce__(self) -> tuple:
        return Path.touch, (Path("pwned"),)


def test_files_that_claim_more_than_they_hold_are_refused(trained: Trained) -> None:
    """Before anything is computed: layouts, types, sizes, and numbers that float32 does not have."""
    good, rows = torch.zeros(6, 32), Path("a-token.pt")
    torch.save(good, "a-lmhead.pt")
    for bad, reason in [
        (torch.zeros(1, 1).expand(1000, 30_000), "fewer numbers than it says"),
        (torch.zeros(37).as_strided((6, 32), (1, 1)), "fewer numbers than it says"),
        (torch.zeros(2000, 32), "no table of numbers of up to 1025 rows"),
        (good.to_sparse(), "no table of numbers"),
        (good.to_sparse_csr(), "no table of numbers"),
        (torch.zeros(6, 32, device="meta"), "no table of numbers"),
        (torch.zeros(6, 32, dtype=torch.complex64), "no table of numbers"),
        (torch.zeros(0, 32), "no table of numbers"),
        (torch.full((6, 32), 1e300, dtype=torch.float64), "too large for float32"),
        (good.double() - float("inf"), "infinity"),
    ]:
        torch.save(bad, rows)
        with pytest.raises(UserError, match=reason):
            main("tokens", "bo", str(rows), "--read")
    torch.save(good.T.contiguous().T, rows)  # another order in memory is as good
    main("tokens", "bo", str(rows), "--read")
    whole = bytearray(rows.read_bytes())
    place = whole.index(bytes(100))  # in the numbers
    whole[place] ^= 1
    rows.write_bytes(whole)
    with pytest.raises(UserError, match=r"damaged.*checksum"):
        main("tokens", "bo", str(rows), "--read")
    with zipfile.ZipFile(rows, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", bytes(10**6))
    with pytest.raises(UserError, match="damaged"):
        main("tokens", "bo", str(rows), "--read")


def test_bad_token_files_are_refused(trained: Trained) -> None:
    with pytest.raises(UserError, match="is not named <epoch>-token"):
        main("tokens", "bo", "rows.pt")
    good, rows = torch.zeros(6, 32), Path("a-token.pt")
    for bad, reason in [
        (None, "a-token.pt is missing"),
        ({"rows": good}, "no table of numbers"),
        (good[0], "no table of numbers"),
        (good.long(), "no table of numbers"),
        (good * float("nan"), "NaN"),
        (torch.zeros(6, 30), "same training"),
        (torch.zeros(4, 32), "same training"),
    ]:
        torch.save(good, "a-lmhead.pt")
        if bad is not None:
            torch.save(bad, rows)
        with pytest.raises(UserError, match=reason):
            main("tokens", "bo", str(rows), "--read")
    for name in ("a-token.pt", "a-lmhead.pt"):
        torch.save(torch.zeros(6, 30), name)
    with pytest.raises(UserError, match=r"rows of 30 numbers.*base\.vlm\.model"):
        main("tokens", "bo", str(rows), "--read")
    rows.write_bytes(pickle.dumps(Code(), protocol=2))
    with pytest.raises(UserError, match="holds code"):
        main("tokens", "bo", str(rows), "--read")
    torch.save(Code(), rows)
    with pytest.raises(UserError, match="holds code"):
        main("tokens", "bo", str(rows), "--read")
    rows.write_bytes(b"")
    with pytest.raises(UserError, match="damaged"):
        main("tokens", "bo", str(rows), "--read")
    assert not Path("pwned").exists()
