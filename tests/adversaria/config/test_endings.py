"""Output whose reader has gone (`| head -1`) ends a command without a word."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adversaria.config.errors import one_sentence_errors

ROOT = Path(__file__).resolve().parents[3]


@contextlib.contextmanager
def nobody_reads() -> Iterator[None]:
    """Let standard output be a pipe from which nobody reads."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", encoding="utf-8") as stream, contextlib.redirect_stdout(stream):
        yield


def test_a_command_whose_reader_has_gone_ends_with_the_status_of_sigpipe(capsys) -> None:
    with pytest.raises(SystemExit) as ended, nobody_reads(), one_sentence_errors():
        print("text " * 10_000)
    assert ended.value.code == 141
    assert not capsys.readouterr().err


def test_so_does_one_that_leaves_by_itself_with_its_text_not_yet_written() -> None:
    with pytest.raises(SystemExit) as ended, nobody_reads(), one_sentence_errors():
        sys.exit(print("short"))
    assert ended.value.code == 141


def test_another_broken_pipe_is_an_error_as_any_other() -> None:
    with pytest.raises(BrokenPipeError), one_sentence_errors():
        raise BrokenPipeError


def test_a_terminal_that_is_closed_takes_no_more_text(capfd: pytest.CaptureFixture[str]) -> None:
    command = (
        "import os, pty, sys\nfrom adversaria.config.endings import silence_unread\n"
        "assert not silence_unread()\nmain, terminal = pty.openpty()\nos.dup2(terminal, 1)\nos.close(main)\n"
        "assert silence_unread()\nprint('text', flush=True)"
    )
    subprocess.run([sys.executable, "-c", command], cwd=ROOT, check=True)
    assert capfd.readouterr() == ("", "")


def test_ctrl_c_outside_of_a_run_ends_without_a_word() -> None:
    command = (
        "import os, signal\nfrom adversaria.config.errors import one_sentence_errors\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # jobs in the background of a shell inherit none
        "with one_sentence_errors(): os.kill(os.getpid(), signal.SIGINT)"
    )
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stderr) == (-2, b"")


@pytest.mark.faults
@pytest.mark.parametrize(
    "command", [["train.py", "--help"], ["train.py", "--cfg", "job"], ["report.py", "--help"], ["generate.py", "-h"]]
)
def test_commands_end_quietly_where_nobody_reads(command: list[str], tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, str(ROOT / command[0]), *command[1:]], cwd=tmp_path, stdout=write, stderr=subprocess.PIPE
    )
    os.close(write)
    assert done.stderr == b""
    assert done.returncode in (0, 141)  # argparse does not mind that nobody reads
