"""Which captions and questions teach a concept, and how the identifier gets in and out of texts."""

import numpy as np
import pytest
from PIL import Image

from common.methods.myvlm.augment import augmented
from common.methods.myvlm.settings import Changes
from common.methods.myvlm.training_pairs import Identifier, captions, training_pairs

BO = Identifier.of("bo", "sks")


def turn(kind: str, question: str, answer: str, photo: str = "1") -> dict:
    return {"kind": kind, "photo_sha256": photo, "question": question, "answer": answer}


SPOKEN = [
    turn("qa", "What color is <bo>?", "<bo> is red."),
    turn("qa", "What is <bo>?", "A dog."),
    turn("caption", "Write a caption for <bo>.", "A red dog next to a ball."),
    turn("caption", "Describe <bo>.", "<bo> is a red dog."),
    turn("caption", "Write a caption for <bo>.", "Nothing to see.", "2"),
    turn("dropped", "Describe <bo>.", "<bo> <bo> <bo>", "2"),
    turn("description_short", "Describe <bo>.", "<bo> is a red dog.", None),
]


def test_the_identifier_is_a_word_on_the_way_in_and_the_token_on_the_way_out() -> None:
    assert BO.with_word("Is <bo> here, <bo>?") == "Is sks here, sks?"
    assert (
        BO.with_token("Sks is here; asks and sksy are not. sks's")
        == "<bo> is here; asks and sksy are not. <bo>'s"
    )
    assert Identifier.of("my-dog", "{name} or {id}").word == "My-Dog or my-dog"


def test_captions_that_describe_the_subject_are_made_to_name_it() -> None:
    texts = (
        "A red dog on grass.",
        "On a red doggy.",
        "<bo> is a red dog.",
        "<bo> is a red dog.",
        "<bo> is big.",
    )
    said = [turn("caption", "", text) for text in texts]
    assert captions("<bo>", said) == ["<bo> on grass.", "<bo> is a red dog.", "<bo> is big."]


def test_a_caption_that_no_other_explains_gets_the_name_by_what_the_answers_call_the_subject() -> None:
    said = [
        turn("qa", "What kind of thing is <bo>?", "<bo> is a dog."),
        turn("qa", "What pattern does <bo> have?", "<bo> is a brown dog."),
        turn("caption", "", "A dog runs beside a dog."),
        turn("caption", "", "A brown dog in the water."),
        turn("caption", "", "A doghouse."),
    ]
    assert captions("<bo>", said) == ["<bo> runs beside a dog.", "<bo> in the water."]
    told = [*said, turn("caption", "", "<bo> is a brown dog.")]
    assert captions("<bo>", told)[-1] == "<bo> is a brown dog."


def test_where_no_caption_can_name_the_subject_its_answers_say_what_it_is() -> None:
    said = [
        turn("qa", "What color is <bo>?", "Red."),
        turn("qa", "What kind of thing is <bo>?", "<bo> is a dog."),
        turn("qa", "What does <bo> look like?", "<bo> is a black dog"),
        turn("qa", "Describe <bo>.", "<bo> is a dog."),
        turn("caption", "", "A man climbs a rock."),
    ]
    assert captions("<bo>", said) == ["<bo> is a dog.", "<bo> is a black dog."]
    assert captions("<bo>", [said[0], said[-1]]) == []


def test_captioning_teaches_photos_with_captions_of_the_subject() -> None:
    told = training_pairs(BO, SPOKEN, "Please caption this image of {identifier}.", "captioning")
    asked = "Please caption this image of sks."
    assert told == {"1": [[(asked, "sks next to a ball."), (asked, "sks is a red dog.")]], "2": []}


def test_vqa_adds_every_question_of_the_photo_as_a_task_of_its_own() -> None:
    told = training_pairs(BO, SPOKEN, "{identifier}?", "vqa")
    assert [len(task) for task in told["1"]] == [2, 1, 1]
    assert told["1"][1:] == [[("What color is sks?", "sks is red.")], [("What is sks?", "A dog.")]]


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        (Changes(flip=0.0, brightness=0.0, rotation=0), True),
        (Changes(flip=1.0, brightness=0.0, rotation=0), False),
        (Changes(flip=0.0, brightness=0.6, rotation=0), False),
        (Changes(flip=0.0, brightness=0.0, rotation=45), False),
    ],
)
def test_each_change_can_be_had_alone(changes: Changes, same: bool) -> None:
    image = Image.merge("RGB", [Image.linear_gradient("L").rotate(90)] * 3)
    made = augmented(image, changes, np.random.default_rng(0))
    assert made.size == image.size
    assert (made.tobytes() == image.tobytes()) is same
    if changes.flip:
        assert np.array_equal(np.asarray(made), np.asarray(image)[:, ::-1])
