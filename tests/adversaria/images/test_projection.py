"""Projection finds the latents of images that the generator can make, and comes near to others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import generate
import lightning_modules
from adversaria.images.grid import to_uint8
from adversaria.images.projection import project
from lightning_modules.losses import image_mse

ACGAN = ["model=acgan", "data=digits", "model.network.width=4", "model.network.latent_dim=8"]
VAE = ["model=vae", "model.network.width=4", "model.network.latent_dim=8"]


@pytest.fixture(scope="module")
def acgan(untrained) -> Path:
    return untrained(*ACGAN)


def test_an_image_of_a_gan_is_found_again(acgan: Path) -> None:
    module: Any = lightning_modules.load(acgan)
    for weight in module.ema.network.parameters():  # an untrained generator makes grey images alone
        weight.data.mul_(3)
    noise, labels = module.noise(3, seed=50), module.some_labels(3)
    images = module.sample(3, noise, labels)
    found = project(module, images, labels, steps=60, starts=3, seed=0)
    far = image_mse(module.sample(3, module.noise(3, seed=0), labels), images)
    assert (found.mse < 0.1 * far).all()
    assert torch.allclose(found.mse, image_mse(module.sample(3, found.noise, labels), images), atol=1e-6)
    assert ((found.noise.norm(dim=1) - 8**0.5).abs() < 2.001).all()
    again = project(module, images[:1], labels[:1], steps=60, starts=3, seed=0)
    assert len(again.noise) == 1
    assert all(parameter.grad is None for parameter in module.parameters())


def test_a_vae_starts_from_its_reconstruction(untrained) -> None:
    module: Any = lightning_modules.load(untrained(*VAE))
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    (start, better) = (project(module, images, None, steps, starts=1, seed=0) for steps in (0, 10))
    assert torch.allclose(start.images, module.reconstruct(images), atol=1e-6)
    assert (better.mse + 0.1 * better.feature_distance < start.mse + 0.1 * start.feature_distance).all()


def test_a_conditional_vae_needs_the_labels(untrained, tmp_path: Path, capsys) -> None:
    cvae = untrained("model=cvae", "data=digits", "model.network.width=2", "model.network.latent_dim=4")
    Image.new("RGB", (28, 28), "red").save(tmp_path / "red.png")
    few = ["--project-steps", "2", "--starts", "1", "--device", "cpu", "--output", str(tmp_path / "p.png")]
    with pytest.raises(SystemExit):
        generate.main([str(cvae), "--project", str(tmp_path / "red.png"), *few])
    assert "CVAE does not recognise labels; give --label digit=VALUE" in capsys.readouterr().err
    generate.main([str(cvae), "--project", str(tmp_path / "red.png"), *few, "--label", "digit=7"])
    assert (tmp_path / "p.npz").exists()


@pytest.fixture
def pictures(acgan: Path, tmp_path: Path) -> list[Path]:
    """Two files of different kinds: an image of the model, and a photo of another shape."""
    module: Any = lightning_modules.load(acgan)
    (own,) = to_uint8(module.sample(1, module.noise(1, 9), torch.tensor([[3]])), module.value_range)
    files = [tmp_path / "an image, [1].png", tmp_path / "other.JPG"]
    Image.fromarray(own).save(files[0])
    Image.new("L", (90, 50), 200).save(files[1])
    return files


def test_a_picture_shows_both_and_the_latents_are_kept(acgan: Path, pictures, tmp_path: Path, capsys) -> None:
    few = ["--project-steps", "5", "--starts", "2", "--device", "cpu"]
    command = [str(acgan), "--project", *map(str, pictures), "--output", str(tmp_path / "new" / "both.png"), *few]
    generate.main([*command, "--label", "digit=3"])
    assert capsys.readouterr().out.strip().startswith("2 images projected, averaged weights, MSE 0.")
    with np.load(tmp_path / "new" / "both.npz") as content:
        arrays = dict(content)
    assert arrays["files"].tolist() == [file.name for file in pictures]
    assert arrays["labels"].tolist() == [[3], [3]]
    assert arrays["noise"].shape == (2, 8)
    assert np.array_equal(arrays["originals"][0], np.asarray(Image.open(pictures[0])))
    module: Any = lightning_modules.load(acgan)
    made = module.sample(2, torch.tensor(arrays["noise"]), torch.tensor(arrays["labels"]))
    assert np.abs(to_uint8(made, module.value_range).astype(int) - arrays["images"]).max() <= 1
    with Image.open(tmp_path / "new" / "both.png") as picture:
        assert picture.width > 200
    with pytest.raises(SystemExit):
        generate.main(command)
    assert "both.png exists; choose another --output, or add --overwrite" in capsys.readouterr().err
    generate.main([*command, "--overwrite"])  # without a label: the one that the discriminator sees
    with np.load(tmp_path / "new" / "both.npz") as content:
        pixels = torch.tensor(arrays["originals"]).permute(0, 3, 1, 2) / 127.5 - 1
        assert content["labels"].tolist() == module.recognise(pixels).tolist()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--project", "nothing.jpg"], "--project nothing.jpg: there is no such file"),
        (["--project", "text.jpg"], "text.jpg is not a readable image"),
        (["--project", "."], "is not a regular file"),
        (["--project", "one.png", "--output", "x.npz"], "give a name that ends in .png or .jpg"),
        (["--project", "one.png", "--output", "folder"], "give a name that ends in .png or .jpg"),
        (["--project", "one.png", "--label", "digit=11"], "a value from 0 to 9"),
        (["--project", *["one.png"] * 65], "65 images at once are too many"),
        (["--project", "one.png", "--starts", "100000000"], "--starts: this would take"),
        (["--project", "one.png", "-n", "3"], "-n is not for --project"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    arguments: list[str], sentence: str, acgan: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.jpg").write_text("no image", encoding="utf-8")
    Image.new("RGB", (4, 4)).save("one.png")
    with pytest.raises(SystemExit):
        generate.main([str(acgan), *arguments, "--device", "cpu"])
    assert sentence in capsys.readouterr().err.splitlines()[-1]
    assert {file.name for file in tmp_path.iterdir()} == {"text.jpg", "one.png"}
