"""Random changes of batches: which they make, how far they go, and that each image is changed on its own."""

import pytest
import torch

from adversaria.config.errors import ConfigError
from datamodules.augmentation import Augmentation
from datamodules.image_changes import textures


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture
def images():
    return torch.rand(64, 3, 16, 16)


@pytest.mark.parametrize(
    "options",
    [
        {"shift": 0.2},
        {"scale": [0.6, 1.5]},
        {"harden": 1.0},
        {"rotate": 30},
        {"invert": 1.0},
        {"colour": 0.5},
        {"texture": 1.0},
        {"noise": 0.1},
        {"cutout": 0.4},
        {"aspect": [0.5, 1.5]},
        {"neighbours": 1.0},
        {"grey": 1.0},
        {"autocontrast": 1.0},
        {"veil": 0.8},
        {"blur": 0.1},
    ],
)
def test_every_change_keeps_shape_and_range_and_leaves_the_original(images, options):
    images = 0.1 + 0.8 * images  # not of full contrast
    before = images.clone()
    changed = Augmentation(**options)(images)
    assert changed.shape == images.shape
    assert changed.dtype == torch.float32
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert torch.equal(images, before)
    assert (changed - images).abs().mean() > 0.01


def test_without_options_nothing_changes(images):
    assert torch.equal(Augmentation()(images), images)


def test_inversion_turns_about_as_many_images_as_its_probability_says(images):
    changed = Augmentation(invert=0.5)(images)
    inverted = [torch.allclose(c, 1 - i) for c, i in zip(changed, images, strict=True)]
    kept = [torch.equal(c, i) for c, i in zip(changed, images, strict=True)]
    assert sum(inverted) + sum(kept) == 64
    assert 15 < sum(inverted) < 49


def test_a_shift_moves_no_further_than_its_bound():
    dot = torch.zeros(200, 3, 21, 21)
    dot[:, :, 10, 10] = 1
    moved = Augmentation(shift=0.2)(dot)
    places = moved[:, 0].flatten(1).argmax(1)
    rows, columns = places // 21 - 10, places % 21 - 10
    for offset in (rows, columns):
        assert offset.abs().max() <= 5  # 0.2 of 21 pixels, rounded
        assert offset.min() < -2
        assert offset.max() > 2


def test_scaling_grows_and_shrinks_by_no_more_than_its_factor():
    square = torch.zeros(300, 3, 32, 32)
    square[:, :, 8:24, 8:24] = 1
    sides = Augmentation(scale=(0.6, 1.2))(square)[:, 0].sum((1, 2)).sqrt() / 16
    assert sides.min() > 0.6 - 0.1
    assert sides.max() < 1.2 + 0.1
    assert sides.min() < 0.7
    assert sides.max() > 1.1


@pytest.mark.parametrize("name", ["scale", "aspect"])
def test_a_range_of_factors_that_is_upside_down_is_refused(name):
    with pytest.raises(ConfigError, match=rf"{name}=\[1.2, 0.8\] .* write the smaller factor first"):
        Augmentation(**{name: (1.2, 0.8)})


def test_the_aspect_changes_the_width_and_leaves_the_height():
    square = torch.zeros(300, 3, 32, 32)
    square[:, :, 8:24, 8:24] = 1
    changed = Augmentation(aspect=(0.5, 1.0))(square)[:, 0]
    widths, heights = changed[:, 16].sum(1) / 16, changed[:, :, 16].sum(1) / 16
    assert torch.allclose(heights, torch.ones(300), atol=1e-4)
    assert widths.min() > 0.5 - 0.1
    assert widths.min() < 0.6
    assert widths.max() > 0.9
    assert widths.max() < 1.0 + 0.1


def test_what_comes_in_from_outside_has_the_colour_of_the_rim():
    bar = torch.full((20, 3, 32, 32), 0.25)
    bar[:, :, 14:18] = 1  # touches both sides
    small = Augmentation(scale=(0.5, 0.5))(bar)
    assert torch.allclose(small[:, :, :, :7], torch.tensor(0.25))
    assert torch.allclose(small[:, :, 15:17, 9:23], torch.tensor(1.0))


