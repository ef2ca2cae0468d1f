"""Do images show their labels: perfect, deaf and half-deaf generators, told by an extractor that reads colours."""

import pytest
import torch

from adversaria.measures.conditional import label_metrics, within_over_between


def metrics(module, extractor, labels: list[list[int]], count: int = 1000) -> dict[str, float]:
    real = {"image": torch.zeros(len(labels), 3, 4, 4), "labels": torch.tensor(labels, dtype=torch.int8)}
    values = label_metrics(module, extractor, real, count=count, batch_size=64, seed=3)
    return {k: float(v) for k, v in values.items()}


def test_within_over_between_by_hand() -> None:
    first = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
    second = torch.tensor([[0.0, 1.0], [10.0, 3.0]])
    # within: 1 and 3; between: (0, 0) to (10, 3) and (10, 0) to (0, 1)
    expected = 2 / ((109**0.5 + 101**0.5) / 2)
    assert float(within_over_between(first, second)) == pytest.approx(expected)


def test_within_over_between_of_pictures_counts_all_their_values() -> None:
    first, second = torch.rand(5, 3, 4, 4), torch.rand(5, 3, 4, 4)
    flat = within_over_between(first.reshape(5, 48), second.reshape(5, 48))
    assert torch.equal(within_over_between(first, second), flat)


def test_within_over_between_of_equal_pairs_is_zero_and_of_chance_about_one() -> None:
    g = torch.Generator().manual_seed(0)
    first, second = torch.randn(500, 8, generator=g), torch.randn(500, 8, generator=g)
    assert float(within_over_between(first, first)) == 0
    assert float(within_over_between(first, second)) == pytest.approx(1, abs=0.05)
    assert torch.isfinite(within_over_between(torch.ones(3, 2), torch.ones(3, 2)))


def test_a_generator_that_shows_every_class_is_always_right(conditional, colours) -> None:
    values = metrics(conditional("digit"), colours("digit"), [[0]])
    assert values.pop("label_accuracy_colours") == 1
    assert values == {f"label_accuracy_colours/{digit}": 1 for digit in range(10)}


def test_a_generator_that_is_deaf_to_labels_is_right_by_chance(conditional, colours) -> None:
    module = conditional("digit")
    plain = module.sample
    module.sample = lambda count, noise, labels: plain(count, noise, torch.full_like(labels, 3))
    values = metrics(module, colours("digit"), [[0]])
    assert values["label_accuracy_colours"] == pytest.approx(0.1)
    assert [values[f"label_accuracy_colours/{digit}"] for digit in range(10)] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


def test_a_generator_that_confuses_two_classes_is_wrong_on_those(conditional, colours) -> None:
    module = conditional("digit")
    plain = module.sample
    module.sample = lambda count, noise, labels: plain(count, noise, torch.where(labels == 7, 1, labels))
    values = metrics(module, colours("digit"), [[0]])
    assert values["label_accuracy_colours"] == pytest.approx(0.9)
    assert values["label_accuracy_colours/7"] == 0
    assert values["label_accuracy_colours/1"] == 1


def test_a_thousand_digits_are_a_hundred_of_each_from_noise_of_their_own(conditional, colours) -> None:
    module = conditional("digit")
    metrics(module, colours("digit"), [[5], [6]])
    noise, labels = (torch.cat(parts) for parts in zip(*module.asked, strict=True))
    assert labels[:, 0].bincount().tolist() == [100] * 10
    assert torch.equal(noise, module.noise(1000, 3))
    assert max(len(part) for part, _ in module.asked) == 64


def test_both_images_of_a_pair_share_the_noise_and_the_other_labels(conditional, colours) -> None:
    module = conditional("Smiling", "Male")
    metrics(module, colours("Smiling"), [[0, 1], [1, 1], [1, 0]], count=12)
    noise, labels = (torch.cat(parts) for parts in zip(*module.asked, strict=True))
    assert torch.equal(noise[:6], noise[6:])  # half of the images without, half with
    assert labels[:, 0].tolist() == [0] * 6 + [1] * 6
    assert labels[:, 1].tolist() == [1, 1, 0] * 4


def test_pairs_that_differ_by_the_label_alone(conditional, colours) -> None:
    module = conditional("Smiling")
    module.noise = lambda count, seed: torch.tensor([[0.0, 0.0, 0.0], [0.8, 0.0, 0.0]])  # red 0 and 204
    values = metrics(module, colours("Smiling"), [[0]], count=4)
    assert values["label_accuracy_colours"] == values["label_accuracy_colours/Smiling"] == 1
    assert values["pair_accuracy_colours/Smiling"] == 1
    # green goes from 0 to 255 with the label; between pairs red differs by 204 too
    expected = 255 / (255**2 + 204**2) ** 0.5
    assert values["pair_distance_colours/Smiling"] == pytest.approx(expected)
    assert values["pair_distance_pixels/Smiling"] == pytest.approx(expected)


def test_a_label_that_changes_little_beside_the_noise_has_a_small_pair_distance(conditional, colours) -> None:
    module = conditional("Smiling")
    plain = module.sample
    faint = torch.tensor([1.0, 0.02, 0.0]).view(1, 3, 1, 1)
    module.sample = lambda count, noise, labels: plain(count, noise, labels) * faint + (1 - faint) * 0.495 * (faint < 1)
    values = metrics(module, colours("Smiling"), [[0]])
    assert values["pair_accuracy_colours/Smiling"] == 1
    assert 0 < values["pair_distance_colours/Smiling"] < 0.1
    assert 0 < values["pair_distance_pixels/Smiling"] < 0.1


def test_a_generator_that_is_deaf_to_an_attribute_gets_no_pair_right(conditional, colours) -> None:
    module = conditional("Smiling")
    plain = module.sample
    module.sample = lambda count, noise, labels: plain(count, noise, torch.ones_like(labels))
    values = metrics(module, colours("Smiling"), [[0]])
    assert values["label_accuracy_colours/Smiling"] == 0.5
    assert values["pair_accuracy_colours/Smiling"] == 0
    assert values["pair_distance_colours/Smiling"] == values["pair_distance_pixels/Smiling"] == 0


def test_the_summary_is_the_mean_over_labels_that_both_know(conditional, colours) -> None:
    module = conditional("Smiling", "Male", "Young")
    plain = module.sample
    # Male is never shown; the extractor does not know Young
    module.sample = lambda count, noise, labels: plain(count, noise, labels * torch.tensor([1, 0, 1]))
    values = metrics(module, colours("Smiling", "Male"), [[0, 0, 0], [1, 1, 1]])
    assert values["label_accuracy_colours"] == pytest.approx((1 + 0.5) / 2)
    assert values["pair_accuracy_colours/Male"] == 0
    assert not any("Young" in name for name in values)


def test_without_a_common_label_there_are_no_figures(conditional, colours) -> None:
    assert metrics(conditional("digit"), colours("Smiling"), [[0]]) == {}
