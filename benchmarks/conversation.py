"""python -m benchmarks.conversation [--model NAME]: a third question about one photo, asked of a soft prompt.

Ours goes on from the keys and values of photo and earlier turns. Without them, the photo goes through the
model again and the earlier turns are read anew, as by a client that sends the whole conversation each time.
Both answer as many tokens, with the same numbers.
"""

import statistics
import time
from collections.abc import Callable

import torch

from benchmarks import data, measure, models, report
from common import vlm
from common.core import errors, seed

ROUNDS, ENOUGH = 9, 120.0  # rounds at most, and seconds after which no further one begins
TOKENS = 24  # of the third answer
LATENT_TOKENS = 16
EARLIER = (("Where is {name}?", "{name} is in the city."), ("What is next to {name}?", "A red ball."))
QUESTION = "What does {name} look like?"


class Measured(dict[str, float]):
    """Seconds to the first token, and tokens a second from there on."""


def kept(base: vlm.Base, model: str) -> Callable[[], Measured]:
    """The third turn of a conversation that is had here."""
    return lambda: _timed(_begun(base, model))


def anew(base: vlm.Base, model: str) -> Callable[[], Measured]:
    """The same, photo and earlier turns included."""

    def run() -> Measured:
        start = time.perf_counter()
        dialog = _begun(base, model)
        measure.finish(base.device)
        return _timed(dialog, time.perf_counter() - start)

    return run


def _begun(base: vlm.Base, model: str) -> vlm.Dialog:
    """A conversation of two turns about a photo."""
    subject, _, photos = data.interviewed(model)
    draws = seed.torch_stream(0, "benchmark", "conversation")
    prompt = vlm.SoftPrompt.init_random(base.model, subject, LATENT_TOKENS, draws)
    dialog = vlm.Dialog(base, vlm.encode_prefixes(base, [photos[0].image], 1), 0)
    for number, (question, answer) in enumerate(EARLIER):
        texts = (text.format(name=prompt.token) for text in (question, answer))
        dialog.tell(*texts, None if number else prompt)
    return dialog


def _timed(dialog: vlm.Dialog, before: float = 0.0) -> Measured:
    """Ask the third question; `before` seconds are counted to the first token."""
    start = time.perf_counter()
    answers = dialog.ask(QUESTION.format(name="it"), decoding=vlm.Decoding(TOKENS))
    first = time.perf_counter() - start
    length = dialog.length
    for _ in answers:
        pass
    read = dialog.length - length
    rest = time.perf_counter() - start - first
    return Measured(first_s=before + first, tokens_per_s=read / rest if read else float("nan"))


def main(*arguments: str) -> str:
    """Measure, and write the numbers."""
    model = report.chosen_model(arguments)
    base = models.open_model(model)
    with torch.inference_mode():
        systems = {"kept": kept(base, model), "anew": anew(base, model)}
        *_, seconds = measure.alternate(systems, ROUNDS, ENOUGH)  # the last holds all
    rows = {
        name: {key: _spread([each[key] for each in runs]) for key in runs[0]}
        for name, runs in seconds.items()
    }
    pairs = zip(seconds["kept"], seconds["anew"], strict=True)
    ratios = [without["first_s"] / with_them["first_s"] for with_them, without in pairs]
    numbers = {"turns": len(EARLIER) + 1, "systems": rows, "first_token_ratio": _spread(ratios)}
    for name, of in rows.items():
        first, pace = of["first_s"][0], of["tokens_per_s"][0]
        print(f"{name:6} first token after {first * 1000:.0f} ms, then {pace:.0f} tokens a second")
    return str(report.write("conversation", base, model, numbers))


def _spread(values: list[float]) -> list[float]:
    """Median, lowest and highest."""
    return [round(value, 4) for value in (statistics.median(values), min(values), max(values))]


if __name__ == "__main__":
    errors.run(main)
