"""Serves the page of explore.py to this machine alone."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from adversaria.config.errors import ConfigError, first_line
from adversaria.tools.explorer_page import Page
from adversaria.tools.own_host import OwnHost

if TYPE_CHECKING:
    from adversaria.tools.explorer import Explorer

HOST = "127.0.0.1"


class Shown(NamedTuple):
    """A run on the page.

    Attributes:
        explorer: draws its images.
        about: describes the model.
        note: what is missing.
        folder: the run folder, whose report the page links to; None where there is none.
    """

    explorer: Explorer
    about: str
    note: str
    folder: Path | None


def serve(runs: Sequence[Shown], port: int, again: str, browser: bool = True) -> None:
    """Serve the page of one run, or of several side by side, until Ctrl-C; only this machine can open it.

    Args:
        runs: what is on the page.
        port: of the page.
        again: the command that starts the same page again, for one that is still open when this ends.
        browser: whether to open the page in a browser, where this machine has a screen.
    """
    from nicegui import app, ui

    _say_when_stopped(again)
    app.add_middleware(OwnHost)
    app.on_startup(_ignore_foreign_messages)
    app.on_startup(lambda: print(addresses(port), flush=True))
    for number, run in enumerate(runs):
        if run.folder is not None:
            _serve_report(run.folder, _report(number))
    ui.run(
        lambda: lay_out(runs),
        host=HOST,
        port=port,
        dark=None,  # as the system is
        reload=False,
        show=browser and has_screen(os.environ),
        show_welcome_message=False,
        tailwind=False,
        message_history_length=0,  # messages contain pictures, which would fill the memory
    )


def lay_out(runs: Sequence[Shown]) -> list[Page]:
    """Build the page; of several runs, what one is set to the others are set to, where they have it."""
    from nicegui import ui

    given = ui.context.client.request.query_params
    pages = [Page(run.explorer, given) for run in runs]
    for number, (page, run) in enumerate(zip(pages, runs, strict=True)):
        page.others = [other for other in pages if other is not page]
        with ui.element("div").classes("run") if page.others else contextlib.nullcontext():
            page.lay_out(run.about, run.note, _report(number) if run.folder is not None else None)
    return pages


def _report(number: int) -> str:
    return f"/report/{number}"


def addresses(port: int) -> str:
    """Say where the page is, here and from another machine."""
    here = f"{getpass.getuser()}@{socket.gethostname()}"
    return (
        f"http://{HOST}:{port} until Ctrl-C\n"
        f"to see it from another machine, run there: ssh -L {port}:{HOST}:{port} {here}; then open the same address"
    )


def has_screen(environment: Mapping[str, str]) -> bool:
    """Tell whether a browser can be opened that someone sees: not over SSH, and on Linux with a display alone."""
    if environment.get("SSH_CONNECTION"):
        return False
    return sys.platform in ("darwin", "win32") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(environment))


def _say_when_stopped(again: str) -> None:
    """Let a page whose server is gone say so, and how to start it again; it goes on when the server is back.

    NiceGUI's own sentences are in a table that it does not call public; a test reads the page.
    """
    from nicegui.translations import translations

    translations["en-US"]["connection_lost"] = "The explorer does not answer: it was stopped, or cannot be reached."
    translations["en-US"]["trying_to_reconnect"] = f"This page goes on by itself when it runs again: {again}"


def _serve_report(folder: Path, address: str) -> None:
    """Serve the report of a run, as it is at the time when it is asked for."""
    from fastapi.responses import HTMLResponse
    from nicegui import app

    from adversaria.report.pages import report_text

    app.add_api_route(address, lambda: HTMLResponse(report_text(folder)), response_model=None)


def _ignore_foreign_messages() -> None:
    """Say in a line what a socket sends that no page does: without a field, say. The default is a traceback each."""

    def ignore(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        reason = context["message"] if error is None else f"{type(error).__name__}: {first_line(error)}"
        print(f"ignored a message that the page does not send ({reason})", file=sys.stderr)

    asyncio.get_running_loop().set_exception_handler(ignore)


def free_port(port: int) -> int:
    """Return the port, or any free port for 0.

    Raises:
        ConfigError: the port cannot be used.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"--port {port}: {reason}; choose another port, or 0 for any free one") from error
        return int(probe.getsockname()[1])
