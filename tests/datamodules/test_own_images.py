"""What is said of anyone's images, at the start of a run and in its record."""

import json
import logging
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support.albums import album, encoded, listing, names, picture

from adversaria.config.instantiate import instantiate
from adversaria.runs.wording import readable
from datamodules.array_cache import load_cache
from datamodules.own_images import OwnImagesDataModule
from datamodules.preflight import preflight
from datamodules.readers.folder import Folder


def write_phone_pictures(root):
    """Write twelve pictures in two folders, among them all that has to be converted."""
    album(root, names(["cats", "dogs"], 3))
    turned = Image.Exif()
    turned[0x0112] = 6
    sixteen = Image.fromarray(np.full((9, 9), 40_000, np.uint16))
    others = {
        "turned.jpg": encoded(picture(1, 30, 20), "JPEG", exif=turned.tobytes()),
        "clear.png": encoded(picture(2).convert("RGBA")),
        "deep.png": encoded(sixteen),
        "grey.jpg": encoded(picture(3).convert("L"), "JPEG"),
        "inks.jpg": encoded(picture(4).convert("CMYK"), "JPEG"),
        "few.png": encoded(picture(5).convert("P")),
    }
    for name, data in others.items():
        (root / "cats" / name).write_bytes(data)
    (root / "dogs" / "cut.jpg").write_bytes(encoded(picture(6), "JPEG")[:200])
    (root / "dogs" / "film.mov").write_bytes(b"x")
    return root


@pytest.fixture
def module(tmp_path):
    root = write_phone_pictures(tmp_path / "phone")
    return OwnImagesDataModule(
        Folder, root=str(root), image_size=8, batch_size=4, horizontal_flip=True, cache_dir=str(tmp_path / "cache")
    )


def test_three_lines_say_what_is_read_and_nothing_is_written_to_the_folder(module, caplog):
    before = listing(module.reader.root)
    with caplog.at_level(logging.INFO):
        module.prepare_data()
        module.prepare_data()  # for the test
    skipped = next(message for message in caplog.messages if message.startswith("skipped"))
    assert skipped.startswith(f"skipped 1 unreadable image of {module.reader.root}; the first: ")
    assert skipped.endswith(
        "dogs/cut.jpg is not a readable image (Truncated File Read)"
    )  # they were skipped: no word of how to skip them
    lines = [record.getMessage() for record in caplog.records if record.name == "datamodules.own_images"]
    assert lines == [
        f"{module.reader.root}: 13 images (1 of them unreadable), 9 train, 2 val, 2 test, "
        "parted by a hash of the names",
        "labels: class (9 cats, 4 dogs)",
        "9x9 to 30x20 pixels, data.crop=centre; converted: 1 CMYK, 1 grey, 1 of 16 bits, 1 turned upright, "
        "1 with a palette, 1 with transparency; left out: 1 unreadable, 1 .mov",
    ]
    assert listing(module.reader.root) == before
    again = OwnImagesDataModule(
        Folder,
        root=str(module.reader.root),
        image_size=8,
        batch_size=4,
        horizontal_flip=True,
        cache_dir=module.cache_dir,
    )
    with caplog.at_level(logging.INFO):
        again.prepare_data()  # from the cache
    assert caplog.messages[-3:] == lines


def test_a_training_of_few_iterations_is_said_with_the_cure(module, caplog):
    module.trainer = SimpleNamespace(max_epochs=5, world_size=1)
    module.setup("fit")
    assert caplog.messages[-1].startswith("10 iterations in all are a short training; with trainer.max_epochs=1000")
    caplog.clear()
    module.trainer.max_epochs = 300
    module.setup("fit")
    module.setup("test")
    assert caplog.messages == []


def test_the_record_says_the_same(module):
    found = module.describe()
    assert found["label_counts"] == {"class": {"cats": 9, "dogs": 4}}
    assert (found["n_unreadable"], found["left_out"], found["sizes"]) == (1, {".mov": 1}, [[9, 9], [30, 20]])
    assert found["converted"]["turned upright"] == 1
    shown = readable(found)
    assert shown["images of each label"] == "class: 9 cats, 4 dogs"
    assert shown["sizes as stored"] == "9x9 to 30x20"
    assert shown["left out"] == "1 .mov"


@pytest.mark.parametrize(
    "notes", [[1], {}, {"sizes": 3}, {"sizes": [[1]]}, {"converted": {"x": "y"}}, {"sizes": [["a", "b"]]}]
)
def test_a_cache_with_other_notes_is_built_again(module, notes):
    index = module.cache.folder / "index.json"
    content = json.loads(index.read_text(encoding="utf-8"))
    assert load_cache(module.cache.folder) is not None
    index.write_text(json.dumps({**content, "notes": notes}), encoding="utf-8")
    assert (load_cache(module.cache.folder) is None) == bool(notes)


def test_data_crop_reaches_the_reader_and_the_check_before_torch(compose, tmp_path):
    root = write_phone_pictures(tmp_path / "phone")
    data = compose("data=folder", f"data.root={root}", "data.crop=top", "data.batch_size=8")["data"]
    preflight(data, {})
    built = instantiate(data)
    assert (built.reader.crop, built.on_bad_image, built.reader.root) == ("top", "skip", root)


@pytest.mark.parametrize("model", ["gan", "wgan", "vae"])
@pytest.mark.parametrize(
    "files", [[f"{i}.png" for i in range(12)], [*names(["cats"], 12), "dogs/one.png"]], ids=["none", "one of a class"]
)
def test_a_model_without_labels_takes_images_without_labels(compose, tmp_path, model, files):
    root = album(tmp_path / "plain", files)
    config = compose("data=folder", f"model={model}", f"data.root={root}", "data.batch_size=8")
    preflight(config["data"], config["model"], training=True)
    assert not config["model"]["network"].get("labels")
