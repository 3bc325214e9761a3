"""Answer a file of questions: `python -m commands.ask QUESTIONS ANSWERS [--subject ID] [--method NAME]`."""

from functools import partial

from commands.ask import answers, batch, command, questions
from common.core import params
from common.core.errors import run


def main(*words: str) -> str:
    """Answer what is not answered yet; return how many were, and how many rows could not be asked."""
    options = command.read(words)
    p = params.load()
    rows = questions.read(options.questions, options.question, options.images)

    from common.assistant import Assistant  # seconds, which a missing file need not wait for

    assistant = Assistant.of(p)
    decoding = command.decoding(options, assistant.decoding)
    reply = partial(batch.draw if decoding.temperature else batch.reply, assistant, decoding)
    if options.vllm:
        from commands.ask import vllm

        server = options.vllm, options.vllm_model
        reply = vllm.VllmClient(assistant, p.base.vlm.system, *server, decoding).reply
    asked = batch.Asked(options.method, tuple(options.subject), decoding, p.base.device.batch_size)
    with answers.opened(options.answers, rows.form) as kept:
        return batch.answer(assistant, rows, kept, asked, reply)


if __name__ == "__main__":
    run(main)
