"""What a checkpoint raises that can be loaded and not be used, in one sentence: someone else may have written it."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from pathlib import Path

from adversaria.config.errors import CheckpointError, first_line
from adversaria.config.foreign_errors import describe_error


@contextlib.contextmanager
def model_errors(file: Path) -> Iterator[None]:
    """Say of an error that is raised while a model computes which checkpoint it is of, and where it was raised.

    Raises:
        CheckpointError: there was one. Those that have a sentence of their own are passed on as they are.
    """
    try:
        yield
    except BrokenPipeError:  # nobody reads what is printed any more
        raise
    except Exception as error:  # its networks, losses and settings have the right types and do not fit each other
        if describe_error(error) is not None:
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise CheckpointError(
            f"the model in {file} cannot be used: its parts, or its run's settings, do not fit each other "
            f"({type(error).__name__}: {first_line(error)}, in line {last.lineno} of {Path(last.filename).name}); "
            "choose another checkpoint"
        ) from error
