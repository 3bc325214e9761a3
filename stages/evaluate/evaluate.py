"""The stage itself: ask what is measured in one pass, what stands apart in others, and write the tables."""

from collections.abc import Sequence

from common.core import images, io, paths, schema
from common.methods.interface import Responder
from stages.evaluate.benchmark import Benchmark, Row
from stages.evaluate.eval_set import EvalSet
from stages.evaluate.photos import THUMBNAIL, EvalPhoto


def evaluate(responder: Responder, eval_set: EvalSet, benchmarks: Sequence[Benchmark]) -> dict[str, int]:
    """Write data/predictions/<method>/*.parquet and return how many photos and answers there are."""
    in_one_pass = [benchmark for benchmark in benchmarks if not benchmark.apart]
    counts = _ask(responder, in_one_pass)
    for benchmark in benchmarks:
        if benchmark.apart:
            counts |= _ask(responder, [benchmark])
    _write_costs_and_thumbnails(eval_set, responder)
    photos = {key for benchmark in in_one_pass for key in benchmark.photos}
    return {"photos": len(photos)} | counts


def _ask(responder: Responder, benchmarks: Sequence[Benchmark]) -> dict[str, int]:
    """Ask these benchmarks' questions in one pass, each once; write their tables, and return their rows."""
    photos = {key: photo for benchmark in benchmarks for key, photo in benchmark.photos.items()}
    asked = {benchmark.name: benchmark.build_requests(responder) for benchmark in benchmarks}
    requests = list(dict.fromkeys(request for rows in asked.values() for _, request in rows))
    answers = dict(zip(requests, responder.answers(photos, requests) if requests else [], strict=True))
    for benchmark in benchmarks:
        rows = [benchmark.parse_response(row, answers[request]) for row, request in asked[benchmark.name]]
        path = paths.predictions(responder.name, benchmark.name)
        io.write_parquet(path, rows, benchmark.schema, benchmark.sort_by)
    return {name: len(rows) for name, rows in asked.items()}


def _write_costs_and_thumbnails(eval_set: EvalSet, responder: Responder) -> None:
    """What the report needs besides answers: what each method costs, and the test photos, small."""
    known = [
        {"method": name, "title": title, "subject": subject} | responder.cost(name, subject)._asdict()
        for name, title in responder.titles.items()
        for subject in eval_set.questions
    ]
    small = [thumbnail(photo) for photo in eval_set.photos.values()]
    for name, rows, columns, sort_by in (
        ("methods", known, schema.METHODS, ("method", "subject")),
        ("photos", small, schema.TEST_PHOTOS, ("owner", "group", "photo")),
    ):
        io.write_parquet(paths.predictions(responder.name, name), rows, columns, sort_by)


def thumbnail(photo: EvalPhoto) -> Row:
    """A row of TEST_PHOTOS: the photo, small, so that the report need not open truth folders."""
    data = images.thumbnail(images.load_image(photo.path), THUMBNAIL)
    return {
        "owner": photo.owner,
        "group": photo.group,
        "photo": photo.path.name,
        "photo_sha256": photo.sha256,
        "image": {"bytes": data, "path": photo.path.with_suffix(".jpg").name},
    }
