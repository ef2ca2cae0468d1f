"""A wrong configuration is refused, and help is given, without the seconds that importing torch takes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def modules(package: str) -> list[str]:
    files = sorted((ROOT / package).rglob("*.py"))
    return [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]


@pytest.mark.parametrize(
    "imported",
    [
        modules("adversaria/config"),
        modules("adversaria/sweeps"),
        ["train", "adversaria.runs.quieten", "adversaria.tools.api"],
    ],
)
def test_it_imports_no_torch(imported: list[str]) -> None:
    script = f"import sys, {', '.join(imported)}; print('torch' in sys.modules, 'pytorch_lightning' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["False", "False"]
    assert imported


def test_help_needs_none_of_what_draws_pages() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "train.py", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "adversaria.sweeps.sweep" in imported
    assert imported.isdisjoint({"numpy", "jinja2", "matplotlib"})


def test_the_check_would_see_torch() -> None:
    script = "import sys, adversaria.runs.random_state; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "True"
