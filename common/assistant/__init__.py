"""Talk about subjects: the one engine behind terminal, page, server and batches of questions.

Owns who may be talked about, by which method, and conversations with their history. Does not own decoding
(`common.vlm`), methods (`common.methods`), or where questions come from and answers go (`commands`).
"""

from common.assistant.assistant import BASE, Assistant
from common.assistant.conversation import Conversation, Turn
from common.assistant.hints import hint
from common.assistant.recognition import Recognition

__all__ = ["BASE", "Assistant", "Conversation", "Recognition", "Turn", "hint"]
