from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from adversaria.config.errors import ConfigError, DataError
from datamodules.images import ImagesDataModule, normalize
from datamodules.readers.base import SPLITS, SplitIndex


def stand_in(**values):
    """A trainer as far as the data module knows it."""
    return SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("cpu")), **values)


class Ramps:
    """Reader of dark-to-bright ramps: pixel x of image i is 50 x + i, so that a mirrored one falls; label 0 is i."""

    name = "ramps"

    def attributes(self):
        return ["Index", "Odd", "Third"]

    def fingerprint(self):
        return {}

    def splits(self):
        return {
            split: SplitIndex([str(i) for i in range(n)], np.array([(i, i % 2, i % 3) for i in range(n)], np.int8))
            for split, n in (("train", 40), ("val", 7), ("test", 5))
        }

    def read(self, name, size):
        row = 50 * np.arange(size) + int(name)
        return np.broadcast_to(row[None, :, None], (size, size, 3)).astype(np.uint8)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture
def faces(tmp_path):
    def build(**changes):
        arguments = {"image_size": 4, "batch_size": 8, "horizontal_flip": False, "cache_dir": str(tmp_path)} | changes
        return ImagesDataModule(Ramps, **arguments)

    return build


class BatchKeeper(pl.LightningModule):
    """Keeps the batches that Lightning delivers, after transfer and normalisation."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen = {"train": [], "val": [], "test": []}

    def training_step(self, batch, batch_idx):
        self.seen["train"].append((self.current_epoch, batch))
        return self.weight**2

    def validation_step(self, batch, batch_idx):
        self.seen["val"].append((self.current_epoch, batch))

    def test_step(self, batch, batch_idx):
        self.seen["test"].append((self.current_epoch, batch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


@pytest.fixture
def fit(tmp_path):
    def run(datamodule):
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=2,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            log_every_n_steps=1,
            default_root_dir=str(tmp_path),
        )
        module = BatchKeeper()
        trainer.fit(module, datamodule=datamodule)
        trainer.test(module, datamodule=datamodule, verbose=False)
        return module.seen

    return run


def mirrored(batch):
    """Which images of a batch fall from left to right."""
    return batch["image"][:, 0, 0, 0] > batch["image"][:, 0, 0, -1]


@pytest.mark.parametrize(("value_range", "middle"), [((-1.0, 1.0), 0.2), ((0.0, 1.0), 0.6), ((-0.5, 2.0), 1.0)])
def test_normalisation_maps_0_and_255_to_the_ends(value_range, middle):
    image = torch.tensor([0, 153, 255], dtype=torch.uint8).view(1, 3, 1, 1)  # 153 = 0.6 * 255
    normal = normalize(image, value_range)
    assert normal.dtype == torch.float32
    torch.testing.assert_close(normal.flatten(), torch.tensor([value_range[0], middle, value_range[1]]))
    assert image.flatten().tolist() == [0, 153, 255]


def test_a_batch_is_normalised_after_the_transfer_and_stays_channels_last(faces):
    datamodule = faces(value_range=[0, 1])
    (batch, *_) = datamodule.val_dataloader()
    assert batch["image"].dtype == torch.uint8
    normal = datamodule.on_after_batch_transfer(batch, 0)
    assert normal["image"].is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(normal["image"][:, 0, 2, 1], (50 + torch.arange(7)) / 255)


def test_fit_delivers_every_epoch_in_another_order_and_flips_only_in_training(faces, fit):
    seen = fit(faces(horizontal_flip=True, value_range=(0.0, 1.0), seed=1))
    orders = [
        torch.cat([batch["labels"][:, 0] for epoch, batch in seen["train"] if epoch == e]).tolist() for e in (0, 1)
    ]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(40))
    assert orders[0] != orders[1]
    flipped = torch.cat([mirrored(batch) for _, batch in seen["train"]])
    assert 20 < flipped.sum() < 60  # of 80; a fair coin is outside once in 100,000 times
    for part in ("val", "test"):
        assert seen[part]
        assert not any(mirrored(batch).any() for _, batch in seen[part])
    for _, batch in seen["train"]:
        darkest = (batch["image"].amin((1, 2, 3)) * 255).round().int()
        assert torch.equal(darkest, batch["labels"][:, 0].int())  # labels still belong to their images
        assert torch.equal(batch["labels"][:, 1], batch["labels"][:, 0] % 2)


@pytest.mark.parametrize(("flip", "training", "both"), [(True, True, True), (True, False, False), (False, True, False)])
def test_flips_need_the_switch_and_training(faces, flip, training, both):
    datamodule = faces(horizontal_flip=flip, batch_size=40)
    datamodule.trainer = stand_in(training=training, world_size=1, global_rank=0)
    (raw,) = datamodule.loader("train")
    batch = datamodule.on_after_batch_transfer(dict(raw), 0)
    assert mirrored(batch).unique().tolist() == ([False, True] if both else [False])
    assert torch.equal(batch["labels"], raw["labels"])
    assert batch["image"].is_contiguous(memory_format=torch.channels_last)


def test_a_flipped_image_is_the_mirror_image(faces):
    datamodule = faces(horizontal_flip=True, batch_size=40)
    datamodule.trainer = stand_in(training=True, world_size=1, global_rank=0)
    (raw,) = datamodule.loader("train")
    image = datamodule.on_after_batch_transfer(dict(raw), 0)["image"]
    plain = normalize(raw["image"], (-1.0, 1.0))
    expected = torch.stack([p.flip(-1) if m else p for p, m in zip(plain, mirrored({"image": image}), strict=True)])
    torch.testing.assert_close(image, expected)


@pytest.mark.parametrize(
    ("attributes", "labels"),
    [(None, [3, 1, 0]), (["Third", "Index"], [0, 3]), (["Odd"], [1]), ([], [])],
)
def test_attributes_are_delivered_in_the_order_asked_for(faces, attributes, labels):
    datamodule = faces(attributes=attributes)
    assert datamodule.attributes == (["Index", "Odd", "Third"] if attributes is None else attributes)
    assert datamodule.images("test", 4)["labels"][3].tolist() == labels


def test_an_unknown_attribute_is_named_with_the_nearest(faces):
    with pytest.raises(ConfigError, match="there is no attribute 'Indx'; did you mean Index"):
        faces(attributes=["Odd", "Indx"])


def test_an_empty_value_range_is_refused(faces):
    with pytest.raises(ConfigError, match="value_range"):
        faces(value_range=[1, 0])


def test_a_batch_larger_than_the_training_split_is_refused(faces):
    with pytest.raises(ConfigError, match=r"data.batch_size=41: the train split has only 40 images"):
        faces(batch_size=41).setup("fit")
    faces(batch_size=40).setup("fit")


def test_a_batch_larger_than_the_training_split_is_fine_for_evaluation(faces, tmp_path):
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, default_root_dir=str(tmp_path))
    module = BatchKeeper()
    for action in (trainer.validate, trainer.test):
        action(module, datamodule=faces(batch_size=64), verbose=False)
    assert [[len(batch["image"]) for _, batch in module.seen[split]] for split in ("val", "test")] == [[7], [5]]


def test_the_batch_size_is_held_against_the_share_of_one_process(faces):
    datamodule = faces(batch_size=21)
    datamodule.trainer = stand_in(world_size=2, global_rank=0)
    with pytest.raises(ConfigError, match="only 20 images for each process"):
        datamodule.setup("fit")


def test_loaders_shuffle_and_drop_the_rest_in_training_only(faces):
    datamodule = faces(batch_size=6)
    train = [batch["labels"][:, 0].tolist() for batch in datamodule.train_dataloader()]
    assert [len(b) for b in train] == [6] * 6
    order = list(chain(*train))
    assert order != sorted(order)
    assert [batch["labels"][:, 0].tolist() for batch in datamodule.val_dataloader()] == [[0, 1, 2, 3, 4, 5], [6]]
    assert [batch["labels"][:, 0].tolist() for batch in datamodule.test_dataloader()] == [[0, 1, 2, 3, 4]]


def test_the_order_follows_the_seed(faces):
    orders = [faces(seed=s).train_dataloader().sampler.indices().tolist() for s in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]


def test_processes_get_their_own_part(faces):
    parts = []
    for rank in (0, 1):
        datamodule = faces()
        datamodule.trainer = stand_in(world_size=2, global_rank=rank)
        parts.append({loader: [] for loader in ("train", "test")})
        for name, part in parts[-1].items():
            loader = getattr(datamodule, f"{name}_dataloader")()
            part += torch.cat([batch["labels"][:, 0] for batch in loader]).tolist()
    assert (parts[0]["test"], parts[1]["test"]) == ([0, 2, 4], [1, 3])
    assert len(parts[0]["train"]) == len(parts[1]["train"]) == 16
    assert not set(parts[0]["train"]) & set(parts[1]["train"])


@pytest.mark.parametrize(("count", "delivered"), [(1, 1), (3, 3), (5, 5), (9, 5)])
def test_images_are_the_first_of_the_split_normalised(faces, count, delivered):
    batch = faces(batch_size=2).images("test", count)
    assert batch["labels"][:, 0].tolist() == list(range(delivered))
    torch.testing.assert_close(batch["image"][:, 1, 3, 0], torch.arange(delivered) * 2 / 255 - 1)
    assert batch["image"].shape == (delivered, 3, 4, 4)


def test_images_are_the_same_in_every_process(faces):
    datamodule = faces()
    datamodule.trainer = stand_in(world_size=2, global_rank=1)
    assert datamodule.images("test", 3)["labels"][:, 0].tolist() == [0, 1, 2]


def test_prepare_data_builds_the_cache(faces, tmp_path):
    datamodule = faces()
    assert list(tmp_path.iterdir()) == []
    datamodule.prepare_data()
    assert len(list(tmp_path.glob("ramps_4_*/index.json"))) == 1


def test_describe_says_what_the_figures_rest_on(faces):
    assert faces(value_range=[0, 1], horizontal_flip=True).describe() == {
        "data": "ramps",
        "n_train": 40,
        "n_val": 7,
        "n_test": 5,
        "n_unreadable": 0,
        "image_size": 4,
        "value_range": [0, 1],
        "horizontal_flip": True,
        "batch_size": 8,
    }


def test_a_label_that_no_training_image_has_is_said(faces, caplog, monkeypatch):
    def splits(reader):
        return {s: SplitIndex(["0"] * 9, np.full((9, 3), 1, np.int8)) for s in ("train", "val", "test")}

    faces(attributes=["Odd", "Third"]).setup("fit")
    assert caplog.text == ""
    monkeypatch.setattr(Ramps, "splits", splits)
    monkeypatch.setattr(Ramps, "fingerprint", lambda _: "alike")
    faces(attributes=["Odd"]).setup("test")
    assert "no training image" not in caplog.text
    faces(attributes=["Odd"]).setup("fit")
    assert "no training image of ramps has the label Odd=0" in caplog.text


def test_a_trained_label_with_a_value_that_was_not_held_out_is_refused(faces, monkeypatch):
    def splits(reader):
        train = np.array([[1, 1, 1]] * 8 + [[0, 0, 0]], np.int8)
        return {s: SplitIndex(["0"] * 9, train if s == "train" else train[:1].repeat(9, 0)) for s in SPLITS}

    monkeypatch.setattr(Ramps, "splits", splits)
    monkeypatch.setattr(Ramps, "fingerprint", lambda _: "one alone")
    data = faces(attributes=["Odd"])
    data.trainer = SimpleNamespace(lightning_module=SimpleNamespace(labels=["Odd"]), world_size=1)
    data.setup("fit")  # the validation part is the data set's own
    monkeypatch.setattr(Ramps, "val_fraction", 0.1, raising=False)
    with pytest.raises(DataError, match="ramps has too few images with Odd=0"):
        data.setup("fit")
