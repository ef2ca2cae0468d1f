"""Random changes of batches: which they make, how far they go, and that each image is changed on its own."""

import pytest
import torch

from adversaria.config.errors import ConfigError
from datamodules.augmentation import Augmentation, textures


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
    ],
)
def test_every_change_keeps_shape_and_range_and_leaves_the_original(images, options):
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


def test_a_range_of_scales_that_is_upside_down_is_refused():
    with pytest.raises(ConfigError, match="write the smaller factor first"):
        Augmentation(scale=(1.2, 0.8))


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
