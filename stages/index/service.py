"""A running clip-retrieval service as the index: what its JSON file must say, and whether it answers.

Owns the configuration only; retrieve asks the questions, one embedding at a time, for they depend on the
subjects.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from common.core import foreign, replies
from common.core.errors import UserError
from common.core.progress import printable

ABOUT = (
    "it must hold url (http://HOST:PORT/knn-service), indice_name and size (number of images in the index)"
)
MAX_BYTES = 2**20  # of the list of a service's indexes


class ServiceFile(BaseModel):
    """The file that `index.location` names when `index.source` is service."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    url: Annotated[str, Field(pattern=r"^https?://.+/knn-service$")]
    indice_name: str
    size: Annotated[int, Field(ge=1, lt=2**62)]  # images in the index, from which easy negatives are drawn
    timeout_s: Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)] = 60.0
    retries: Annotated[int, Field(ge=0, le=100)] = 2

    @field_validator("url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        """DVC keeps it in data/index/card.json."""
        if replies.holds_password(url):
            raise ValueError("holds a user or password, which have no place in files that DVC keeps")
        return url


def read(path: Path, timeout_s: float) -> dict[str, Any]:
    """Check the file, and that the service is up and has the index; raises UserError."""
    service = foreign.read(path, ServiceFile, ABOUT)
    address = service.url.removesuffix("knn-service") + "indices-list"
    try:
        reply = replies.ask(address, None, timeout_s, MAX_BYTES)
        names = foreign.parsed(reply.data, list[str])
    except (replies.NoReplyError, foreign.FormError) as error:
        raise UserError(
            f"{path}: no clip-retrieval service answers at {replies.shown(service.url)} ({error}): "
            "start it with `clip-retrieval back`, or mend url"
        ) from None
    if service.indice_name not in names:
        raise UserError(
            f"{path}: the service has no index {service.indice_name!r}; it has {printable(names)}"
        )
    return service.model_dump()
