"""What a machine refuses, in one sentence each: no room, no permission, no memory."""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback

from adversaria.config.errors import first_line

_ROOM = "make room there, or choose another folder with output_root= or data.cache_dir="
_PERMISSION = "choose a folder that you may read and write, with output_root=, data.cache_dir= or data.root="
_DEVICE = "its disk or network drive fails; choose another folder with output_root= or data.cache_dir="
#: Errors of files that are of the machine, and their cure. Others, such as a missing file, are faults of a program.
CURES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: _ROOM,
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.EROFS: _PERMISSION,
    errno.ENOTDIR: "choose another name with output_root=: a part of this path is a file",
    errno.EEXIST: "choose another folder with output_root=: here is a file, or a link that leads nowhere",
    errno.ENAMETOOLONG: "choose a shorter output_root or name",
    errno.ELOOP: "its links lead in a circle; choose another folder with output_root= or data.root=",
    errno.EIO: _DEVICE,
    errno.ESTALE: _DEVICE,
    errno.ENOTCONN: _DEVICE,
    errno.EMFILE: "this process may open no more files; allow more with `ulimit -n 4096`",
    errno.ENFILE: "this machine can open no more files; stop other processes",
}
SHOWN = 100  # letters of a text that a sentence shows
#: In the texts of torch's errors: the CPU's allocator, the GPU's, and libraries that allocate on the GPU themselves.
NO_MEMORY = re.compile(r"can't allocate memory|not enough memory|out of memory|_ALLOC_FAILED", re.IGNORECASE)


def describe(error: BaseException) -> str | None:
    """Say in one sentence what the machine refused; None if it is another error."""
    if isinstance(error, OSError) and error.errno in CURES:
        return f"{error.filename or 'writing a file'}: {os.strerror(error.errno)}; {CURES[error.errno]}"
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return not_utf8(error.object)
    if isinstance(error, FileNotFoundError):
        if error.errno == errno.ENOENT and error.filename is None:  # as os.getcwd says it
            return "the current folder is not there any more; change to another one with cd"
        made = raised_in(error)[1] in ("mkdir", "makedirs")  # a folder, as in /proc
        return f"{error.filename}: no folder can be made there; {_PERMISSION}" if made else None
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and NO_MEMORY.search(str(error))):
        gpu = "CUDA" in str(error) or "CUBLAS" in str(error) or "CUDNN" in str(error)
        return (
            f"the {'GPU' if gpu else 'machine'} has too little memory ({first_line(error)}); "
            "choose a smaller data.batch_size, image size, network or number of images"
        )
    return None


def not_utf8(text: str) -> str | None:
    """Say what to do about a text with bytes that could not be read as letters; None if it has none."""
    if not any("\ud800" <= letter <= "\udfff" for letter in text):
        return None
    shown = ascii(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
    if sys.getfilesystemencoding() != "utf-8":
        return f"{shown}: this terminal's locale knows ASCII alone; set PYTHONUTF8=1, as in export PYTHONUTF8=1"
    return f"{shown} has bytes that are not UTF-8; rename the file or folder, or set a link to it: ln -s FOLDER NAME"


def raised_in(error: BaseException) -> tuple[str, str]:
    """Return the module and the function of the line that raised an error, both empty where none is known."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return (str(frames[-1].f_globals.get("__name__")), frames[-1].f_code.co_name) if frames else ("", "")
