"""The notebook runs from its first cell to its last, and shows what it promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).resolve().parents[1] / "examples" / "first_steps.ipynb"


def outputs(cell: dict[str, Any]) -> str:
    """Return all that a cell shows, as JSON."""
    return json.dumps(cell.get("outputs", []))


def test_no_output_is_stored() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


@pytest.mark.faults  # a kernel is a process of its own, which imports torch
@pytest.mark.filterwarnings("ignore")  # of Jupyter's own packages
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: pip install -e '.[dev]'")
    import nbformat

    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[1]))  # the kernel starts in another folder
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    here = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=200, kernel_name="python3", resources=here).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    trained, metrics, picture, sevens, sampled, report, table, refused = cells
    assert "epoch 1/1  8/8" in outputs(trained)  # the bar, as a line
    assert "left  iteration 8" in outputs(trained)
    assert "ipywidgets" not in outputs(trained)
    assert "test/" in outputs(metrics)
    assert all("image/png" in outputs(cell) for cell in (picture, sevens))
    assert "torch.Size([2, 3, 28, 28])" in outputs(sampled)
    assert len(list(tmp_path.rglob("report.html"))) == 1
    assert "report.html" in outputs(report)
    assert outputs(table).count("outputs/sweeps/seed_") >= 2
    assert "did you mean trainer.max_epochs=3?" in outputs(refused)
