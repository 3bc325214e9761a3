"""How people type what the base for photographs is asked.

`{name}` is a noun phrase such as "the dog", or an identifier such as `<bo>`; `{value}` and `{thing}` what may
be true or there.
"""

from common.prompts.captions import DESCRIBE
from common.prompts.recognition import BRIEF

OPEN = {  # attribute: questions that ask for it
    "kind": (
        "What kind of thing is {name}?", "What is {name}?", "What kind of animal or thing is {name}?",
        "Tell me what {name} is.", "What type of thing is {name}?", "Which kind of thing is {name}?",
    ),
    "color": (
        "What color is {name}?", "What is the main color of {name}?", "What colour is {name}?",
        "Which color does {name} have?", "Tell me the color of {name}.", "What color does {name} have?",
    ),
    "place": (
        "Where is {name}?", "Where is {name} in this photo?", "Where was this photo taken?",
        "Where can {name} be seen?", "In what place is {name}?", "Where's {name}?",
    ),
    "action": (
        "What is {name} doing?", "What is {name} doing in this photo?", "What's {name} doing?",
        "What does {name} do here?", "Tell me what {name} is doing.", "What is happening with {name}?",
    ),
}  # fmt: skip
OF_ANIMAL = ("What kind of animal is {name}?", "What animal is {name}?", "What sort of animal is {name}?")
OF_PERSON = ("What kind of person is {name}?", "Who is {name}?", "What kind of person is {name}?")
GROUP = (  # with options such as "an animal" and "a thing"
    "Is {name} {first} or {second}?", "What is {name}, {first} or {second}?",
    "Would you call {name} {first} or {second}?",
)  # fmt: skip
PROBE = {
    "kind": ("Is {name} {value}?", "Is this {value}?", "Would you say {name} is {value}?"),
    "color": ("Is {name} {value}?", "Is the color of {name} {value}?", "Is {name} mainly {value}?"),
    "place": ("Is {name} {value}?", "Is {name} {value} here?", "Was this taken {value}?"),
    "action": ("Is {name} {value}?", "Is {name} {value} in this photo?", "Do you see {name} {value}?"),
}
PRESENCE = (
    "Is there {thing} in this photo?", "Is there {thing} in the image?", "Do you see {thing}?",
    "Can you see {thing} in this photo?", "Does this photo show {thing}?", "Is {thing} visible?",
    "Is there {thing} here?", "Can {thing} be seen?",
)  # fmt: skip
CAPTION = (
    "Write a caption for this photo.", DESCRIBE, "What do you see?", "What is in this photo?",
    "What does this photo show?", "Describe the image.", "What is happening here?", "What's in this picture?",
    "Write a caption for this photo of {name}.", "Write a short caption.", "Tell me about this photo.",
    "What can you see in this picture?", "Describe what you see.",
)  # fmt: skip
WHOLE = (
    "Give a short description of {name}.", "Describe {name} in one sentence.", "What does {name} look like?",
    "How would you describe {name}?", "What helps to recognize {name}?", "Describe {name}.",
)  # fmt: skip
RECOGNITION = (  # beside the templates of assemble: short answers to what a person types
    "Is {name} here", "Is {name} in the photo?", "Is {name} in this image?", "Can you see {name}?",
    "Can you see {name} in this photo?", "Can you see if {name} is in this photo?", "Is that {name}?",
    "do you see {name} here?", "is this {name}", "Can you tell me if {name} is in this picture?",
    "Is it {name}?", "Could you check whether {name} is in this photo?", "See if {name} is in this photo.",
    "Is my {name} in this photo?", "Do you spot {name} anywhere?", "Is {name} in the picture or not?",
    "Can you see if {name} is in this photo? " + BRIEF, "Is {name} in the image? " + BRIEF,
)  # fmt: skip
