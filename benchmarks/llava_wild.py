"""python -m benchmarks.llava_wild FOLDER ANSWERS --url URL --model NAME: LLaVA-Bench (In-the-Wild), judged.

FOLDER holds the benchmark as published: questions.jsonl, context.jsonl and answers_gpt4.jsonl. ANSWERS is
what `python -m commands.ask FOLDER/questions.jsonl ANSWERS --images FOLDER/images` wrote, with --subject of
a subject that was learned (the paper's Table 8), with --method base of the base. A judge behind an
OpenAI-compatible server reads what the photo shows, the question, the published answer and ours, and gives
both a score; it sees no photo. The result is ours by theirs, in percent. Replies without two scores are
counted, and left out of the means. Writes ANSWERS.judged.jsonl, and keeps replies as the method `endpoint`
does.
"""

import argparse
import json
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from commands.convert.files import read_lines, write_lines
from common.core import errors
from common.methods.endpoint.client import Client, RequestLimits

PROMPT = """You are to judge two answers to a question about a photo that you cannot see. What it shows:

{context}

Question: {question}

Answer 1: {reference}

Answer 2: {answer}

Judge how helpful, relevant, right and detailed each answer is, whichever comes first. Write into the first \
line nothing but two numbers from 1 to 10 with a space between them: the score of answer 1, and that of \
answer 2. Then explain them."""
LIMITS = RequestLimits(timeout_s=120.0, retries=5, backoff_s=1.0, concurrency=4)
MAX_TOKENS = 1024  # of a reply, as published
SCORES = re.compile(r"(\d+(?:\.\d+)?) +(\d+(?:\.\d+)?)")


class WildQuestion(BaseModel):
    """A line of questions.jsonl."""

    question_id: int
    image: str
    category: str  # conv | detail | complex
    text: str


class Context(BaseModel):
    """A line of context.jsonl: what a human wrote of a photo."""

    image: str
    caption: str


class WildAnswer(BaseModel):
    """A line of answers, published ones or ours."""

    question_id: int
    text: str


class Judged(NamedTuple):
    """A question with both scores, 1 to 10, of the published answer and of ours; None if none were given."""

    question: WildQuestion
    scores: tuple[float, float] | None
    reply: str


def main(*words: str) -> str:
    """Let the judge read all answers, write what it said, and return the scores by category."""
    options = _options(words)
    client = Client(options.url, options.key_variable, LIMITS, "judge")
    judged = judge(options.folder, options.answers, client, options.model)
    rows = [
        {"question_id": one.question.question_id, "category": one.question.category}
        | {"scores": one.scores, "review": one.reply}
        for one in judged
    ]
    write_lines(options.answers.with_suffix(".judged.jsonl"), rows)
    said = ", ".join(f"{name} {value:.1f}" for name, value in relative_scores(judged).items())
    failed = sum(one.scores is None for one in judged)
    return f"{len(judged)} answers, {failed} without scores: {said or 'nothing to compare'}"


def judge(folder: Path, answers: Path, client: Client, model: str) -> list[Judged]:
    """Ask the judge about every question; UserError for an unreadable file, a question without an answer."""
    questions = read_lines(folder / "questions.jsonl", WildQuestion, "LLaVA-Bench's questions are expected")
    contexts = read_lines(folder / "context.jsonl", Context, "LLaVA-Bench's captions are expected")
    captions = {context.image: context.caption for context in contexts}
    references, ours = (_texts(path) for path in (folder / "answers_gpt4.jsonl", answers))
    for question in questions:
        for known, path in ((references, folder / "answers_gpt4.jsonl"), (ours, answers)):
            if question.question_id not in known:
                raise errors.UserError(f"{path} has no answer to question {question.question_id}: add it")
        if question.image not in captions:
            raise errors.UserError(f"{folder / 'context.jsonl'} has no caption of {question.image}: add it")
    prompts = [
        PROMPT.format(
            context=captions[question.image],
            question=question.text,
            reference=references[question.question_id],
            answer=ours[question.question_id],
        )
        for question in questions
    ]
    bodies = [
        {
            "model": model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "max_tokens": MAX_TOKENS,
        }
        for prompt in prompts
    ]
    replies = client.ask_all(bodies, "judge")
    return [
        Judged(question, parse_scores(reply.text), reply.text)
        for question, reply in zip(questions, replies, strict=True)
    ]


def parse_scores(reply: str) -> tuple[float, float] | None:
    """Two numbers from 1 to 10 that are all of the first line, or None."""
    match = SCORES.fullmatch(reply.partition("\n")[0].strip())
    scores = (float(match[1]), float(match[2])) if match else None
    return scores if scores and all(1 <= score <= 10 for score in scores) else None


def relative_scores(judged: Sequence[Judged]) -> dict[str, float]:
    """Ours by theirs, in percent, of all and by category; of what was given scores."""
    scored = [(one.question.category, one.scores) for one in judged if one.scores]
    of = {"all": [scores for _, scores in scored]}
    for category in sorted({category for category, _ in scored}):
        of[category] = [scores for name, scores in scored if name == category]
    return {
        name: 100
        * statistics.mean(ours for _, ours in pairs)
        / statistics.mean(theirs for theirs, _ in pairs)
        for name, pairs in of.items()
        if pairs
    }


def _texts(path: Path) -> dict[int, str]:
    rows = read_lines(
        path, WildAnswer, f"{json.dumps({'question_id': 0, 'text': '…'}, ensure_ascii=False)} expected"
    )
    return {row.question_id: row.text for row in rows}


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.llava_wild", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the benchmark's files")
    parser.add_argument("answers", metavar="ANSWERS", type=Path, help="our answers, as JSON lines")
    parser.add_argument("--url", required=True, help="of the judge's server, as http://127.0.0.1:8000/v1")
    parser.add_argument("--model", required=True, help="the judge, as the server calls it")
    parser.add_argument("--key-variable", help="environment variable that holds the server's key")
    return parser.parse_args(words)


if __name__ == "__main__":
    errors.run(main)
