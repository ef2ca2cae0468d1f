"""Protocols of version 0.1.0, whose keys were phrases, are read with the keys of today."""

from adversaria.config.renamed import renamed_protocol
from adversaria.runs.wording import readable

GENERATED = {
    "weights": "last",
    "source": "celeba",
    "train images": 37540,
    "test images": 4640,
    "images left out as unreadable": 0,
    "image size": "64x64x3",
    "normalisation": "(-1, 1)",
    "horizontal flips": True,
    "batch size": 128,
    "generated images": 5000,
    "compared with": "test split",
    "floor": "all validation images",
    "labels of generated images": "those of the test split in turn",
    "seed of the noise": 3,
    "KID": "mean over 50 subsets of up to 1000",
    "images whose labels were checked, for each label": 1000,
    "extractor": "celeba-attr (0123abcd)",
    "extractor's labels": "Smiling, Male",
    "extractor's own test accuracy": 0.91,
}
TODAY = {
    "weights": "last",
    "data": "celeba",
    "n_train": 37540,
    "n_test": 4640,
    "n_unreadable": 0,
    "image_size": 64,
    "value_range": [-1.0, 1.0],
    "horizontal_flip": True,
    "batch_size": 128,
    "n_generated": 5000,
    "compared_with": "test",
    "floor_split": "val",
    "generated_labels_of": "test",
    "noise_seed": 3,
    "kid_subsets": 50,
    "kid_subset_size": 1000,
    "n_label_images": 1000,
    "extractor": "celeba-attr",
    "extractor_digest": "0123abcd",
    "extractor_labels": ["Smiling", "Male"],
    "extractor_accuracy": 0.91,
}


def test_an_old_protocol_has_todays_keys_in_its_order() -> None:
    assert renamed_protocol(GENERATED) == TODAY
    assert list(renamed_protocol(GENERATED)) == list(TODAY)


def test_todays_protocol_stays_as_it_is() -> None:
    assert renamed_protocol(TODAY) == TODAY
    pair = {"source": "usps", "target": "mnistm", "n_test_target": 9001, "labelled": "source"}
    assert renamed_protocol(pair) == pair


def test_the_inception_network_has_its_name() -> None:
    old = {"extractor": "Inception (torch-fidelity), TensorFlow's resize, no antialiasing"}
    assert renamed_protocol(old) == {"extractor": "inception"}
    assert readable({"extractor": "inception"}) == old


def test_people_read_what_they_read_before() -> None:
    read = readable(TODAY)
    same = {k: v for k, v in GENERATED.items() if k not in ("source", "KID", "extractor")}
    assert {k: read[k] for k in same} == same
