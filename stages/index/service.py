"""A running clip-retrieval service as the index: what its JSON file must say, and whether it answers.

Owns the configuration only; retrieve asks the questions, one embedding at a time, for they depend on the
subjects.
"""

from pathlib import Path
from typing import Annotated, Any

import requests
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stages.core import io
from stages.core.errors import UserError


class Service(BaseModel):
    """The file that `index.location` names when `index.source` is service."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    url: Annotated[str, Field(pattern=r"^https?://.+/knn-service$")]
    indice_name: str
    size: Annotated[int, Field(ge=1)]  # images in the index, from which easy negatives are drawn
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    retries: Annotated[int, Field(ge=0)] = 2


def read(path: Path, timeout_s: float) -> dict[str, Any]:
    """Check the file, and that the service is up and has the index; raises UserError."""
    try:
        service = Service.model_validate(io.read_json(path))
    except ValidationError as error:
        detail = error.errors()[0]
        key = ".".join(map(str, detail["loc"])) or "the file"
        raise UserError(
            f"{path}: {key}: {detail['msg'].lower()}: it must hold url (http://HOST:PORT/knn-service), "
            "indice_name and size (number of images in the index)"
        ) from error
    address = service.url.removesuffix("knn-service") + "indices-list"
    try:
        names = requests.get(address, timeout=timeout_s, allow_redirects=False).json()
    except (requests.RequestException, ValueError) as error:
        raise UserError(
            f"{path}: no clip-retrieval service answers at {service.url} ({type(error).__name__}): "
            "start it with `clip-retrieval back`, or mend url"
        ) from error
    if not isinstance(names, list) or service.indice_name not in names:
        raise UserError(f"{path}: the service has no index {service.indice_name!r}; it has {names}")
    return service.model_dump()
