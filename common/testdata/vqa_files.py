"""What the files of TextVQA, VQAv2, GQA and ScienceQA must hold to be read."""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator

VqaBenchmark = Literal["textvqa", "vqav2", "gqa", "mme", "scienceqa"]  # called as their folders
VQA_BENCHMARKS: tuple[VqaBenchmark, ...] = get_args(VqaBenchmark)
Words = Annotated[str, BeforeValidator(str)]  # some copies have numbers where others have text


class TextRow(BaseModel):
    """A question of TextVQA."""

    question_id: Words
    image_id: str
    question: str
    answers: list[str] = []


class TextFile(BaseModel):
    """TextVQA's file."""

    data: list[TextRow]


class TextTokens(BaseModel):
    """What Rosetta read on an image of TextVQA."""

    image_id: str
    ocr_tokens: list[str]


class TextTokensFile(BaseModel):
    """TextVQA's file of OCR tokens."""

    data: list[TextTokens]


class CocoQuestion(BaseModel):
    """A question of VQAv2."""

    question_id: int
    image_id: int
    question: str


class CocoQuestions(BaseModel):
    """VQAv2's file of questions."""

    questions: list[CocoQuestion]


class CocoAnswer(BaseModel):
    """What one person said."""

    answer: Words


class CocoAnnotation(BaseModel):
    """What people said to a question of VQAv2."""

    question_id: int
    answer_type: str
    answers: list[CocoAnswer]


class CocoAnnotations(BaseModel):
    """VQAv2's file of answers."""

    annotations: list[CocoAnnotation]


class GqaRow(BaseModel):
    """A question of GQA."""

    imageId: Words  # noqa: N815  # GQA's name
    question: str
    answer: str | None = None


class Problem(BaseModel):
    """A question of ScienceQA."""

    question: str
    choices: list[str]
    answer: int
    hint: str = ""
    image: str | None = None
    subject: str = "all"
