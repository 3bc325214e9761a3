"""Answers to many questions that stand alone, each as a conversation would give it."""

import re
from collections.abc import Sequence

from common import vlm
from common.assistant.assistant import Assistant
from common.assistant.conversation import Conversation
from common.core import images
from common.methods.interface import InPrompt, Photos, Request
from common.vlm.dialog import REPEATS

# What a conversation ends reads so, however its tokens are cut; not all that reads so is ended.
_REPEATED = re.compile(rf"(.{{1,200}}?)\1{{{REPEATS - 1}}}", re.DOTALL)


def reply_all(
    assistant: Assistant, name: str, photos: Photos, requests: Sequence[Request]
) -> list[vlm.Answer]:
    """Answer as `Assistant.answer_all` does, but end an answer that says the same over and over."""
    with assistant.lock:
        answers = assistant.answer_all(name, photos, requests)
        if not isinstance(assistant.method(name), InPrompt):
            return answers
        return [
            _in_conversation(assistant, name, photos, request)
            if _REPEATED.search(f" {answer.text}")
            else answer
            for request, answer in zip(requests, answers, strict=True)
        ]


def _in_conversation(assistant: Assistant, name: str, photos: Photos, request: Request) -> vlm.Answer:
    image = None if request.photo is None else images.load_image(photos[request.photo])
    conversation = Conversation(assistant, request.subjects, name, image)
    *_, answer = conversation.ask(request.question, vlm.Decoding(request.task.max_new_tokens))
    return answer
