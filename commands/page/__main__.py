"""Talk with subjects on a page of this machine: `python -m commands.page [PORT]`, 7860 if left out."""

from typing import get_args

from common.core import params
from common.core.errors import UserError, run

PORTS = range(1024, 65536)


def main(port: str = "7860") -> str:
    """Show the page on 127.0.0.1 until Ctrl-C; return that it ended."""
    if not port.isdecimal() or int(port) not in PORTS:
        raise UserError(f"{port} is no port: use a number from {PORTS.start} to {PORTS.stop - 1}")
    p = params.load()

    from commands.page import server  # seconds, which a wrong port need not wait for
    from commands.page.page import Page
    from common.assistant import Assistant

    with server.reserved(int(port)) as socket:
        page = Page(Assistant.of(p), params.load, get_args(params.Kind))
        try:
            server.serve(page, socket)
        finally:
            page.training.cancel()
    return "the page is closed"


if __name__ == "__main__":
    run(main)
