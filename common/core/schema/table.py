"""How a schema is made, with the small header by which Hugging Face `datasets` decodes images."""

import json

import pyarrow as pa

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
TEXT, INTEGER, REAL, FLAG = pa.string(), pa.int32(), pa.float32(), pa.bool_()


def table(about: str, **columns: tuple[pa.DataType, str]) -> pa.Schema:
    """Make a schema of columns (name → type and a sentence) that `datasets` reads."""
    features = {
        name: {"_type": "Image"} if kind == IMAGE else {"dtype": _dtype(kind), "_type": "Value"}
        for name, (kind, _) in columns.items()
    }
    return pa.schema(
        [pa.field(name, kind, metadata={"description": text}) for name, (kind, text) in columns.items()],
        metadata={"description": about, "huggingface": json.dumps({"info": {"features": features}})},
    )


def _dtype(kind: pa.DataType) -> str:
    return "float32" if kind == REAL else str(kind)