def test_a_rotation_keeps_the_centre_and_turns_by_at_most_its_angle():
    bar = torch.zeros(100, 3, 33, 33)
    bar[:, :, 16, :] = 1
    turned = Augmentation(rotate=20)(bar)[:, 0]
    assert turned[:, 16, 16].min() > 0.9
    ends = turned[:, :, 30].argmax(1) - 16  # 14 pixels from the centre: 5 at 20 degrees
    assert ends.abs().max() <= 6
    assert ends.min() < -2
    assert ends.max() > 2


def test_a_hardened_image_is_a_mask_of_a_threshold_of_its_own():
    ramp = torch.linspace(0, 1, 101).expand(200, 3, 1, 101)
    masks = Augmentation(harden=1.0)(ramp)
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    dark = (masks[:, 0, 0] == 0).sum(1) / 100  # the thresholds
    assert 0.1 <= dark.min() < 0.2
    assert 0.4 < dark.max() <= 0.52


def test_a_texture_is_blended_as_in_mnist_m():
    black = torch.zeros(32, 3, 16, 16)
    texture = Augmentation(texture=1.0)(black)
    assert len({round(float(t.mean()), 4) for t in texture}) == 32
    torch.manual_seed(0)
    again = textures(black)
    torch.manual_seed(0)
    white = Augmentation(texture=1.0)(torch.ones_like(black))
    assert torch.allclose(white, 1 - again, atol=1e-6)


def test_textures_fill_the_range_and_have_mostly_one_hue():
    texture = textures(torch.zeros(500, 3, 28, 28))
    assert texture.min() >= 0
    assert texture.max() <= 1
    means = texture.mean((1, 2, 3))
    assert means.min() < 0.15
    assert means.max() > 0.85
    spread = texture.std((2, 3)).mean(1)  # from plain faces to grain
    assert spread.min() < 0.06
    assert spread.max() > 0.3
    within, between = texture.mean((2, 3)).std(1).mean(), means.std()
    assert within < between


def test_cutout_leaves_a_grey_square_of_its_side():
    changed = Augmentation(cutout=0.5)(torch.zeros(200, 3, 20, 20))
    areas = (changed[:, 0] == 0.5).sum((1, 2))
    assert areas.max() == 100
    assert areas.min() >= 25  # at a corner a quarter of it is left


def test_colours_differ_between_channels_and_images(images):
    grey = images.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    changed = Augmentation(colour=0.3)(grey)
    means = changed.mean((2, 3))
    assert means.std(0).min() > 0.05
    assert (means.max(1).values - means.min(1).values).mean() > 0.05


def test_it_names_what_is_switched_on():
    assert str(Augmentation(shift=0.1, rotate=10)) == "shift 0.1, rotate 10"
    assert str(Augmentation(scale=(0.5, 1.2), invert=1)) == "scale 0.5 to 1.2, invert 1"
    assert str(Augmentation()) == ""


def test_half_precision_of_a_run_does_not_reach_it(images):
    with torch.autocast("cpu", torch.bfloat16):
        assert Augmentation(rotate=10, colour=0.2)(images).dtype == torch.float32


def bars(ink: float = 1.0, paper: float = 0.0) -> torch.Tensor:
    """Return 64 images of a bar in the middle, each of a height of its own."""
    image = torch.full((64, 3, 64, 64), paper)
    for row in range(64):
        image[row, :, : 1 + row, 28:36] = ink
    return image


def test_neighbours_stand_at_the_sides_and_leave_the_middle_as_it_is():
    before = bars()
    changed = Augmentation(neighbours=1.0)(before)
    assert torch.equal(changed[..., 18:46], before[..., 18:46])  # the nearer half of the shortest way
    left, right = changed[:, 0, :, :18].amax(2).sum(1), changed[:, 0, :, 46:].amax(2).sum(1)  # heights of the bars
    heights = 1 + torch.arange(64)
    shown = [(left, heights.roll(-1)), (right, heights.roll(1)), (left, heights.roll(1)), (right, heights.roll(-1))]
    agreeing = [int(((bar == height) | (bar == 0)).sum()) for bar, height in shown]
    assert sorted(agreeing)[-2:] == [64, 64]  # each side has another image of the batch, or it is too far away
    assert (left > 0).sum() > 8
    assert (right > 0).sum() > 8


