"""Talk about subjects: the one engine behind terminal, page, server and batches of questions.

It knows who may be talked about, by which method, and what was said before.
"""

from common.assistant.assistant import BASE, Assistant
from common.assistant.conversation import Conversation, Turn
from common.assistant.hints import hint
from common.assistant.recognition import Recognition
from common.assistant.replies import reply_all

__all__ = ["BASE", "Assistant", "Conversation", "Recognition", "Turn", "hint", "reply_all"]
