"""Two folders of images as a pair of domains: classes matched by name, labels of the target for the test alone."""

from pathlib import Path
from typing import Any

import pytest
from support.class_folders import write_classes

from adversaria.config.errors import UserError
from datamodules.domains import domain_names, open_domains
from datamodules.preflight import preflight
from datamodules.readers.folder import Folder
from datamodules.readers.listing import numbered
from datamodules.readers.matched import Matched

LABELS = ["class"]


def opened(source: str, target: str, labelled: Any = "source") -> dict[Any, Matched]:
    return open_domains(Folder, {"source": source, "target": target}, LABELS, labelled)  # type: ignore[return-value]


def test_classes_are_matched_by_name_in_whatever_order_the_folders_have_them(tmp_path: Path) -> None:
    source = write_classes(tmp_path / "a", {"cat": 10, "dog": 20, "horse": 30})
    target = write_classes(tmp_path / "b", {"horse": 30, "dog": 20})
    for reader in opened(source, target).values():
        assert reader.classes() == {"class": ["cat", "dog", "horse"]}
        index = reader.splits()["test"]
        red = [int(reader.read(name, 8)[0, 0, 0]) for name in index.names]
        assert [(value + 1) * 10 for value in index.labels[:, 0].tolist()] == red


def test_a_target_without_class_folders_has_unknown_labels(tmp_path: Path) -> None:
    source, target = write_classes(tmp_path / "a", {"cat": 10, "dog": 20}), write_classes(tmp_path / "b", {"": 10})
    reader = opened(source, target)["target"]
    assert reader.attributes() == LABELS
    assert {value for index in reader.splits().values() for value in index.labels.flatten().tolist()} == {-1}


def test_the_images_of_the_classes_take_turns(tmp_path: Path) -> None:
    source = write_classes(tmp_path / "a", {"cat": 10, "dog": 20})
    assert opened(source, source)["source"].splits()["train"].labels[:, 0].tolist() == [0, 1] * 4
    names = ["b/img_10.png", "a/img_9.png", "a/cat.png", "b/7/00011.png"]
    assert sorted(names, key=numbered) == ["a/cat.png", "a/img_9.png", "b/img_10.png", "b/7/00011.png"]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, {"source": "amazon", "target": "dslr"}),
        ({"target": "camera"}, {"source": "amazon", "target": "camera"}),
        ({"target_root": "/x/office/amazon/images"}, {"source": "source", "target": "target"}),
    ],
)
def test_domains_are_named_by_the_last_parts_of_their_folders_that_differ(given: Any, names: Any) -> None:
    roots = {"source_root": "/x/office/amazon/images", "target_root": "/x/office/dslr/images"}
    assert domain_names({**roots, "source": None, "target": None, **given}) == names


REFUSED = {
    "a target with other classes": (
        {"cat": 1, "dog": 2},
        {"Cat": 1, "dog": 2, "eel": 3},
        {},
        r"data\.target_root=.*b: the source lacks the class Cat, eel; did you mean cat\?.* the source has cat, dog",
    ),
    "a source without labels": (
        {"": 1},
        {"cat": 1, "dog": 2},
        {},
        r"data\.source_root=.*a: .*a folder for each of two classes or more",
    ),
    "no labels to train on": (
        {"cat": 1, "dog": 2},
        {"": 1},
        {"labelled": "target"},
        r"data\.target_root=.*b: the target has no label class to train on; .* e\.g\. model=source_only",
    ),
    "several labels": ({"cat": 1, "dog": 2}, {"cat": 1, "dog": 2}, {"labels": ["class", "age"]}, "of one label"),
    "another label": ({"cat": 1, "dog": 2}, {"cat": 1, "dog": 2}, {"labels": ["age"]}, "add a column age"),
    "no such folder": ({"cat": 1, "dog": 2}, None, {}, r"data\.target_root=.*b: there is no such folder"),
    "a source of one class": (
        {"cat": 1},
        {"cat": 1},
        {},
        r"data\.source_root=.*a folder for each of two classes or more",
    ),
}


def test_a_network_that_knows_digits_alone_is_refused(compose: Any, tmp_path: Path) -> None:
    root = write_classes(tmp_path / "a", {"cat": 1, "dog": 2})
    roots = {"source_root": root, "target_root": root}
    config = compose("model=dann", "data=folder_pair", "model/network=report_a_dann")
    with pytest.raises(
        UserError, match=r"LabDigitNetwork knows the label digit alone, and the data has class; .*=compact"
    ):
        preflight({**config["data"], **roots, "batch_size": 2}, config["model"])


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_sentence(compose: Any, tmp_path: Path, case: str) -> None:
    source, target, changes, message = REFUSED[case]
    for name, classes in (("a", source), ("b", target)):
        if classes is not None:
            write_classes(tmp_path / name, classes)
    config = compose(
        "model=dann", "data=folder_pair", "data.source_root=unused/a", "data.target_root=unused/b", folder=tmp_path
    )
    with pytest.raises(UserError, match=message) as error:
        preflight({**config["data"], **changes}, config["model"])
    assert "\n" not in str(error.value)