def test_a_neighbour_has_its_probability_at_each_side():
    shown = Augmentation(neighbours=0.3)(bars())[:, 0]
    always = Augmentation(neighbours=1.0)(bars())[:, 0]
    for side in (slice(0, 18), slice(46, 64)):
        some, all_of_them = (int((x[:, :, side].amax((1, 2)) > 0).sum()) for x in (shown, always))
        assert 0.1 * all_of_them < some < 0.6 * all_of_them


def test_a_neighbour_takes_on_the_paper_of_the_image_and_its_negative_as_ink():
    black, white = bars(), bars(0.0, 1.0)
    mixed = torch.where((torch.arange(64) % 2 == 0).view(-1, 1, 1, 1), black, white)
    changed = Augmentation(neighbours=1.0)(mixed)
    torch.manual_seed(0)
    for image, paper in ((changed[0], 0.0), (changed[1], 1.0)):
        assert torch.equal(image[:, -1], torch.full((3, 64), paper))  # below all bars
    assert changed[1::2, :, :, :18].amin((1, 2, 3)).min() == 0  # a black neighbour on white


def test_grey_images_have_equal_channels(images):
    changed = Augmentation(grey=0.5)(images)
    grey = torch.tensor([torch.allclose(i[0], i[1]) and torch.allclose(i[1], i[2]) for i in changed])
    assert 15 < grey.sum() < 49
    assert torch.allclose(changed[grey], images[grey].mean(1, keepdim=True).expand(-1, 3, -1, -1))
    assert torch.equal(changed[~grey], images[~grey])


def test_autocontrast_reaches_black_and_white_and_keeps_a_plain_image_in_range(images):
    dull = 0.4 + 0.1 * images
    changed = Augmentation(autocontrast=1.0)(dull)
    assert torch.allclose(changed.amin((1, 2, 3)), torch.zeros(64))
    assert torch.allclose(changed.amax((1, 2, 3)), torch.ones(64), atol=1e-5)
    assert torch.equal(changed.flatten(1).argsort(1)[:, -1], dull.flatten(1).argsort(1)[:, -1])
    assert torch.equal(Augmentation(autocontrast=1.0)(torch.full((2, 3, 8, 8), 0.3)), torch.zeros(2, 3, 8, 8))


def test_a_veil_lowers_the_contrast_by_no_more_than_its_share_and_tints():
    halves = torch.zeros(300, 3, 16, 16)
    halves[:, :, :, ::2] = 1
    changed = Augmentation(veil=0.6)(halves)
    contrast = (changed[:, :, :, ::2] - changed[:, :, :, 1::2]).mean((1, 2, 3))  # that of neighbouring columns
    assert contrast.min() > 0.4 - 0.1
    assert contrast.min() < 0.5
    assert contrast.max() > 0.9
    tint = changed.mean((2, 3))
    assert (tint.max(1).values - tint.min(1).values).mean() > 0.02


def test_a_blur_spreads_by_at_most_its_deviation_and_keeps_plain_images():
    dot = torch.zeros(200, 3, 33, 33)
    dot[:, :, 16, 16] = 1
    blurred = Augmentation(blur=2 / 33)(dot)[:, 0]
    assert torch.allclose(blurred.sum((1, 2)), torch.ones(200), atol=1e-3)
    deviations = (blurred.sum(1) * (torch.arange(33.0) - 16) ** 2).sum(1).sqrt()
    assert deviations.min() < 0.2
    assert deviations.max() > 1.8
    assert deviations.max() < 2.1
    plain = torch.full((5, 3, 9, 9), 0.3)
    assert torch.allclose(Augmentation(blur=0.1)(plain), plain)


def test_what_is_off_draws_nothing(images):
    """So that runs of settings without the newer changes go on, and repeat, bit by bit."""
    options = {"shift": 0.1, "scale": (0.7, 1.4), "rotate": 10, "harden": 0.5, "texture": 0.5, "invert": 0.5}
    changed = Augmentation(**options, colour=0.5, noise=0.05)(images)
    after = torch.rand(1).item()
    assert changed.double().mean().item() == pytest.approx(0.4991278, abs=1e-6)
    assert after == pytest.approx(0.6678336, abs=1e-6)
