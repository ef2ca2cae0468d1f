"""Imports go down: from the entries to the methods, to the data, to the configuration. Nothing imports upwards."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: From top to bottom. A module may import from its own room and from lower floors.
FLOORS = [
    {"train", "evaluate", "generate", "explore", "report"},
    {"adversaria.tools"},
    {"adversaria.sweeps"},
    {"adversaria.report"},
    {"callbacks"},
    {"adversaria.measures"},
    {"adversaria.images"},
    {"lightning_modules"},
    {"datamodules"},
    {"adversaria.runs", "adversaria.speed"},
    {"adversaria.config"},
]
FILES = [
    f for top in ("adversaria", "callbacks", "datamodules", "lightning_modules") for f in (ROOT / top).rglob("*.py")
]
FILES += [ROOT / f"{entry}.py" for entry in FLOORS[0]]


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str | None:
    rooms = [room for floor in FLOORS for room in floor if module == room or module.startswith(f"{room}.")]
    return max(rooms, key=len, default=None)


def floor_of(room: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if room in floor)


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """Yield what a file imports, anywhere in it, and the line."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner if room_of(inner) != room_of(node.module) else node.module), node.lineno


def upward(module: str, imported: str) -> bool:
    mine, theirs = room_of(module), room_of(imported)
    if mine is None or theirs is None or mine == theirs:
        return False
    return floor_of(theirs) <= floor_of(mine)


def functions(file: Path) -> Iterator[tuple[str, int]]:
    """Yield the functions of a file and their numbers of lines."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or 0) - node.lineno + 1


def longest(file: Path) -> int:
    """Return the most lines that a file may have: an entry 80, a method 150, the renderer of faces any, others 200."""
    if file.parent == ROOT:
        return 80
    if file.name == "synthetic_faces.py":
        return 10_000
    is_method = file.parent.name == "lightning_modules" and f"_target_: lightning_modules.{file.stem}." in METHODS
    return 150 if is_method else 200


METHODS = "".join(f.read_text(encoding="utf-8") for f in (ROOT / "conf" / "model").glob("*.yaml"))


def test_files_and_functions_can_be_read_in_one_go() -> None:
    files = [*FILES, *(ROOT / "benchmarks").glob("*.py")]
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert [str(file) for file in files if lines[file] > longest(file)] == []
    assert [f"{file}:{name}" for file in files for name, count in functions(file) if count > 40] == []
    assert {longest(ROOT / "lightning_modules" / f"{name}.py") for name in ("vae", "gan", "dann", "adda")} == {150}


def test_every_module_is_in_a_room() -> None:
    homeless = [m for m in map(module_of, FILES) if room_of(m) is None and m != "adversaria"]
    assert homeless == []


def test_nothing_imports_upwards() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in FILES
        for name, line in imports(file)
        if upward(module_of(file), name)
    ]
    assert found == []


def test_an_upward_import_would_be_found() -> None:
    assert upward("lightning_modules.gan", "callbacks.figures.base")
    assert upward("adversaria.runs.record", "adversaria.speed.settings")  # side by side: neither needs the other
    assert not upward("callbacks.figures.base", "lightning_modules.gan")
    assert not upward("adversaria.config.schema", "adversaria.config.types")
