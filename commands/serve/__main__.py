"""Answer over HTTP, as OpenAI does: `python -m commands.serve [--port N] [--photos FOLDER]`."""

from commands.serve import command
from common.core import params
from common.core.errors import run


def main(*words: str) -> str:
    """Serve until told to stop; return how many requests were answered."""
    options = command.read(words)
    token = command.token(options.host)
    p = params.load()
    with command.listening(options.host, options.port) as place:
        from commands.serve import app  # seconds, which a port in use need not wait for
        from common.assistant import Assistant

        assistant = Assistant.of(p)
        limits = app.ServerLimits(**p.serve.model_dump(), batch_size=p.base.device.batch_size)
        return app.serve(assistant, limits, place, command.hosts(options.host), token, options.photos)


if __name__ == "__main__":
    run(main)
