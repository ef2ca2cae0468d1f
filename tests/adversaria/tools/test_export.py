"""Exported programs give what the module gives, for any batch size, and say what their tensors mean."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import lightning_modules
from adversaria.config.errors import ConfigError
from adversaria.tools import export, onnx_export

MODELS = {
    "gan": ["model=gan", "data=digits", "model.network.width=4"],
    "acgan": ["model=acgan", "data=digits", "model.network.width=4"],
    "vae": ["model=vae", "model.network.width=4"],
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
    said = json.loads(extra[export.EXTRA])
    labels = ["digit"] if model in ("acgan", "classifier", "dann", "adamatch") else []
    assert (said["value_range"], said["labels"]) == ([-1, 1], labels)
    assert said["values"] == {name: [*"0123456789"] for name in labels}
    assert said.get("noise_dimension") == (None if classifies else inputs[0].shape[1])
    assert [p.name for p in file.parent.iterdir()] == ["program.pt2"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_onnx_runtime_does_as_the_module(untrained, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    file, weights = tmp_path / "new" / "net.onnx", untrained(*MODELS["acgan"])
    export.main([str(weights), "--output", str(file)])
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    module: Any = lightning_modules.load(weights)
    said = json.loads(session.get_modelmeta().custom_metadata_map["adversaria"])
    assert said == export.meaning(module)
    for rows in (1, 3, 17):
        given = {"noise": torch.randn(rows, said["noise_dimension"]), "labels": module.some_labels(rows)}
        (found,) = session.run(None, {name: value.numpy() for name, value in given.items()})
        assert torch.allclose(torch.from_numpy(found), module.sample(rows, *given.values()), atol=1e-5)
    assert [p.name for p in file.parent.iterdir()] == ["net.onnx"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_program_that_computes_something_else_as_onnx_is_refused(tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("onnxruntime")
    inputs = {"images": torch.rand(2, 3)}
    program = torch.export.export(nn.Linear(3, 4), tuple(inputs.values()), dynamic_shapes=({0: torch.export.Dim("n")},))
    monkeypatch.setattr(onnx_export, "_run", lambda session, given: torch.zeros(len(given["images"]), 4))
    with pytest.raises(ConfigError, match="onnxruntime computes something else than PyTorch for 1 rows"):
        onnx_export.write_onnx(program, inputs, {}, tmp_path / "net.onnx")


def test_a_missing_package_names_the_extra(untrained, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SystemExit):
        export.main([str(untrained(*MODELS["gan"])), "--output", str(tmp_path / "net.onnx")])
    (said,) = capsys.readouterr().err.splitlines()
    assert said.endswith("pip install -e '.[export]'")
    assert list(tmp_path.iterdir()) == []


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_safe_tensors_become_the_module_again(untrained, tmp_path: Path) -> None:
    weights = untrained(*MODELS["acgan"])
    export.main([str(weights), "--output", str(tmp_path / "net.safetensors")])
    assert (tmp_path / "net.safetensors").stat().st_mode & 0o777 == 0o666 & ~_umask()
    one, other = (lightning_modules.load(file) for file in (weights, tmp_path / "net.safetensors"))
    assert one.config == other.config
    assert (one.iteration, one.images) == (other.iteration, other.images)
    states = one.state_dict(), other.state_dict()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "give the side of yours in pixels with --image-size"),
        (["--output", "net.h5"], "must end in .pt2, .onnx, .safetensors"),
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
