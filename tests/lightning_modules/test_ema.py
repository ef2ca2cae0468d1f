import io

import pytest
import torch
from torch import nn

from lightning_modules.ema import ExponentialAverage


def network(value: float) -> nn.Linear:
    """One layer whose weights are all `value`."""
    layer = nn.Linear(2, 1)
    for p in layer.parameters():
        nn.init.constant_(p, value)
    return layer


def weights(average: ExponentialAverage) -> list[float]:
    return [w for p in average.network.parameters() for w in p.flatten().tolist()]


def test_after_the_half_life_half_of_the_old_weights_is_left() -> None:
    average = ExponentialAverage(network(1.0), half_life=1000, ramp_up=0)
    average.update(network(3.0), new=1000, seen=1000)
    assert weights(average) == pytest.approx([2.0] * 3)
    average.update(network(3.0), new=2000, seen=3000)  # two half-lives more
    assert weights(average) == pytest.approx([2.75] * 3)


def test_the_average_does_not_depend_on_the_batch_size() -> None:
    one, ten = (ExponentialAverage(network(0.0), half_life=7, ramp_up=0) for _ in range(2))
    for images in range(1, 11):
        one.update(network(1.0), new=1, seen=images)
    ten.update(network(1.0), new=10, seen=10)
    assert weights(one) == pytest.approx(weights(ten))
    assert weights(ten) == pytest.approx([1 - 0.5 ** (10 / 7)] * 3)


def test_early_on_the_half_life_is_a_share_of_the_images_seen() -> None:
    average = ExponentialAverage(network(0.0), half_life=1000, ramp_up=0.5)
    average.update(network(1.0), new=100, seen=100)  # half-life 50: two of them
    assert weights(average) == pytest.approx([0.75] * 3)
    average.update(network(0.0), new=50, seen=150)  # half-life 75
    assert weights(average) == pytest.approx([0.75 * 0.5 ** (50 / 75)] * 3)


def test_the_ramp_ends_at_the_half_life() -> None:
    average = ExponentialAverage(network(0.0), half_life=1000, ramp_up=0.5)
    average.update(network(1.0), new=1000, seen=10_000)  # half of 10,000 is more than 1000
    assert weights(average) == pytest.approx([0.5] * 3)


def test_an_update_without_new_images_changes_no_weight() -> None:
    average = ExponentialAverage(network(1.0))
    for seen in (0, 500):
        average.update(network(3.0), new=0, seen=seen)
        assert weights(average) == [1.0] * 3


def test_each_weight_follows_its_own() -> None:
    average = ExponentialAverage(network(0.0), half_life=1, ramp_up=0)
    source = network(0.0)
    with torch.no_grad():
        source.weight.copy_(torch.tensor([[2.0, 4.0]]))
        source.bias.fill_(-6.0)
    average.update(source, new=1, seen=1)
    assert weights(average) == [1.0, 2.0, -3.0]


def test_the_average_is_a_copy_and_leaves_the_source_alone() -> None:
    source = network(1.0)
    average = ExponentialAverage(source, half_life=1, ramp_up=0)
    nn.init.constant_(source.weight, 5.0)
    assert weights(average) == [1.0] * 3
    average.update(source, new=1, seen=1)
    assert source.weight.tolist() == [[5.0, 5.0]]
    assert all(p.requires_grad for p in source.parameters())


def test_buffers_are_copied() -> None:
    source = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    average = ExponentialAverage(source, half_life=1e9, ramp_up=0)
    source(torch.tensor([[1.0, 2.0], [5.0, -3.0]]))
    average.update(source, new=1, seen=1)
    ours, theirs = average.network[1], source[1]
    assert torch.equal(ours.running_mean, theirs.running_mean)
    assert torch.equal(ours.running_var, theirs.running_var)
    assert ours.num_batches_tracked.item() == 1
    source(torch.tensor([[9.0, 2.0], [5.0, -3.0]]))
    assert ours.num_batches_tracked.item() == 1  # copied, not shared


def test_the_average_stays_in_evaluation_mode() -> None:
    module = nn.Module()
    module.ema = ExponentialAverage(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.9)).train())
    assert not any(m.training for m in module.ema.network.modules())
    module.ema.train()
    module.train()
    assert module.training
    assert not any(m.training for m in module.ema.modules())
    image = torch.ones(4, 2)
    assert torch.equal(module.ema(image), module.ema(image))


def test_parameters_of_the_average_need_no_gradient() -> None:
    average = ExponentialAverage(network(1.0))
    average.update(network(2.0), new=10, seen=10)
    assert list(average.parameters())
    assert not any(p.requires_grad for p in average.parameters())


def test_the_average_is_applied_to_all_inputs_that_the_network_takes() -> None:
    average = ExponentialAverage(nn.Bilinear(1, 1, 1, bias=False))
    nn.init.constant_(average.network.weight, 2.0)
    assert average(torch.tensor([[3.0]]), torch.tensor([[5.0]])).item() == 30


def test_a_state_dict_brings_back_the_average() -> None:
    average = ExponentialAverage(network(0.0), half_life=100, ramp_up=0)
    average.update(network(1.0), new=300, seen=300)
    file = io.BytesIO()
    torch.save(average.state_dict(), file)
    file.seek(0)
    restored = ExponentialAverage(network(7.0), half_life=100, ramp_up=0)
    restored.load_state_dict(torch.load(file, weights_only=True))
    assert weights(restored) == pytest.approx([0.875] * 3)
    restored.update(network(0.0), new=100, seen=400)
    assert weights(restored) == pytest.approx([0.4375] * 3)
