"""A command in a pseudo-terminal whose screen is replayed."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyte

LINES = 60


class Screen:
    """Runs a command in a terminal; what a person sees is read with `text`.

    Args:
        command: a command and its arguments.
        folder: where it runs.
        columns: the terminal's width.
        variables: more of the environment.
    """

    def __init__(self, command: Sequence[str], folder: Path, columns: int, **variables: str) -> None:
        self._screen = pyte.Screen(columns, LINES)
        self._stream = pyte.ByteStream(self._screen)
        self._file, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))
        opened = ["sh", "-c", 'exec "$@" <"$0" >"$0" 2>&1', os.ttyname(inside)]  # makes it the one of Ctrl+C
        shown = {"TERM": "xterm-256color", "OMP_NUM_THREADS": "1", **variables}
        self._process = subprocess.Popen(
            [*opened, *command], stdin=inside, cwd=folder, env={**os.environ, **shown}, start_new_session=True
        )
        os.close(inside)
        self.code: int | None = None

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    @property
    def cursor_is_hidden(self) -> bool:
        """Whether the cursor cannot be seen."""
        return bool(self._screen.cursor.hidden)

    def wait_for(self, *parts: str, seconds: float = 200) -> str:
        """Read on until all parts are on the screen; return the screen."""
        for _ in self._frames(seconds):
            if all(part in self.text for part in parts):
                return self.text
        raise AssertionError(f"it ended without {parts}:\n{self.text}")

    def screens(self, seconds: float = 200) -> list[str]:
        """Read on until the command ends; return each screen that there was."""
        return list(self._frames(seconds))

    def press(self, keys: bytes) -> None:
        """Type something."""
        os.write(self._file, keys)

    def _frames(self, seconds: float) -> Iterator[str]:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not select.select([self._file], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self._file, 1 << 16)
            except OSError:  # the terminal is closed: all is read
                data = b""
            if not data:
                self.code = self._process.wait()
                os.close(self._file)
                return
            self._stream.feed(data)
            yield self.text
        os.killpg(self._process.pid, signal.SIGKILL)
        raise AssertionError(f"it took longer than {seconds} s:\n{self.text}")
