"""Data sets that the package datasets loads; they are written to the disk here."""

import logging
import re
import sys

import numpy as np
import pytest
from support.albums import album, encoded, listing, names, picture

from adversaria.config.errors import ConfigError, DataError
from datamodules.readers.huggingface import HuggingFace

datasets = pytest.importorskip("datasets", reason="datasets is not installed: pip install -e '.[dev]'")


@pytest.fixture(autouse=True)
def _quiet(monkeypatch, tmp_path_factory):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
    datasets.disable_progress_bars()


def table(count, start=0, unlabelled=0):
    """Return a data set of some pictures."""
    columns = {
        "id": [f"picture {start + i}" for i in range(count)],
        "photo": [{"bytes": encoded(picture(start + i)), "path": None} for i in range(count)],
        "kind": [-1 if i < unlabelled else i % 3 for i in range(count)],
        "nice": [i % 2 == 1 for i in range(count)],
        "score": [i / 7 for i in range(count)],
    }
    kinds = datasets.Features(
        {
            "id": datasets.Value("string"),
            "photo": datasets.Image(),
            "kind": datasets.ClassLabel(names=["owl", "ant", "bee"]),
            "nice": datasets.Value("bool"),
            "score": datasets.Value("float32"),
        }
    )
    return datasets.Dataset.from_dict(columns, features=kinds)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    datasets.disable_progress_bars()
    folder = tmp_path_factory.mktemp("hub") / "animals"
    parts = {"train": table(40), "validation": table(6, 40, unlabelled=2), "extra": table(4)}
    datasets.DatasetDict(parts).save_to_disk(str(folder))
    return folder


def test_columns_splits_and_pixels_are_those_of_the_data_set(saved):
    before = listing(saved)
    reader = HuggingFace(str(saved))
    assert reader.attributes() == ["kind", "nice"]
    assert reader.classes() == {"kind": ["owl", "ant", "bee"]}
    splits = reader.splits()
    assert splits["val"].names == [f"val/{i}" for i in range(2, 6)]  # two have no label
    assert splits["val"].labels.tolist() == [[i % 3, i % 2] for i in range(2, 6)]
    assert len(splits["train"]) + len(splits["test"]) == 40
    np.testing.assert_array_equal(reader.read("val/3", 10), np.asarray(picture(43))[:, 1:11])
    first, _, third = reader.sentences(reader.tally.summary(), 0)
    assert "parted by the splits of the data set; test by a hash of the names" in first
    assert "left out: 4 in the split extra, 2 without a label" in third
    assert listing(saved) == before


def test_columns_can_be_chosen(saved):
    assert HuggingFace(str(saved), label_columns=["nice"], image_column="photo").attributes() == ["nice"]
    with pytest.raises(ConfigError, match=r"label_columns: there is no column 'nise'; did you mean nice"):
        HuggingFace(str(saved), label_columns=["nise"]).attributes()
    with pytest.raises(DataError, match=r"has no column of images kind; its columns are id, photo, kind"):
        HuggingFace(str(saved), image_column="kind").attributes()


def test_a_folder_of_images_is_read_as_the_package_does(tmp_path):
    root = album(tmp_path / "pets", [name for name in names(["cats", "dogs"]) if name.endswith(".png")])
    before = listing(root)
    reader = HuggingFace(str(root))
    assert reader.classes() == {"label": ["cats", "dogs"]}
    assert reader.read("train/0", 8).shape == (8, 8, 3)
    assert listing(root) == before


def test_an_image_outside_of_the_data_set_is_not_read(tmp_path):
    (tmp_path / "private.png").write_bytes(encoded(picture(0)))
    rows = {"image": [{"bytes": None, "path": str(tmp_path / "private.png")}] * 3}
    made = datasets.Dataset.from_dict(rows, features=datasets.Features({"image": datasets.Image()}))
    made.save_to_disk(str(tmp_path / "set"))
    pyarrow = pytest.importorskip("pyarrow")
    (file,) = (tmp_path / "set").glob("*.arrow")  # which has the image itself now
    with pyarrow.OSFile(str(file), "wb") as sink, pyarrow.ipc.new_stream(sink, made.data.schema) as stream:
        stream.write_table(made.data.table)
    reader = HuggingFace(str(tmp_path / "set"))
    assert reader.attributes() == []
    with pytest.raises(DataError, match=r"private\.png is outside the data set"):
        reader.read("train/0", 8)


def test_without_network_package_or_name_there_is_one_sentence(monkeypatch, caplog):
    client = logging.getLogger("huggingface_hub.utils._http")

    def no_network(*_, **__):
        client.warning("Retrying in 1s [Retry 1/5].")
        raise ConnectionError("Couldn't reach 'me/pets' on the Hub\nmore")

    monkeypatch.setattr(datasets, "load_dataset", no_network)
    text = (
        "data.name=me/pets cannot be loaded (Couldn't reach 'me/pets' on the Hub); give the name of a data set of the"
    )
    with pytest.raises(DataError, match=re.escape(text)):
        HuggingFace("me/pets").attributes()
    assert caplog.messages == []
    client.warning("said as before")
    assert caplog.messages == ["said as before"]
    with pytest.raises(ConfigError, match=r"data\.name is not set: write data\.name=NAME"):
        HuggingFace()
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"needs the package datasets, .*: pip install -e '\.\[huggingface\]'"):
        HuggingFace("me/pets").attributes()
