"""The server's model describes subjects itself, from their train photos (Yo'LLaVA, Table 4).

Owns the wording and what counts as a description; sends nothing (`client`).
"""

from common.core.errors import UserError
from common.methods.endpoint import chat
from common.methods.interface import MethodSubject
from common.methods.prompt_context import PromptContext, train_photos

DESCRIBE = (
    "These are photos of {name}. Describe {name} in a few sentences, by which one can tell {name} from "
    "others of its kind in new photos: what it is, and what stays the same from photo to photo. Do not "
    'speak of the photos. Begin with "{name} is".'
)


def request(subject: MethodSubject, image_size: int) -> list[chat.Part]:
    """All train photos of a subject, no larger than so many pixels, and the request behind them."""
    shown = chat.context_parts(subject.id, PromptContext(None, train_photos(subject)), image_size)
    return chat.content([shown], None, DESCRIBE.format(name=subject.token))


def description(subject: MethodSubject, text: str, section: str) -> str:
    """What was answered, as it stands before questions: with the subject's name.

    Raises UserError, which names the section, if nothing was.
    """
    if not text:
        raise UserError(
            f"the server's model wrote no description of {subject.id}: set methods.{section}.description to "
            "human or short, or name another model"
        )
    return text if subject.token in text else f"{subject.token}: {text}"
