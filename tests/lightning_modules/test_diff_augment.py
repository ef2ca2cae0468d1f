"""DiffAugment: what each change does to images, by hand, and that gradients pass it."""

import itertools

import pytest
import torch
from torch import Tensor

from lightning_modules.diff_augment import _hole, _shift, diff_augment

ALL = ("colour", "translation", "cutout")


def images(count: int = 64, size: int = 16) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def test_without_a_policy_images_are_the_same_and_nothing_is_drawn() -> None:
    state, batch = torch.get_rng_state(), images()
    assert diff_augment(batch, ()) is batch
    assert torch.equal(torch.get_rng_state(), state)


def test_brightness_is_an_offset_and_contrast_a_factor_where_there_is_no_colour() -> None:
    grey = images(2000)[:, :1].expand(-1, 3, -1, -1)  # which a change of saturation leaves alone
    changed, middle = diff_augment(grey, ("colour",)), grey.mean((1, 2, 3))
    offset = changed.mean((1, 2, 3)) - middle
    contrast = changed.flatten(1).std(1) / grey.flatten(1).std(1)
    for drawn, low, high in ((offset, -0.5, 0.5), (contrast, 0.5, 1.5)):
        assert low - 1e-4 < drawn.min() < low + 0.01
        assert high - 0.01 < drawn.max() < high + 1e-4
    expected = (grey - middle.view(-1, 1, 1, 1)) * contrast.view(-1, 1, 1, 1) + (middle + offset).view(-1, 1, 1, 1)
    torch.testing.assert_close(changed, expected)


def test_saturation_scales_what_a_pixel_differs_from_its_own_grey() -> None:
    batch = images(2000)
    changed = diff_augment(batch, ("colour",))
    before, after = (x - x.mean(1, keepdim=True) for x in (batch, changed))
    factor = (before * after).sum((1, 2, 3)) / before.square().sum((1, 2, 3))  # of saturation times contrast
    torch.testing.assert_close(after, before * factor.view(-1, 1, 1, 1))
    assert -1e-4 < factor.min() < 0.05
    assert 2.5 < factor.max() < 3 + 1e-4


@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 1.0)])
def test_a_translation_moves_whole_pixels_and_fills_with_the_middle(value_range: tuple[float, float]) -> None:
    low, high = value_range
    batch = low + (high - low) * (images(200) + 1) / 2
    changed = diff_augment(batch, ("translation",), value_range)
    padded = torch.nn.functional.pad(batch, (2, 2, 2, 2), value=(low + high) / 2)  # an eighth of 16 pixels
    seen = set()
    for number in range(len(batch)):
        for y, x in itertools.product(range(5), range(5)):
            if torch.allclose(changed[number], padded[number, :, y : y + 16, x : x + 16], atol=1e-6):
                seen.add((y, x))
                break
        else:
            pytest.fail(f"image {number} is no shift")
    assert len(seen) == 25


def test_a_shift_of_a_vector_by_hand() -> None:
    moved = {tuple((_shift(torch.zeros(1), 8)[0, 0] @ torch.arange(1.0, 9)).tolist()) for _ in range(50)}
    assert moved == {(1, 2, 3, 4, 5, 6, 7, 8), (0, 1, 2, 3, 4, 5, 6, 7), (2, 3, 4, 5, 6, 7, 8, 0)}


@pytest.mark.parametrize(("size", "middles"), [(16, 17), (5, 5)])
def test_a_hole_is_half_of_the_side_with_its_middle_anywhere(size: int, middles: int) -> None:
    holes = _hole(torch.zeros(3000), size).flatten(1)
    length = (size + 1) // 2
    assert {tuple(row) for row in holes.tolist()} == {
        tuple(0 <= i - middle + length // 2 < length for i in range(size)) for middle in range(middles)
    }


def test_cutout_leaves_the_rest_of_an_image_as_it_was() -> None:
    batch = images(200) + 2  # no pixel is 0
    changed = diff_augment(batch, ("cutout",))
    gone = changed == 0
    assert torch.equal(changed[~gone], batch[~gone])
    rows, columns = gone.any(1).any(2), gone.any(1).any(1)
    assert torch.equal(gone, (rows[:, None, :, None] & columns[:, None, None, :]).expand_as(gone))
    assert gone.flatten(1).float().mean(1).max() == 0.25


def test_every_image_has_its_own_changes_and_every_call_too() -> None:
    batch = images(1).expand(8, -1, -1, -1)
    first, second = diff_augment(batch, ALL), diff_augment(batch, ALL)
    assert len({image.sum().item() for image in torch.cat([first, second])}) == 16


def test_the_order_is_the_paper_s_whatever_the_policy_says() -> None:
    batch = images() + 2
    torch.manual_seed(1)
    first = diff_augment(batch, ALL)
    torch.manual_seed(1)
    assert torch.equal(diff_augment(batch, ALL[::-1]), first)
    assert (first == 0).flatten(1).any(1).all()  # what is cut out comes last: no brightness is added to it


def test_images_of_0_to_1_change_as_those_of_minus_1_to_1_do() -> None:
    batch, results = images(), []
    for value_range in ((-1.0, 1.0), (0.0, 1.0)):
        torch.manual_seed(1)
        results.append(diff_augment(batch if value_range[0] else (batch + 1) / 2, ALL, value_range))
    torch.testing.assert_close(results[1], (results[0] + 1) / 2)


@pytest.mark.parametrize("policy", [*((name,) for name in ALL), ALL])
def test_first_and_second_derivatives_are_right(policy: tuple[str, ...]) -> None:
    def judged(image: Tensor) -> Tensor:
        torch.manual_seed(3)
        return diff_augment(image, policy).pow(3).sum()

    image = images(2, 8).requires_grad_()
    (slope,) = torch.autograd.grad(judged(image), image, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.square().sum(), image)
    direction, step = torch.randn_like(image), 1e-2
    with torch.no_grad():
        ahead, behind = image + step * direction, image - step * direction
        rise = (judged(ahead) - judged(behind)) / (2 * step)
    torch.testing.assert_close((slope * direction).sum(), rise, rtol=2e-3, atol=2e-2)
    slopes = []
    for point in (ahead, behind):
        point.requires_grad_()
        slopes.append(torch.autograd.grad(judged(point), point)[0].square().sum())
    torch.testing.assert_close((curvature * direction).sum(), (slopes[0] - slopes[1]) / (2 * step), rtol=5e-3, atol=1)


def test_half_precision_goes_in_and_comes_out() -> None:
    assert diff_augment(images().bfloat16(), ALL).dtype == torch.bfloat16
    with torch.autocast("cpu", torch.bfloat16):
        assert diff_augment(images(), ("translation",)).dtype == torch.float32
