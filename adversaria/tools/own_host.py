"""Who may use a page that is served to this machine alone.

A server on 127.0.0.1 can be reached by every web page that is open in a browser here: by a name of its own that it lets
point to 127.0.0.1 (its `Host` is then that name), or as itself (its `Origin` then names it).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

NAMES = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?")  # the port may be another one at the near end of an SSH tunnel


class OwnHost:
    """ASGI middleware: requests under another host name, or from a page of another origin, get no answer but 403."""

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer, or refuse to."""
        if scope["type"] not in ("http", "websocket") or is_own(scope["headers"]):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": b"Only the machine that serves this page may open it.\n"})


def is_own(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether a request is to a name of this machine and, if it comes from a page, from one of the same origin."""
    found: dict[str, list[str]] = {"host": [], "origin": []}
    for name, value in headers:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").lower())
    if len(found["host"]) != 1 or not NAMES.fullmatch(found["host"][0]):
        return False
    return all(origin == f"http://{found['host'][0]}" for origin in found["origin"])
