"""What is asked about an individual: each of its attributes, where it is, and what it looks like as a whole.

Plain data. The embedded base models learned these forms; the world's questions and the sample dialogs take
theirs from here. `{name}` stands for a neutral name or an identifier.
"""

OPEN = {
    "noun": (
        "What is {name}?",
        "What kind of thing is {name}?",
        "What is {name} shaped like?",
        "What kind of person is {name}?",
    ),
    "color": (
        "What color is {name}?",
        "What is the main color of {name}?",
        "What color does {name} mainly wear?",
    ),
    "second": (
        "What other color does {name} have?",
        "What is the other color of {name}?",
        "What other color does {name} wear?",
    ),
    "pattern": (
        "What pattern does {name} have?",
        "Is {name} plain or patterned?",
        "What pattern do the clothes of {name} have?",
        "Are the clothes of {name} plain or patterned?",
    ),
    "accessory": (
        "What accessory does {name} have?",
        "What accessory does {name} wear?",
        "What is on top of {name}?",
        "What is on the head or face of {name}?",
    ),
    "place": ("Where is {name}?", "In which place is {name}?"),
    "prop": ("What is next to {name}?", "What is beside {name}?"),
}
ONE_SENTENCE = "Describe {name} in one sentence."
WHOLE = (
    ONE_SENTENCE,
    "Give a short description of {name}.",
    "What does {name} look like?",
    "What helps to recognize {name}?",
)
PRESENCE = ("Is there a {thing} in this photo?", "Do you see a {thing}?", "Does this photo show a {thing}?")
# the form that suits people, where what is asked of things does not
OF_PEOPLE = {
    "noun": OPEN["noun"][3],
    "color": OPEN["color"][2],
    "second": OPEN["second"][2],
    "pattern": OPEN["pattern"][2],
    "accessory": OPEN["accessory"][1],
}
