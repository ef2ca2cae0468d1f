"""Serves the page of explore.py to this machine alone."""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria.config.errors import ConfigError, first_line
from adversaria.tools.explorer_page import Page
from adversaria.tools.own_host import OwnHost

if TYPE_CHECKING:
    from adversaria.tools.explorer import Explorer

HOST = "127.0.0.1"


def serve(explorer: Explorer, about: str, note: str, port: int, folder: Path | None, browser: bool = True) -> None:
    """Serve the page until Ctrl-C; only this machine can open it.

    Args:
        explorer: draws the images.
        about: describes the model.
        note: what is missing.
        port: of the page.
        folder: the run folder, whose report the page links to; None where there is none.
        browser: whether to open the page in a browser, where this machine has a screen.
    """
    from nicegui import app, ui

    app.add_middleware(OwnHost)
    app.on_startup(_ignore_foreign_messages)
    app.on_startup(lambda: print(addresses(port), flush=True))
    if folder is not None:
        _serve_report(folder)
    ui.run(
        lambda: Page(explorer).lay_out(about, note, folder is not None),
        host=HOST,
        port=port,
        dark=None,  # as the system is
        reload=False,
        show=browser and has_screen(os.environ),
        show_welcome_message=False,
        tailwind=False,
        message_history_length=0,  # messages contain pictures, which would fill the memory
    )


def addresses(port: int) -> str:
    """Say where the page is, here and seen from another machine."""
    here = f"{getpass.getuser()}@{socket.gethostname()}"
    return (
        f"http://{HOST}:{port} until Ctrl-C\n"
        f"seen from another machine: run ssh -L {port}:{HOST}:{port} {here} there, and open the same address"
    )


def has_screen(environment: Mapping[str, str]) -> bool:
    """Tell whether a browser can be opened that someone sees: not over SSH, and on Linux with a display alone."""
    if environment.get("SSH_CONNECTION"):
        return False
    return sys.platform in ("darwin", "win32") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(environment))


def _serve_report(folder: Path) -> None:
    """Serve the report of a run, as it is at the time when it is asked for."""
    from fastapi.responses import HTMLResponse
    from nicegui import app

    from adversaria.report.pages import report_text

    app.add_api_route("/report", lambda: HTMLResponse(report_text(folder)), response_model=None)


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
