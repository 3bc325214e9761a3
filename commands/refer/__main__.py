"""Draw where a subject is in a photo: `python -m commands.refer <id> <photo> <drawn> [--method NAME]`."""

import argparse
from pathlib import Path

from commands.refer import boxes
from common.core import images, io, params, paths
from common.core.errors import UserError, run


def main(*words: str) -> str:
    """Ask for the subject's box, write the photo with it, and return it in pixels."""
    parser = argparse.ArgumentParser(prog="python -m commands.refer", description=__doc__)
    parser.add_argument("subject", metavar="id", help="id of the subject, as in params.yaml")
    parser.add_argument("photo", type=Path)
    parser.add_argument("drawn", type=Path, help="file to write: the photo with the box, a PNG")
    parser.add_argument("--method", default=paths.SOFT_PROMPT, help="what answers, such as myvlm")
    options = parser.parse_args(words)
    p = params.load()
    p.subject(options.subject)
    image = images.load_image(options.photo)

    from common.assistant import Assistant  # seconds, which a missing photo need not wait for

    said = boxes.ask(Assistant.of(p), options.method, options.subject, image, p.chat.max_new_tokens)
    box = boxes.parse(said)
    if box is None:
        raise UserError(f"{options.photo}: the answer {said!r} is no box: try another photo or method")
    pixels = boxes.in_pixels(box, image.size)
    io.write_bytes(options.drawn, images.png(boxes.draw(image, pixels)))
    return f"{options.drawn}: <{options.subject}> from {pixels[:2]} to {pixels[2:]}"


if __name__ == "__main__":
    run(main)
