"""How a question asks to be answered: what both training and the test put behind it."""

BRIEF = "Answer the question using a single word or phrase."
LETTER = "Answer with the option's letter from the given choices directly."
LETTERS = ("A", "B", "C", "D", "E")
