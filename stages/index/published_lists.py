"""Lists of pictures as their publishers write them, as tables with the columns that `corpus_entry` knows.

COCO's captions (``captions_val2017.json``: images, annotations, licenses) and Open Images' CSV
(``validation-images-with-rotation.csv``: OriginalURL, License, Title, …). Owns these two forms; does not own
the columns' names (`corpus.corpus_entry`) or Parquet (`listing`).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.csv
from pydantic import BaseModel, ValidationError

from common.core import foreign
from common.core.errors import UserError
from common.core.progress import printable

Row = TypeVar("Row", bound=BaseModel)
COCO = (
    '{"images": [{"id", "coco_url", "license"}], "annotations": [{"image_id", "caption"}], "licenses": '
    '[{"id", "url"}]} is expected, as in captions_val2017.json'
)


class Image(BaseModel):
    """A picture of COCO."""

    id: int
    coco_url: str | None = None
    flickr_url: str | None = None
    license: int | None = None


class Annotation(BaseModel):
    """One of the captions of a picture; None in files without captions, as instances_val2017.json."""

    image_id: int
    caption: str | None = None


class License(BaseModel):
    """The terms that pictures name by number."""

    id: int
    url: str | None = None
    name: str | None = None


class CocoCaptions(BaseModel):
    """A file of COCO; its rows are checked one by one, for an odd one should not lose the others."""

    images: list[Any]
    annotations: list[Any] = []
    licenses: list[Any] = []


def coco(file: Path) -> pa.Table:
    """Columns url, caption (the first of each picture's that there is) and license (its address).

    A picture of another form has no url.

    Raises UserError when the file has another form.
    """
    published = foreign.read(file, CocoCaptions, COCO)
    captions: defaultdict[int, list[str]] = defaultdict(list)
    for annotation in filter(None, _checked(published.annotations, Annotation)):
        captions[annotation.image_id] += [annotation.caption] if annotation.caption else []
    terms = {one.id: one.url or one.name for one in filter(None, _checked(published.licenses, License))}
    nothing = Image(id=-1)
    shown = [image or nothing for image in _checked(published.images, Image)]
    return pa.table(
        {
            "url": pa.array([image.coco_url or image.flickr_url for image in shown], pa.string()),
            "caption": pa.array([next(iter(captions[image.id]), None) for image in shown], pa.string()),
            "license": pa.array([terms.get(image.license) for image in shown], pa.string()),
        }
    )


def _checked(rows: Sequence[Any], form: type[Row]) -> Iterator[Row | None]:
    """Each row, or None where it has another form."""
    for row in rows:
        try:
            yield form.model_validate(row)
        except ValidationError:
            yield None


def csv(file: Path) -> pa.Table:
    """All columns of a CSV with a header, as texts; a row with too many or too few fields has none of them.

    Raises UserError when it cannot be read as CSV.
    """
    ragged: list[Any] = []
    try:
        names = pa.csv.open_csv(file, parse_options=_parse([])).schema.names
        texts = pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.binary()), null_values=[""], strings_can_be_null=True
        )
        table = pa.csv.read_csv(file, parse_options=_parse(ragged), convert_options=texts)
    except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: names that are no UTF-8
        raise UserError(
            f"index.location: {file} is no CSV that can be read: {printable(error)}: save it as UTF-8"
        ) from None
    nothing = [pa.nulls(len(ragged), field.type) for field in table.schema]
    return pa.concat_tables([table, pa.Table.from_arrays(nothing, schema=table.schema)])


def _parse(ragged: list[Any]) -> pa.csv.ParseOptions:
    """How rows are told apart; `ragged` gains those with too many or too few fields."""

    def skip(row: Any) -> str:
        ragged.append(row)
        return "skip"

    return pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip)
