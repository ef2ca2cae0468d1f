"""Pairs of digit sets: what a batch has, what an epoch is, and that labels of the target are nowhere in it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from adversaria.config.errors import ConfigError
from datamodules.augmentation import Augmentation
from datamodules.digit_pair import DigitPairDataModule
from datamodules.readers.base import SplitIndex


class Plain:
    """Reader of plain images: image i of `train` has the value `start + i`, its label is i modulo 10."""

    def __init__(self, name, start, count):
        self.name, self.start, self.count = name, start, count

    def attributes(self):
        return ["digit"]

    def fingerprint(self):
        return {"start": self.start, "count": self.count}

    def splits(self):
        sizes = {"train": self.count, "val": 6, "test": 12}
        return {
            s: SplitIndex([str(i) for i in range(n)], (np.arange(n) % 10).astype(np.int8)[:, None])
            for s, n in sizes.items()
        }

    def read(self, name, size):
        return np.full((size, size, 3), self.start + int(name), np.uint8)


SETS = {"small": lambda: Plain("small", 0, 20), "large": lambda: Plain("large", 100, 50)}


def stand_in(**values):
    """A trainer as far as the data module knows it."""
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    return SimpleNamespace(**{"strategy": strategy, "world_size": 1, "global_rank": 0, "overfit_batches": 0} | values)


@pytest.fixture
def pair(tmp_path):
    def build(trainer=None, **changes):
        options = {"source": "small", "target": "large", "image_size": 4, "batch_size": 5, "cache_dir": str(tmp_path)}
        data = DigitPairDataModule(SETS, **{"augmentation": None, **options, **changes})
        data.trainer = trainer or stand_in()
        data.prepare_data()
        data.setup()
        return data

    return build


def values(image):
    return image[:, 0, 0, 0].tolist()


def test_a_training_batch_has_no_place_for_labels_of_the_target(pair):
    for batch in pair().train_dataloader():
        assert set(batch) == {"source", "labels", "target"}
        assert batch["source"].shape == batch["target"].shape == (5, 3, 4, 4)
        assert [v % 10 for v in values(batch["source"])] == batch["labels"].tolist()
        assert max(values(batch["source"])) < 20
        assert min(values(batch["target"])) >= 100


@pytest.mark.parametrize(("source", "target"), [("small", "large"), ("large", "small")])
def test_an_epoch_is_one_pass_over_the_larger_set_and_the_smaller_one_starts_again(pair, source, target):
    loader = pair(source=source, target=target).train_dataloader()
    batches = list(loader)
    assert len(loader) == len(batches) == 10
    longer, shorter = ("source", "target") if source == "large" else ("target", "source")
    assert sorted(v for b in batches for v in values(b[longer])) == list(range(100, 150))
    passes = [[v for b in batches[i : i + 4] for v in values(b[shorter])] for i in (0, 4)]
    assert [sorted(p) for p in passes] == [list(range(20))] * 2
    assert passes[0] != passes[1]


def test_the_order_is_a_function_of_seed_and_epoch(pair):
    def order(epoch, **changes):
        loader = pair(**changes).train_dataloader()
        loader.sampler.set_epoch(epoch)
        return [(values(b["source"]), values(b["target"])) for b in loader]

    assert order(3) == order(3)
    assert order(3) != order(4)
    assert order(3) != order(3, seed=1)
    sources = [[v for s, _ in order(epoch) for v in s] for epoch in (0, 1)]
    assert len({tuple(s[i : i + 20]) for s in sources for i in (0, 20)}) == 4  # no pass repeats another


def test_both_domains_have_the_same_range(pair):
    data = pair(trainer=stand_in(training=True), value_range=(-1, 1))
    batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    raw = {"source": torch.arange(20), "target": torch.arange(100, 150)}
    for domain, pixels in raw.items():
        allowed = {round(v, 4) for v in (pixels / 127.5 - 1).tolist()}
        assert {round(v, 4) for v in values(batch[domain])} <= allowed
    assert batch["labels"].dtype == torch.int8


def test_validation_is_of_the_labelled_domain_and_test_of_the_target(pair):
    for labelled, start in (("source", 0), ("target", 100)):
        data = pair(labelled=labelled)
        assert values(next(iter(data.val_dataloader()))["image"]) == [start + i for i in range(5)]
        assert values(next(iter(data.test_dataloader()))["image"]) == [100 + i for i in range(5)]


def test_for_the_upper_bound_the_target_stands_in_the_place_of_the_source(pair):
    for batch in pair(labelled="target").train_dataloader():
        assert min(values(batch["source"])) >= 100
        assert [v % 10 for v in values(batch["source"])] == batch["labels"].tolist()


def test_the_upper_bound_has_the_epochs_of_the_others_and_the_targets_augmentation(pair):
    changes = {"augmentation": Augmentation(invert=1.0), "target_augmentation": Augmentation(noise=0.1)}
    data = pair(source="large", target="small", labelled="target", **changes)
    assert len(list(data.train_dataloader())) == 10
    assert data.describe()["augmentation"] == "noise 0.1"


def test_only_training_batches_are_augmented(pair):
    data = pair(augmentation=Augmentation(invert=1.0), target_augmentation=Augmentation(colour=0.5))
    batch = next(iter(data.train_dataloader()))
    done = data.on_after_batch_transfer(batch, 0)
    inverted = 2 * (1 - batch["source"] / 255) - 1
    assert torch.allclose(done["source"], inverted, atol=1e-5)
    assert not torch.allclose(done["target"], 2 * (1 - batch["target"] / 255) - 1, atol=1e-2)
    tested = next(iter(data.test_dataloader()))
    assert torch.allclose(data.on_after_batch_transfer(tested, 0)["image"], tested["image"] / 127.5 - 1)


def test_the_augmentation_of_the_source_is_the_targets_too_unless_it_has_its_own(pair):
    same = pair(augmentation=Augmentation(invert=1.0))
    assert same.describe()["target_augmentation"] == "invert 1"
    own = pair(augmentation=Augmentation(invert=1.0), target_augmentation=Augmentation(noise=0.1))
    assert own.describe()["target_augmentation"] == "noise 0.1"


def test_processes_share_an_epoch_without_overlap(pair):
    loaders = [pair(trainer=stand_in(world_size=2, global_rank=rank)).train_dataloader() for rank in (0, 1)]
    seen = [[v for b in loader for v in values(b["target"])] for loader in loaders]
    assert sorted(seen[0] + seen[1]) == list(range(100, 150))


def test_an_unknown_set_is_an_error_that_names_the_nearest(pair):
    with pytest.raises(ConfigError, match=r"data\.target=lage: there is no such set; did you mean large"):
        pair(target="lage")


def test_a_batch_that_a_domain_cannot_fill_is_an_error(pair):
    with pytest.raises(ConfigError, match="batch_size=21: the train split has only 20"):
        pair(batch_size=21)


def test_the_description_names_both_sets_and_whose_labels_are_used(pair):
    described = pair(labelled="target").describe()
    assert (described["source"], described["target"], described["labelled"]) == ("small", "large", "target")
    assert (described["n_train_source"], described["n_test_target"]) == (20, 12)
