"""python -m benchmarks.captions [SENTENCE_MODEL]: MyVLM's measures of the captions in data/predictions.

Of the subject's own test photos, for every method and both wordings: recall, similarity of caption and photo,
and of caption and what a human wrote of the photo. That is the first of its captions in truth/captions.json
beside the photos, ``{file name: [caption, …]}`` as in MyVLM's data, or, without one, what a human wrote of
the subject. SENTENCE_MODEL is the folder of a Sentence-BERT, as in MyVLM; without it the base CLIP compares
the sentences, which it was not made to. Writes reports/captions.md.
"""

from functools import partial

from benchmarks.captions_similarity import embed_texts, score, sentence_model
from common import clip
from common.core import errors, images, io, params, paths, schema
from common.core.conversations import descriptions, read_conversations
from common.testdata import ground_truth

TABLE = paths.REPORTS / "captions.md"
HEAD = ("method", "question names the subject", "recall", "image similarity", "sentence similarity")


def main(folder: str = "") -> str:
    """Score the captions and write the table."""
    p = params.load()
    model = clip.Clip(p.base.clip.model, p.base.clip.revision, p.base.device.type)
    by_clip = partial(embed_texts, model)
    by_sentence = sentence_model(folder) if folder else by_clip
    lines = [HEAD, ("---", "---", *["---:"] * (len(HEAD) - 2))]
    described = {subject: _written(subject) for subject in p.subjects}
    captioned = {subject: of_photos(subject, p.subjects[subject].source) for subject in p.subjects}
    for method in (paths.SOFT_PROMPT, *p.methods):
        table = io.read_parquet(paths.predictions(method, "captions"), schema.CAPTIONS).to_pandas()
        for (name, named), rows in table[table.label].groupby(["method", "named"]):
            shown = [
                images.load_image(paths.test_photos(row.owner, p.subjects[row.owner].source) / row.photo)
                for row in rows.itertuples()
            ]
            scores = score(
                rows.answer.tolist(),
                [f"<{subject}>" for subject in rows.subject],
                [p.subjects[subject].category for subject in rows.subject],
                clip.embed(model, shown),
                [captioned[row.subject].get(row.photo, described[row.subject]) for row in rows.itertuples()],
                by_clip,
                by_sentence,
            )
            values = (f"{value:.2f}" for value in scores.values())
            lines.append((str(name), "yes" if named else "no", *values))
    by = folder or f"{p.base.clip.model} (no Sentence-BERT)"
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    io.write_bytes(
        TABLE, f"# Captions by MyVLM's measures\n\nSentences compared by {by}.\n\n{text}\n".encode()
    )
    return f"{len(lines) - 2} rows, {TABLE}"


def of_photos(subject: str, source: str) -> dict[str, str]:
    """What a human wrote of test photos, by name, with the subject as ``<id>``; none without a file."""
    written = ground_truth.load_captions(subject, source)
    return {photo: captions[0] for photo, captions in written.items() if captions}


def _written(subject: str) -> str:
    """What a human wrote of the subject, else the base's short description."""
    described = descriptions(read_conversations(subject))
    return described.get("human") or described["short"]


if __name__ == "__main__":
    errors.run(main)
