"""Soft prompts as they were after an epoch of training that was kept."""

from pathlib import Path

import pytest

from common import vlm
from common.assistant import Assistant, Conversation
from common.core import params, paths
from common.core.errors import UserError
from tests.support.helpers import set_params
from tests.support.vlm_helpers import save_soft_prompts, soft_prompt


@pytest.mark.usefixtures("workspace")
def test_an_earlier_epoch_answers_as_it_did(tiny_llava: Path) -> None:
    base = vlm.load(str(tiny_llava))
    set_params({"base.vlm.model": base.name})
    save_soft_prompts(base, "bo")
    earlier = soft_prompt(base, "bo", 3, seed=9)
    earlier.info["base"] = {"fingerprint": base.fingerprint}
    earlier.save(paths.subject_epochs("bo") / "1")
    assistant = Assistant.of(params.load())

    def said(method: str) -> vlm.Answer:
        return list(Conversation(assistant, ["bo"], method).ask("What is <bo>?", vlm.Decoding(8)))[-1]

    query = vlm.Query("What is <bo>?", None, earlier)
    (answer,) = vlm.answer(base, [query], vlm.encode_prefixes(base, []), max_new_tokens=8, batch_size=1)
    assert said("soft_prompt@1").text == answer.text != said("soft_prompt").text
    with pytest.raises(UserError, match="bo keeps no epoch 7: set train"):
        said("soft_prompt@7")
    with pytest.raises(UserError, match="base keeps no checkpoint 1"):
        said("base@1")
