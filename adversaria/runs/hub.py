"""Models on the Hugging Face hub: `hf://owner/name` in place of a path, as untrusted as any other checkpoint."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adversaria.config.errors import CheckpointError, ConfigError, UserError, first_line

PUSHED = "model.safetensors"  # the weights in a folder that `adversaria.tools.push` made
ADDRESS = re.compile(r"hf:/{0,2}(?P<name>[^@]*)(@(?P<revision>.+))?")  # a Path has one slash, or none
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
#: Class names of the errors by which the hub says that there is no such model for this user.
ABSENT = ("RepositoryNotFoundError", "GatedRepoError", "RevisionNotFoundError", "RemoteEntryNotFoundError")
#: Class names of the errors by which it says that the user may not write.
REFUSED = ("LocalTokenNotFoundError", "HfHubHTTPError", "BadRequestError")


def local(path: Path) -> Path:
    """Return the folder of a model on the hub, fetched into its cache if need be; any other path as it is.

    Args:
        path: `hf://owner/name`, or `hf://owner/name@revision`, or a path.

    Raises:
        CheckpointError: there is no such model, or no network.
        ConfigError: it is not the name of a model, or the package huggingface_hub is missing.
    """
    address = ADDRESS.fullmatch(str(path))
    if address is None:
        return path
    name = checked_name(address["name"])
    with one_sentence(f"hf://{name}"):
        folder = client().snapshot_download(name, revision=address["revision"], allow_patterns=[PUSHED])
    if not (Path(folder) / PUSHED).is_file():
        raise CheckpointError(f"hf://{name} has no {PUSHED}; it was not pushed by this project")
    return Path(folder)


def checked_name(name: str) -> str:
    """Return the name of a model on the hub.

    Raises:
        ConfigError: it is none.
    """
    if not NAME.fullmatch(name) or ".." in name or "--" in name:
        raise ConfigError(f"{name}: the name of a model on the hub is owner/name, of letters, digits, -, _ and .")
    return name


def client() -> Any:
    """Return the hub's own client; every call to the hub goes through it.

    Raises:
        ConfigError: its package is missing.
    """
    try:
        from huggingface_hub import HfApi
    except ModuleNotFoundError as error:
        raise ConfigError("the hub needs the package huggingface_hub: pip install -e '.[hub]'") from error
    return HfApi()


@contextmanager
def one_sentence(what: str) -> Iterator[None]:
    """Say of an error of the hub's client what is wrong, and what to do.

    Raises:
        CheckpointError: there was one.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # of the client, of the network below it, or of the disk
        names = {kind.__name__ for kind in type(error).__mro__}
        if names & set(ABSENT):
            cure = "there is no such model on the hub, or it is private; check the name, or log in with: hf auth login"
        elif names & set(REFUSED):
            cure = f"the hub refused it ({first_line(error)}); log in with: hf auth login"
        else:
            cure = f"the hub cannot be reached ({first_line(error)}); check the network, or give a path on this machine"
        raise CheckpointError(f"{what}: {cure}") from error
