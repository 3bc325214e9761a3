"""Which texts the model's chat template puts around questions and answers."""

from typing import TYPE_CHECKING

from common.core.errors import UserError

if TYPE_CHECKING:
    from transformers import ProcessorMixin

# mark places in the template; for private use, so in no template
_QUESTION, _ANSWER, _NEXT = "\ue000", "\ue002", "\ue003"


def next_turn(processor: "ProcessorMixin", image: bool) -> str:
    """Text between the end token of an answer and the next question, in the wording of the chat template."""
    content = [{"type": "image"}] * image + [{"type": "text", "text": _NEXT}]
    turns = [
        ("user", [{"type": "text", "text": _QUESTION}]),
        ("assistant", [{"type": "text", "text": _ANSWER}]),
    ]
    messages = [{"role": role, "content": said} for role, said in (*turns, ("user", content))]
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    _, _, after = text.partition(_ANSWER)
    between, _, _ = after.partition(_NEXT)
    # LLaVA-1.5's template leaves the end token out, with which it was trained.
    return between.lstrip(" ").removeprefix(processor.tokenizer.eos_token)


def around_question(processor: "ProcessorMixin", system: str, image: bool) -> tuple[str, str]:
    """Text before and after the question.

    Raises UserError if the model has no chat template, or one that drops the system sentence.
    """
    if not processor.chat_template:
        raise UserError(
            "the base model has no chat template: use a converted one, such as llava-hf/llava-1.5-7b-hf"
        )
    content = [{"type": "image"}] * image + [{"type": "text", "text": _QUESTION}]
    messages = [{"role": "user", "content": content}]
    if system:
        messages.insert(0, {"role": "system", "content": [{"type": "text", "text": system}]})
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    before, _, after = text.partition(_QUESTION)
    if system not in before:
        raise UserError("the base model's chat template drops the system sentence: set base.vlm.system to ''")
    return before, after
