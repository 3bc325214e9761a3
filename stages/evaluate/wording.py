"""What is asked, word for word, and the strict reading of what is answered.

The embedded base model was trained on these wordings, and LLaVA-1.5 knows them too (the A/B wording is its
own): change one and both need checking again.
"""

RECOGNITION = "Can you see <{subject}> in this photo? Answer the question using a single word or phrase."
CHOICE = "{question}\nA. {a}\nB. {b}\nAnswer with the option's letter from the given choices directly."
LETTERS = ("A", "B")


def recognition_question(subject: str) -> str:
    """The one question of the recognition test."""
    return RECOGNITION.format(subject=subject)


def choice_question(question: str, options: tuple[str, str], order: int) -> str:
    """A two-choice question with its options as written (order 0) or exchanged (order 1)."""
    a, b = options if order == 0 else options[::-1]
    return CHOICE.format(question=question, a=a, b=b)


def right_letter(answer: int, order: int) -> str:
    """The letter under which option number `answer` stands in this order."""
    return LETTERS[answer ^ order]


def parse(answer: str, allowed: tuple[str, ...]) -> str | None:
    """The allowed word that `answer` is, or None.

    Only surrounding whitespace, one final period and case are forgiven. "Yes, I can" and "A. ball" are no
    answers: a reader that searches for the word counts an echo of both options as right.
    """
    bare = answer.strip().removesuffix(".").casefold()
    return next((word for word in allowed if word.casefold() == bare), None)
