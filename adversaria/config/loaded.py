"""What comes from a file that someone else may have written: read without harm, and checked to be plain data."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

MIB = 2**20
LARGEST = 16 * MIB  # of a JSON file
LARGEST_CONFIG = MIB  # a configuration has some 10 kB
DEEPEST = 50
MOST_NODES = 50_000


class FileError(ValueError):
    """A file that is not what its name says; the text is the reason, to follow the file's name."""


def check_file(file: Path, largest: int, within: Path | None = None) -> None:
    """Check a file before it is opened.

    Args:
        file: the file.
        largest: bytes that it may have.
        within: a folder that it must be in, also where it is a link.

    Raises:
        FileNotFoundError: there is no such file.
        FileError: it is a folder, a pipe or a device, too large, or elsewhere.
    """
    found = file.stat()  # opening a pipe would wait for ever
    if not stat.S_ISREG(found.st_mode):
        raise FileError("is not a regular file")
    if found.st_size > largest:
        raise FileError(f"has {found.st_size / MIB:,.0f} MiB, more than {largest / MIB:,.0f}")
    if within is not None and not file.resolve().is_relative_to(within.resolve()):
        raise FileError("is a link that leads out of its folder")


def read_text(file: Path, largest: int = LARGEST, within: Path | None = None) -> str:
    """Return the text of a checked file; see `check_file`.

    Raises:
        FileNotFoundError: there is no such file.
        FileError: as of `check_file`; or it cannot be read, or is not UTF-8.
    """
    try:
        check_file(file, largest, within)
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise FileError(f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise FileError("is not UTF-8 text") from error


def read_json(file: Path, within: Path | None = None) -> Any:
    """Return what a JSON file holds: plain data.

    Raises:
        FileNotFoundError: there is no such file.
        FileError: it is damaged.
    """
    text = read_text(file, within=within)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileError(f"is not JSON ({error})") from error
    return check_plain(content, most=10 * MOST_NODES)


def read_yaml(file: Path, within: Path | None = None) -> Any:
    """Return what a YAML file holds: plain data.

    Raises:
        FileNotFoundError: there is no such file.
        FileError: it is damaged, or refers to its own parts, which could make it larger than any memory.
    """
    import yaml

    text = read_text(file, LARGEST_CONFIG, within)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # OmegaConf's takes 10 times as long
    depth = 0
    try:
        for event in yaml.parse(text, loader):  # the composer calls itself for each level, and would overflow the stack
            if isinstance(event, yaml.AliasEvent):
                raise FileError("has an alias (*)")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise FileError(f"is nested more than {DEEPEST} deep")
        return check_plain(yaml.load(text, loader))
    except FileError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise FileError(f"is not YAML ({' '.join(str(error).split())})") from error


def check_plain(node: Any, most: int = MOST_NODES) -> Any:
    """Return what a file gave, if it is made of dictionaries, lists, texts, numbers, booleans and None alone.

    Tuples become lists. What contains itself, or the same part so often that its copies would fill the memory, is
    refused by the number of its entries.

    Raises:
        FileError: it is something else, or too much.
    """
    left = most

    def plain(value: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if depth > DEEPEST or left < 0:
            raise FileError(f"is nested more than {DEEPEST} deep, or has more than {most:,} entries")
        if type(value) is dict:
            return {plain(key, depth + 1): plain(item, depth + 1) for key, item in value.items()}
        if type(value) in (list, tuple):
            return [plain(item, depth + 1) for item in value]
        if type(value) not in (str, int, float, bool, type(None)):
            raise FileError(f"has a value of type {type(value).__name__}")
        return value

    try:
        return plain(node, 0)
    except TypeError as error:  # a list as a key
        raise FileError("has a key that is not a name") from error


def check_loaded(config: Any) -> dict[str, Any]:
    """Return a configuration that a checkpoint or a run folder brings, if it is resolved, plain data.

    Raises:
        FileError: it is something else, or has an interpolation, which would read what it names.
    """
    plain = check_plain(config)
    if not isinstance(plain, dict):
        raise FileError("is not a configuration")
    texts = [plain]
    while texts:
        node = texts.pop()
        if isinstance(node, str) and "${" in node:
            raise FileError(f"has an interpolation ({node[:60]}), but a saved configuration is resolved")
        texts += [*node, *node.values()] if isinstance(node, dict) else node if isinstance(node, list) else []
    return plain
