"""Exported programs give what the module gives, for any batch size, and say what their tensors mean."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import lightning_modules
from adversaria.tools import export

MODELS = {
    "gan": ["model=gan", "data=digits", "model.network.width=4"],
    "acgan": ["model=acgan", "data=digits", "model.network.width=4"],
    "vae": ["model=vae", "model.network.channels=[4,4,8,8,8]"],
    "classifier": ["model=classifier", "data=digits", "model.network.width=4"],
    "dann": ["model=dann", "data=digits_mnist5k", "model.network.width=4", "model.batch_norm=split"],
    "adamatch": ["model=adamatch", "data=digits_mnist5k", "model.network.width=4"],
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # torch.export's own
def test_an_exported_program_does_as_the_module(model: str, untrained, tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "program.pt2"
    weights = untrained(*MODELS[model])
    classifies = model in ("classifier", "dann", "adamatch")
    export.main([str(weights), "--output", str(file), *(["--image-size", "28"] if classifies else [])])
    extra = {export.EXTRA: ""}
    program = torch.export.load(file, extra_files=extra).module()
    module: Any = lightning_modules.load(weights)
    for rows in (1, 5):
        if classifies:
            inputs = [torch.rand(rows, 3, 28, 28)]
            expected = module.classify(*inputs)
        else:
            inputs = [module.noise(rows, 1), *([module.some_labels(rows)] if model == "acgan" else [])]
            expected = module.sample(rows, *inputs)
        assert torch.allclose(program(*inputs), expected, atol=1e-5)
    labels = ["digit"] if model in ("acgan", "classifier", "dann", "adamatch") else []
    assert json.loads(extra[export.EXTRA]) == {"value_range": [-1, 1], "labels": labels, "classes": {}}
    assert [p.name for p in file.parent.iterdir()] == ["program.pt2"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "give the side of yours in pixels with --image-size"),
        (["--output", "net.onnx"], "must end in .pt2"),
        (["--output", "folder.pt2"], "this is a folder"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    arguments: list[str], sentence: str, untrained, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.pt2").mkdir()
    with pytest.raises(SystemExit):
        export.main([str(untrained(*MODELS["classifier"])), *arguments])
    (said,) = capsys.readouterr().err.splitlines()
    assert sentence in said
