"""What MyVLM asks: nine questions about a photo beside its caption, and how its other models are asked.

Plain data. The intents are those of the published lists, the words are ours. `{name}` stands for the category
("the dog") while the base model answers, and for the subject's name afterwards.
"""

PERSON = (
    "What is {name} wearing?",
    "How is {name} dressed?",
    "What color is the shirt of {name}?",
    "What is {name} doing?",
    "Where is {name}?",
    "Where does {name} stand, counted from left to right?",
    "What does the hair of {name} look like?",
    "What is the facial expression of {name}?",
    "What is distinctive about {name} in this photo?",
)

THING = (
    "What color is {name}?",
    "Where is {name} in this photo?",
    "In what place is {name}?",
    "Is {name} the main thing in this photo?",
    "What does {name} touch?",
    "What is the surface of {name} like?",
    "What is {name} made of?",
    "Is {name} large or small?",
    "Is {name} near or far away?",
)

REFER = "[refer] {name} in the image"  # as MiniGPT-v2 is asked for a box
BLIP2_QUESTION = "Question: {question} Answer:"  # as BLIP-2's authors ask it


def questions_for(kind: str) -> tuple[str, ...]:
    """The nine questions for a subject of this declared kind (person, pet, landmark, …)."""
    return PERSON if kind == "person" else THING
