"""The command that measures PCA leaves a folder that becomes a record."""

import json
from pathlib import Path

import pytest

from adversaria.report import ledger
from adversaria.tools import pca_bound

SMALL = ["data=synthetic_faces", "data.image_size=16", *(f"data.reader.{k}=24" for k in ("train", "val", "test"))]


def test_a_bound_becomes_a_record(tmp_path: Path, cache_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "outputs" / "bounds" / "pca_synthetic_faces"
    pca_bound.main([*SMALL, f"data.cache_dir={cache_dir}", "components=8,2", "--output", str(folder)])
    assert f"python -m adversaria.tools.ledger {folder}" in capsys.readouterr().out
    starts = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    starts[0] |= {"git_dirty": False, "git_commit": "a" * 40}
    (folder / "environment.json").write_text(json.dumps(starts), encoding="utf-8")
    file = ledger.write(tmp_path / "records", folder)
    assert file == tmp_path / "records" / "bounds" / "pca_synthetic_faces.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    assert record["command"].startswith("python -m adversaria.tools.pca_bound data=synthetic_faces")
    assert record["command"].endswith("components=8,2")
    assert record["protocol"]["n_train"] == 24
    metrics = record["metrics"]
    assert 0 < metrics["test/mse_01/8"] < metrics["test/mse_01/2"]
    assert metrics["test/mse_pm1/2"] == pytest.approx(4 * metrics["test/mse_01/2"], abs=1e-5)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["data=synthetic_faces"], "say how many components"),
        (["data=synthetic_faces", "components=two"], "say how many components"),
        (["data=digits_mnist5k", "components=2"], "choose one of them with data="),
        ([*SMALL, "components=24"], "24 training images of 768 values have 1 to 23"),
        (["data=nothing", "components=2"], "nothing"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    tmp_path: Path, cache_dir: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        pca_bound.main([*words, f"data.cache_dir={cache_dir}", "--output", str(tmp_path / "bound")])
    assert stopped.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "bound").exists()
