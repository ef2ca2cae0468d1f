"""The data in parts of a bounded size, for a machine to which they are copied one by one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmarks.full_length_plan import LIST, ROOT, SETS, files_of

PIECE = ".piece"  # what the name of a piece of a larger file ends with


def pack(data: Path, output: Path, megabytes: float) -> None:
    """Copy the data sets into folders output/0, output/1, ...; a list of all files is in the first.

    Args:
        data: folder of the data.
        output: is replaced.
        megabytes: largest size of a folder; a larger file is cut into pieces.

    Raises:
        SystemExit: the checkout has changes, of which no record could tell.
    """
    from adversaria.runs.environment import git_state

    state = git_state(ROOT)
    if state["git_dirty"]:
        raise SystemExit("the checkout has changes; commit them, so that the records can say what was run")
    sets = {name: files_of(data, name) for name in SETS}
    shutil.rmtree(output, ignore_errors=True)
    limit = int(1e6 * megabytes)
    part, free = 0, limit
    for name in [name for files in sets.values() for name in files]:
        content = (data / name).read_bytes()
        whole = len(content) <= limit
        if whole and len(content) > free:
            part, free = part + 1, limit
        while content or whole:
            place = output / str(part) / (name if whole else name + PIECE)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content[:free])
            content, free, whole = content[free:], free - len(content[:free]), False
            if content:
                part, free = part + 1, limit
    text = json.dumps({"sets": sets}, indent=1)
    (output / "0" / LIST).write_text(text, encoding="utf-8")
    print(f"{part + 1} parts below {output}; unpack them in this order")
    print(f"on a machine without git, the ledger takes the runs with --commit {state['git_commit']}")


def unpack(part: Path, data: Path) -> None:
    """Put the files of a part into the data's folder, a piece of a file behind those that came before."""
    for file in sorted(file for file in part.rglob("*") if file.is_file()):
        place = data / file.relative_to(part)
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix != PIECE:
            shutil.copy2(file, place)
            continue
        with place.with_suffix("").open("ab") as whole:
            whole.write(file.read_bytes())
