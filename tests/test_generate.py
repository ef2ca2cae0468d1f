"""generate.py: what is written, that seeds, labels and weights mean what they say, and the rows of each mode."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import generate
import lightning_modules
from adversaria.config.instantiate import instantiate
from adversaria.images import film
from adversaria.images.grid import to_uint8
from adversaria.images.interpolation import spherical
from adversaria.tools.configuration import run_configuration

ACGAN = ["model=acgan", "data=digits", "model.network.width=4", "model.network.latent_dim=8"]


@pytest.fixture(scope="module")
def acgan(untrained) -> Path:
    return untrained(*ACGAN)


@pytest.fixture
def arrays(tmp_path: Path):
    """Generate into an .npz, and return its arrays."""

    def run(*arguments: Any) -> dict[str, np.ndarray]:
        file = tmp_path / "images.npz"
        generate.main([*map(str, arguments), "--output", str(file), "--overwrite", "--device", "cpu"])
        with np.load(file) as content:
            return dict(content)

    return run


def pixels(module: Any, noise: torch.Tensor, *labels: torch.Tensor) -> np.ndarray:
    return to_uint8(module.sample(len(noise), noise, *labels), module.value_range)


def data_of(run: Path) -> Any:
    return instantiate(run_configuration(run)["data"])


def close(first: np.ndarray, second: np.ndarray) -> bool:
    """Tell whether images are the same but for the rounding of sums in another order."""
    return first.shape == second.shape and bool(np.abs(first.astype(int) - second).max() <= 1)


@pytest.mark.xdist_group("warm processes")
def test_a_folder_has_numbered_pictures_and_is_replaced_only_when_asked(acgan: Path, tmp_path: Path, cli) -> None:
    command = [str(acgan), "--output", "samples", "--seed", "3"]
    done = cli(tmp_path, *command, "-n", "5", script="generate.py")
    assert done.returncode == 0, done.stderr
    assert "5 images of iteration 5, averaged weights: samples" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["samples"]
    files = sorted((tmp_path / "samples").iterdir())
    assert [f.name for f in files] == [f"{i:05d}.png" for i in range(5)]
    module: Any = lightning_modules.load(acgan)
    expected = pixels(module, module.noise(5, 3), module.some_labels(5))
    assert close(np.stack([np.asarray(Image.open(f)) for f in files]), expected)

    (tmp_path / "samples" / "notes.txt").touch()
    refused = cli(tmp_path, *command, "-n", "2", script="generate.py")
    assert refused.returncode == 2
    assert refused.stderr == "error: samples is not empty; choose another --output, or add --overwrite\n"
    again = cli(tmp_path, *command, "-n", "2", "--overwrite", script="generate.py")
    assert again.returncode == 0, again.stderr
    assert {p.name for p in (tmp_path / "samples").iterdir()} == {"00000.png", "00001.png", "notes.txt"}


def test_one_picture_has_all_in_a_square(acgan: Path, tmp_path: Path) -> None:
    file = tmp_path / "new" / "grid.png"
    generate.main([str(acgan), "-n", "7", "--output", str(file), "--device", "cpu"])
    with Image.open(file) as picture:
        assert picture.size == (3 * 30 - 2, 3 * 30 - 2)


def test_images_are_a_function_of_the_seed_whatever_the_batch(acgan: Path, arrays) -> None:
    one, other = (arrays(acgan, "-n", 20, "--seed", 1, "--batch-size", size) for size in (3, 20))
    assert close(one["images"], other["images"])
    assert np.array_equal(one["noise"], other["noise"])
    assert one["images"].dtype == np.uint8
    assert one["images"].shape == (20, 28, 28, 3)
    assert not close(one["images"], arrays(acgan, "-n", 20, "--seed", 2)["images"])


def test_labels_take_turns_or_are_those_given(acgan: Path, arrays) -> None:
    turns = arrays(acgan, "-n", 12)
    assert turns["labels"][:, 0].tolist() == [*range(10), 0, 1]
    assert turns["label_names"].tolist() == ["digit"]
    threes = arrays(acgan, "-n", 12, "--label", "digit=3")
    assert threes["labels"].tolist() == [[3]] * 12
    assert close(threes["images"][[3]], turns["images"][[3]])
    assert not close(threes["images"][[4]], turns["images"][[4]])


def test_samples_are_of_the_average_unless_the_live_weights_are_asked_for(acgan: Path, arrays) -> None:
    module: Any = lightning_modules.load(acgan)
    noise, labels = module.noise(4, 0), module.some_labels(4)
    assert close(arrays(acgan, "-n", 4)["images"], pixels(module, noise, labels))
    module.ema = None
    live = arrays(acgan, "-n", 4, "--live-weights")["images"]
    assert close(live, pixels(module, noise, labels))
    assert not close(live, arrays(acgan, "-n", 4)["images"])


def test_truncation_bounds_the_noise(acgan: Path, arrays) -> None:
    assert np.abs(arrays(acgan, "-n", 50, "--truncation", 0.5)["noise"]).max() <= 0.5
    assert np.abs(arrays(acgan, "-n", 50)["noise"]).max() > 1


def test_walks_go_from_one_seed_to_the_other_with_their_labels(acgan: Path, arrays) -> None:
    walks = arrays(acgan, "-n", 8, "--steps", 4, "--interpolate", 1, 2)
    module: Any = lightning_modules.load(acgan)
    expected = spherical(module.noise(2, 1), module.noise(2, 2), 4)
    assert np.allclose(walks["noise"], expected.flatten(0, 1), atol=1e-5)
    assert walks["labels"][:, 0].tolist() == [0] * 4 + [1] * 4


def test_a_traversal_sets_one_dimension_a_row(tiny_run, arrays) -> None:
    content = arrays(tiny_run[0], "--traverse", 5, 2, "--steps", 3)
    assert (content["labels"].shape, content["label_names"].tolist()) == ((6, 0), [])
    walks = content["noise"].reshape(2, 3, 16)
    base = lightning_modules.load(tiny_run[0]).noise(1, 0)[0].numpy()
    for walk, dimension in zip(walks, (5, 2), strict=True):
        assert walk[:, dimension].tolist() == [-3, 0, 3]
        assert np.array_equal(np.delete(walk, dimension, 1), np.tile(np.delete(base, dimension), (3, 1)))


def test_a_traversal_chooses_the_dimensions_that_say_most_of_the_data(tiny_run, arrays, capsys) -> None:
    arrays(tiny_run[0], "--traverse", "-n", 9, "--steps", 3)
    chosen = [int(d) for d in capsys.readouterr().out.split("rows: dimensions ")[1].split("\n")[0].split()]
    module: Any = lightning_modules.load(tiny_run[0])
    mu, logvar = module.encode(data_of(tiny_run[0]).images("train", 96)["image"])
    kld = 0.5 * (mu**2 + logvar.exp() - logvar - 1).mean(0)
    assert chosen == kld.argsort(descending=True)[:3].tolist()


@pytest.mark.parametrize("extra", [[], ["--samples"]])
def test_an_edit_goes_along_the_difference_of_means(tiny_run, arrays, extra: list[str]) -> None:
    run = tiny_run[0]
    walks = arrays(run, "--edit", "Smiling", "-n", 6, "--steps", 3, "--reach", 2, *extra)["noise"].reshape(2, 3, 16)
    module: Any = lightning_modules.load(run)
    data = data_of(run)
    images = data.images("train", 96)
    smiling = images["labels"][:, data.attributes.index("Smiling")] == 1
    mu = module.encode(images["image"])[0]
    direction = mu[smiling].mean(0) - mu[~smiling].mean(0)
    base = module.noise(2, 0) if extra else module.encode(data.images("test", 2)["image"])[0]
    expected = torch.stack([base - 2 * direction, base, base + 2 * direction], 1)
    assert np.allclose(walks, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("model", "arguments", "sentence"),
    [
        ("acgan", ["--label", "digt=3"], "--label: there is no attribute 'digt'; did you mean digit?"),
        ("acgan", ["--label", "digit=10"], "--label digit=10: write digit=VALUE, a value from 0 to 9"),
        ("acgan", ["--label", "digit=1", "--label", "digit=2"], "digit is given twice; give each label once"),
        ("acgan", ["--output", "x.avi"], "ends in .png, .jpg, .webp, .gif, .mp4 or .npz, or a folder"),
        (
            "acgan",
            ["--output", "x.jfif"],
            "give a name that ends in .png, .jpg, .webp, .gif, .mp4 or .npz, or a folder",
        ),
        ("acgan", ["--output", "/proc/x.png"], "nothing can be written into /proc"),
        ("acgan", ["-n", "100000000000000000000"], "-n: this would take"),
        ("vae", ["--interpolate", "1", "2", "--steps", "10000000000", "--output", "x"], "--steps: this would take"),
        ("acgan", ["--edit", "digit"], "is not in a run folder"),
        ("acgan", ["--traverse", "3"], "--traverse and --edit need a VAE"),
        ("vae", ["--label", "Smiling=1"], "--label Smiling=1: VAE has no labels"),
        ("vae", ["--truncation", "1"], "VAE does not truncate its noise"),
        ("acgan", ["--sampler", "mixture"], "--sampler mixture needs a VAE, but"),
        ("vae", ["--traverse", "16"], "this model's dimensions are 0 to 15"),
        ("vae", ["--edit", "Smilin"], "--edit: there is no attribute 'Smilin'; did you mean Smiling?"),
        ("vae", ["--format", "png"], "is not a folder"),
        ("vae", [], "exists; choose another --output"),
        ("classifier", [], "is a checkpoint of Classifier, which generates no images; give a VAE or a GAN of any kind"),
        ("dann", [], "is a checkpoint of DANN, which generates no images"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    model: str, arguments: list[str], sentence: str, acgan: Path, tiny_run, untrained, tmp_path: Path, capsys
) -> None:
    models = {"acgan": lambda: acgan, "vae": lambda: tiny_run[0]}
    models["classifier"] = lambda: untrained("model=classifier", "data=digits")
    models["dann"] = lambda: untrained("model=dann", "data=digits_mnist5k")
    output = tmp_path / "images.png"
    if "exists" in sentence or "not a folder" in sentence:
        output.touch()
    with pytest.raises(SystemExit) as left:
        generate.main([str(models[model]()), "--output", str(output), *arguments])
    assert left.value.code == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("error: ")
    assert sentence in said
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--seed", "-1"], ["--seed", "4294967296"], ["--interpolate", "1", "9" * 20], ["--reach", "nan"]),
        *(["--reach", "inf"], ["--truncation", "nan"], ["-n", "0"], ["-n", "1e3"], ["--steps", "-1"]),
        ["--batch-size", "0"],
    ],
)
def test_numbers_that_make_no_sense_are_refused(arguments: list[str], acgan: Path, capsys) -> None:
    with pytest.raises(SystemExit) as left:
        generate.main([str(acgan), *arguments])
    assert left.value.code == 2
    assert f"argument {arguments[0]}: invalid " in capsys.readouterr().err


def test_latents_come_from_the_mixture_where_asked(tiny_run, arrays) -> None:
    module: Any = lightning_modules.load(tiny_run[0])
    prior, mixture = (arrays(tiny_run[0], "-n", 6, "--sampler", name)["noise"] for name in ("prior", "mixture"))
    assert np.array_equal(prior, module.noise(6, 0).numpy())
    module.sampler = "mixture"
    assert np.array_equal(mixture, module.noise(6, 0).numpy())
    assert not np.allclose(prior, mixture, atol=0.1)
    walk = arrays(tiny_run[0], "-n", 6, "--steps", 3, "--interpolate", 1, 2, "--sampler", "mixture")["noise"]
    np.testing.assert_allclose(walk[::3], module.noise(2, 1).numpy(), atol=1e-5)


def test_samples_need_no_data(tiny_run, tmp_path: Path) -> None:
    shutil.copytree(tiny_run[0] / "checkpoints", tmp_path / "run" / "checkpoints")  # no config.yaml to name any
    generate.main([str(tmp_path / "run"), "-n", "2", "--output", str(tmp_path / "two"), "--device", "cpu"])
    assert len(list((tmp_path / "two").iterdir())) == 2


@pytest.mark.parametrize(
    ("name", "kind"), [("x.jpg", "JPEG"), ("x.JPEG", "JPEG"), ("x.PNG", "PNG"), ("x.webp", "WEBP")]
)
def test_a_picture_has_the_format_of_its_name(name: str, kind: str, acgan: Path, tmp_path: Path) -> None:
    generate.main([str(acgan), "-n", "2", "--output", str(tmp_path / name), "--device", "cpu"])
    with Image.open(tmp_path / name) as picture:
        assert picture.format == kind
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_only_pictures_that_were_generated_are_replaced(acgan: Path, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "samples"
    command = [str(acgan), "--output", str(folder), "--device", "cpu", "--overwrite"]
    generate.main([*command, "-n", "4"])
    mine = ["2024-holiday.png", "7.png", "2020_x.png", "123456.jpg"]
    for name in mine:
        (folder / name).write_text("mine", encoding="utf-8")
    (tmp_path / "samples.part").mkdir()
    generate.main([*command, "-n", "2"])
    assert {f.name for f in folder.iterdir()} == {*mine, "00000.png", "00001.png"}
    assert (tmp_path / "samples.part").is_dir()
    Image.new("RGB", (8, 8)).save(folder / "00001.png")
    with pytest.raises(SystemExit):
        generate.main([*command, "-n", "3"])
    assert "00001.png was not written by generate.py; move it away" in capsys.readouterr().err


def test_without_output_each_call_writes_a_new_picture_into_the_run_folder(tiny_run, tmp_path: Path, capsys) -> None:
    run = shutil.copytree(tiny_run[0], tmp_path / "run", ignore=shutil.ignore_patterns("tensorboard", "figures"))
    command = [str(run), "-n", "4", "--device", "cpu"]
    for arguments in ([], [], ["--interpolate", "1", "2", "--format", "film"]):
        generate.main([*command, *arguments])
    written = ["interpolate_000.gif", "samples_000.png", "samples_001.png"]
    assert sorted(file.name for file in (run / "generated").iterdir()) == written
    assert str(run / "generated" / "samples_001.png") in capsys.readouterr().out


def test_a_model_with_one_label_needs_only_its_value(acgan: Path, arrays) -> None:
    assert arrays(acgan, "-n", 3, "--label", "7")["labels"].tolist() == [[7], [7], [7]]


def test_a_film_of_walks_goes_to_their_ends_and_back_and_stops_there(acgan: Path, tmp_path: Path) -> None:
    file = tmp_path / "walks.gif"
    command = [str(acgan), "--output", str(file), "--device", "cpu", "-n", "20", "--steps", "5"]
    generate.main([*command, "--interpolate", "1", "2"])
    durations, sizes = [], set()
    with Image.open(file) as film:
        for number in range(film.n_frames):
            film.seek(number)
            durations.append(film.info["duration"])
            sizes.add(film.size)
    assert durations == [480, 120, 120, 120, 480, 120, 120, 120]
    assert sizes == {(58, 58)}  # four walks at once, of images of 28 pixels, with 2 between


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg")
def test_an_mp4_has_every_sample(acgan: Path, tmp_path: Path) -> None:
    file = tmp_path / "samples.mp4"
    generate.main([str(acgan), "--output", str(file), "--device", "cpu", "-n", "5"])
    probe = [
        "ffprobe",
        "-v",
        "error",
        "-count_frames",
        "-show_entries",
        "stream=nb_read_frames,width",
        "-of",
        "csv=p=0",
    ]
    seen = subprocess.run([*probe, str(file)], capture_output=True, text=True, check=True).stdout.strip()
    assert seen == "280,50"  # ten times its size; two seconds at 25 pictures a second


def test_without_a_codec_it_says_what_to_install(acgan: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(film, "_ffmpeg", lambda: None)
    with pytest.raises(SystemExit):
        generate.main([str(acgan), "--output", str(tmp_path / "x.mp4")])
    assert "an .mp4 needs ffmpeg, which is not installed; pip install imageio-ffmpeg" in capsys.readouterr().err
