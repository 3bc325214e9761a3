"""What of a sample LoRA learns from: texts that would be read otherwise are named, and none is all masked."""

import pytest

from common import vlm
from common.core.errors import UserError
from common.methods.lora import sequences
from common.training.samples import Sample
from common.vlm.suffix import IGNORE
from tests.support import families, tiny
from tests.support.lora_helpers import IMAGES, SAMPLES


@pytest.fixture(scope="module", params=["llava", "fast_vlm"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> vlm.Base:
    build = {"llava": tiny.llava, **families.BUILDERS}[request.param]
    return vlm.load(str(build(tmp_path_factory.mktemp("model"))), system="Be brief.")


def test_a_text_that_would_be_read_otherwise_is_named(base: vlm.Base) -> None:
    for bad in (Sample("Is <image> here?", "Yes", None, None), Sample("Is it?", "Yes</s> No", None, None)):
        with pytest.raises(UserError, match=r"contains (<image>|</s>), which means something else"):
            sequences.examples(base, [*SAMPLES, bad], IMAGES)


def test_labels_that_would_slip_are_refused(base: vlm.Base) -> None:
    """Where ids of the parts are not those of the whole, what is counted by parts would stand elsewhere."""
    with pytest.raises(UserError, match="tokenizer merges across the end of"):
        base.layout.encode_continuation("USER: ba", "ll")


def test_no_sample_is_without_anything_to_learn(base: vlm.Base) -> None:
    """Of an empty answer the end is learned; ids are those of the whole text, so that no label slips."""
    empty = [Sample("Is it?", "", None, None), Sample("Is it?", "", 0, None)]
    made = sequences.examples(base, [*SAMPLES, *empty], IMAGES)
    end = base.tokenizer.eos_token_id
    for example in made:
        learned = [i for i, label in zip(example.ids, example.labels, strict=True) if label != IGNORE]
        assert learned[-1] == end and example.supervised == len(learned)
        assert base.tokenizer.decode(learned[:-1]).strip() == example.sample.answer
