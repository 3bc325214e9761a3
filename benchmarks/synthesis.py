"""python -m benchmarks.synthesis [--model NAME]: the base model's answers about a subject's photos.

Ours computes a photo's prefix once for all its questions and decodes them in batches. The reference calls
`generate` for one question at a time, image included; the alternative keeps image features and generates in
batches. Answers end at the end token, or, with random weights, which rarely say it, at the limit for all.
"""

from PIL import Image

from benchmarks import data, ours
from benchmarks.alternative import Featured
from benchmarks.compare import Benchmark, Measure, Taken
from benchmarks.plain import Whole, wholes
from benchmarks.reference import Plain
from common import vlm
from common.core import errors, params
from common.prompts.interview import CAPTION, DESCRIBE, neutral_names, questions_for
from common.prompts.prompt_sets import DRAWN
from common.training.samples import Sample

QUESTIONS = 12  # that the reference is timed on
AT_ONCE = 32  # questions that the alternative answers at once


def sequences(base: vlm.Base, model: str) -> list[Whole]:
    """Every question about every photo as a whole sequence, photo by photo."""
    _, kind, photos = data.interviewed(model)
    name = neutral_names(kind)[0]
    prompts = [*(question.text for question in questions_for(kind, DRAWN)), CAPTION, DESCRIBE]
    questions = [(photo, prompt.format(name=name)) for photo in range(len(photos)) for prompt in prompts]
    samples = [Sample(question, "", photo, None) for photo, question in questions]
    return wholes(base, None, samples, answered=False)


def engine(base: vlm.Base, model: str, of: Measure, one_in: int) -> Taken:
    """Ours, some photos."""
    asked, photos = len(sequences(base, model)), len(images(model))
    run, longest = photos // one_in, words()
    taken = of(lambda: ours.interview(base, model, run, longest))
    return Taken(taken * (photos / run), asked, asked * run // photos)


def reference(base: vlm.Base, model: str, of: Measure, one_in: int) -> Taken:
    """One `generate` for a question, for some questions."""
    asked = sequences(base, model)
    chosen = asked[:: one_in * len(asked) // QUESTIONS]
    plain, longest = Plain(base, images(model)), words()
    taken = of(lambda: [plain.generate(question, longest) for question in chosen])
    return Taken(taken * (len(asked) / len(chosen)), len(asked), len(chosen))


def alternative(base: vlm.Base, model: str, of: Measure, one_in: int) -> Taken:
    """Features, and `generate` in batches."""
    asked = sequences(base, model)
    chosen = asked[::one_in]
    batches = [chosen[start : start + AT_ONCE] for start in range(0, len(chosen), AT_ONCE)]
    made: list[Featured] = []
    longest = words()
    features = of(lambda: made.append(Featured(base, images(model))))
    answers = of(lambda: [made[0].generate(batch, longest) for batch in batches])
    return Taken(features + answers * (len(asked) / len(chosen)), len(asked), len(chosen))


def words() -> int:
    """The longest answer, in tokens. Reading them takes time, which no system is to be charged."""
    return params.load().synthesize.max_new_tokens


def images(model: str) -> list[Image.Image]:
    """The subject's photos."""
    return [photo.image for photo in data.interviewed(model)[2]]


def exactness(base: vlm.Base, model: str) -> dict[str, float | None]:
    """The share of answers about the first photo that are the reference's, word by word."""
    asked = [question for question in sequences(base, model) if question.image == 0]
    plain, featured = Plain(base, images(model)), Featured(base, images(model))
    longest = words()
    own = ours.interview(base, model, 1, longest)
    batch = [_text(base, ids) for ids in featured.generate(asked, longest)]
    expected = [_text(base, plain.generate(question, longest)) for question in asked]
    return {
        "max_relative_gradient_error": None,  # nothing is learned here
        "identical_answers": _same(own, expected),
        "identical_answers_alternative": _same(batch, expected),
    }


def _same(answers: list[str], expected: list[str]) -> float:
    return sum(map(str.__eq__, answers, expected)) / len(expected)


def _text(base: vlm.Base, ids: list[int]) -> str:
    return base.layout.decode(ids, base.vocab_size, ())


BENCHMARK = Benchmark(
    name="synthesis",
    title="Answers about a subject's photos (seconds of the whole, by the questions timed)",
    systems={"ours": engine, "reference": reference, "alternative": alternative},
    ratios={"": ("reference", "ours"), "_alternative": ("alternative", "ours")},
    exactness=exactness,
    counted=1,
    timed=1,
    enough=30.0,
)


def main(*arguments: str) -> str:
    """Measure the interview about one subject."""
    return BENCHMARK.main(arguments)


if __name__ == "__main__":
    errors.run(main)
