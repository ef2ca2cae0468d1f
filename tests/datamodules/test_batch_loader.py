from itertools import chain

import numpy as np
import pytest
import torch

from datamodules.array_cache import ArraySplit
from datamodules.batch_loader import BatchLoader, EpochSampler


@pytest.fixture
def split():
    """Ten images of 4x5 pixels; image i has the values 60 i … 60 i + 59 mod 256 and the labels (i, 10 + i, 20 + i)."""
    images = (np.arange(600) % 256).astype(np.uint8).reshape(10, 4, 5, 3)
    labels = (np.arange(10)[:, None] + np.array([0, 10, 20])).astype(np.int8)
    return ArraySplit(images, labels)


def epoch_of(order, epoch):
    order.set_epoch(epoch)
    return order.indices().tolist()


def test_the_natural_order_is_the_same_in_every_epoch():
    order = EpochSampler(5, shuffle=False)
    assert epoch_of(order, 0) == epoch_of(order, 3) == [0, 1, 2, 3, 4]


def test_a_shuffled_epoch_has_every_index_once():
    order = EpochSampler(100, shuffle=True)
    shuffled = epoch_of(order, 0)
    assert shuffled != sorted(shuffled)
    assert sorted(shuffled) == list(range(100))


def test_the_permutation_is_a_function_of_seed_and_epoch():
    first = [epoch_of(EpochSampler(100, True, seed=1), e) for e in range(4)]
    late = EpochSampler(100, True, seed=1)  # as after a resumption: epoch 3 without the ones before
    assert epoch_of(late, 3) == first[3]
    other = [epoch_of(EpochSampler(100, True, seed=2), e) for e in range(4)]
    assert len({tuple(order) for order in first + other}) == 8


@pytest.mark.parametrize(("length", "world_size"), [(12, 3), (13, 3), (14, 3), (7, 4), (5, 1)])
def test_training_shards_are_disjoint_and_equally_long(length, world_size):
    shards = [epoch_of(EpochSampler(length, True, 0, rank, world_size), 1) for rank in range(world_size)]
    assert {len(s) for s in shards} == {length // world_size}
    assert len(EpochSampler(length, True, 0, world_size - 1, world_size)) == length // world_size
    together = list(chain(*shards))
    assert len(together) == len(set(together))
    assert set(together) <= set(range(length))


@pytest.mark.parametrize(("length", "world_size"), [(12, 3), (13, 3), (14, 3), (3, 4), (5, 1)])
def test_evaluation_shards_are_disjoint_and_complete(length, world_size):
    orders = [EpochSampler(length, False, 0, rank, world_size) for rank in range(world_size)]
    shards = [order.indices().tolist() for order in orders]
    assert sorted(chain(*shards)) == list(range(length))
    assert [len(order) for order in orders] == [len(s) for s in shards]
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_batches_have_the_images_and_labels_of_the_order(split):
    loader = BatchLoader(split, 4, EpochSampler(10, shuffle=True, seed=3))
    loader.sampler.set_epoch(2)
    order = loader.sampler.indices()
    for epoch in range(2):
        batches = list(loader)
        assert [len(b["image"]) for b in batches] == [4, 4, 2], epoch
        images = torch.cat([b["image"] for b in batches])
        labels = torch.cat([b["labels"] for b in batches])
        np.testing.assert_array_equal(images.numpy(), split.images[order].transpose(0, 3, 1, 2))
        np.testing.assert_array_equal(labels.numpy(), split.labels[order])


def test_set_epoch_changes_the_batches(split):
    loader = BatchLoader(split, 10, EpochSampler(10, shuffle=True))
    seen = []
    for epoch in (0, 1, 0):
        loader.sampler.set_epoch(epoch)
        (batch,) = loader
        seen.append(batch["labels"][:, 0].tolist())
    assert seen[0] == seen[2] != seen[1]


@pytest.mark.parametrize(
    ("batch_size", "drop_last", "sizes"),
    [
        (4, False, [4, 4, 2]),
        (4, True, [4, 4]),
        (5, False, [5, 5]),
        (5, True, [5, 5]),
        (11, False, [10]),
        (11, True, []),
    ],
)
def test_the_incomplete_last_batch_is_kept_or_dropped(split, batch_size, drop_last, sizes):
    loader = BatchLoader(split, batch_size, EpochSampler(10, shuffle=False), drop_last=drop_last)
    assert [len(batch["labels"]) for batch in loader] == sizes
    assert len(loader) == len(sizes)


def test_the_length_is_that_of_the_ranks_shard(split):
    loader = BatchLoader(split, 2, EpochSampler(10, False, rank=1, world_size=3))
    assert [batch["labels"][:, 0].tolist() for batch in loader] == [[1, 4], [7]]
    assert len(loader) == 2


def test_images_are_uint8_and_laid_out_channels_last(split):
    batch = next(iter(BatchLoader(split, 4, EpochSampler(10, shuffle=False))))
    assert batch["image"].dtype == torch.uint8
    assert batch["labels"].dtype == torch.int8
    assert batch["image"].shape == (4, 3, 4, 5)
    assert batch["image"].is_contiguous(memory_format=torch.channels_last)
    assert batch["image"].stride() == (60, 1, 15, 3)


@pytest.mark.parametrize("columns", [[2, 0], [1], [], [0, 1, 2]])
def test_label_columns_come_in_the_order_asked_for(split, columns):
    batch = next(iter(BatchLoader(split, 3, EpochSampler(10, shuffle=False), columns)))
    assert batch["labels"].tolist() == [[10 * c + i for c in columns] for i in range(3)]


def test_gather_takes_any_indices_in_their_order(split):
    batch = BatchLoader(split, 2, EpochSampler(10, shuffle=True)).gather(np.array([7, 0, 7]))
    assert batch["labels"][:, 0].tolist() == [7, 0, 7]
    assert batch["image"][:, 0, 0, 0].tolist() == [7 * 60 % 256, 0, 7 * 60 % 256]


def test_changing_a_batch_leaves_the_arrays_alone(split):
    before = split.images.copy()
    batch = next(iter(BatchLoader(split, 10, EpochSampler(10, shuffle=False))))
    batch["image"].zero_()
    np.testing.assert_array_equal(split.images, before)


@pytest.mark.parametrize("shuffle", [True, False])
def test_arrays_kept_on_a_device_give_the_same_batches(split, shuffle):
    def batches(**options):
        loader = BatchLoader(split, 4, EpochSampler(10, shuffle, seed=3), columns=[2, 0], **options)
        loader.sampler.set_epoch(1)
        return list(loader)

    ours, theirs = batches(device=torch.device("cpu")), batches()
    assert len(ours) == len(theirs) == 3
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[k], other[k]) and one[k].stride() == other[k].stride() for k in one)
        assert all(one[k].dtype == other[k].dtype for k in one)
