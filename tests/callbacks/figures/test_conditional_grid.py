"""Samples of one noise with different labels, read from the pixels."""

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image

from adversaria.config.errors import ConfigError
from adversaria.images.sampling import with_label
from callbacks.figures import conditional_grid
from callbacks.figures.conditional_grid import ConditionalGrid, named_rows


@pytest.fixture
def drawn(monkeypatch, trainer_on):
    """Draw, and return the names of the rows and the colours of the images, (rows, columns, 3)."""

    def draw(module, callback: ConditionalGrid, labels: list[list[int]]) -> tuple[list[str], np.ndarray]:
        drawn: list[tuple[np.ndarray, list[str]]] = []
        monkeypatch.setattr(conditional_grid, "named_rows", lambda *given: drawn.append(given) or given[0])
        callback.on_train_end(trainer_on(labels), module)
        ((page, names),) = drawn
        row = 2 + 64  # images of 4 pixels are enlarged
        assert page.shape == (row * len(names) - 2, row * callback.columns - 2, 3)
        return names, page[row // 2 :: row, row // 2 :: row]

    return draw


def test_a_class_label_gives_a_row_a_class_and_columns_share_the_noise(conditional, drawn) -> None:
    module = conditional("digit")
    names, colours = drawn(module, ConditionalGrid(columns=4), [[3]])
    assert names == [f"digit {value}" for value in range(10)]
    assert colours.shape == (10, 4, 3)
    noise = (module.noise(4, 0)[:, 0] * 255).round().tolist()
    assert colours[..., 0].tolist() == [noise] * 10  # red: the noise, the same in every row
    expected = [round(255 * value / 9) for value in range(10)]
    assert colours[..., 1].tolist() == [[value] * 4 for value in expected]  # green: the label, the same in a row


def test_a_binary_label_gives_off_and_on_and_leaves_the_others_as_in_the_test_images(conditional, drawn) -> None:
    names, colours = drawn(conditional("Smiling", "Male"), ConditionalGrid(columns=3), [[0, 1], [1, 0]])
    assert names == ["no Smiling", "Smiling", "no Male", "Male"]
    smiling, male = colours[..., 1] // 255, colours[..., 2] // 255
    assert smiling.tolist() == [
        [0, 0, 0],
        [1, 1, 1],
        [0, 1, 0],
        [0, 1, 0],
    ]  # two test images, so the third is the first
    assert male.tolist() == [[1, 0, 1], [1, 0, 1], [0, 0, 0], [1, 1, 1]]
    assert (colours[..., 0] == colours[0, :, 0]).all()


def test_chosen_labels_alone_are_varied(conditional, drawn) -> None:
    names, colours = drawn(conditional("digit", "Male"), ConditionalGrid(columns=2, labels=["Male"]), [[9, 0]])
    assert names == ["no Male", "Male"]
    assert (colours[..., 1] == 255).all()  # the digit of the test image, 9
    assert colours[..., 2].tolist() == [[0, 0], [255, 255]]


def test_the_picture_is_saved_by_iteration(conditional, trainer_on, tmp_path) -> None:
    ConditionalGrid(columns=2).on_train_end(trainer_on([[3]]), conditional("digit"))
    page = np.asarray(Image.open(tmp_path / "figures" / "labels_0000007.png"))
    assert page.std() > 5


def test_an_unknown_label_is_refused_with_the_nearest(conditional, trainer_on) -> None:
    module = conditional("Smiling", "Male")
    ConditionalGrid(labels=["Male"]).setup(trainer_on([[0, 0]]), module, "fit")
    with pytest.raises(ConfigError, match=r"ConditionalGrid\.labels.*'Smilin'; did you mean Smiling\?"):
        ConditionalGrid(labels=["Smilin"]).setup(trainer_on([[0, 0]]), module, "fit")


def test_models_without_the_ability_are_refused(unconditional, trainer_on) -> None:
    for module in (unconditional, pl.LightningModule()):
        with pytest.raises(ConfigError, match=r"ConditionalGrid needs.*ConditionalSampler.*leave it out$"):
            ConditionalGrid().setup(trainer_on([[0]]), module, "fit")


def test_with_label_sets_one_column_of_a_copy() -> None:
    labels = torch.tensor([[1, 5, 0], [0, 7, 1]])
    assert with_label(labels, 1, 3).tolist() == [[1, 3, 0], [0, 3, 1]]
    assert labels.tolist() == [[1, 5, 0], [0, 7, 1]]


def test_classes_have_a_row_each_with_their_names(conditional, drawn) -> None:
    pets = {"class": ["cat", "dog", "a name that is far too long for a row"], "size": ["small", "$large$"]}
    names, colours = drawn(conditional("class", "size", classes=pets), ConditionalGrid(columns=2), [[0, 0]])
    assert names == ["class cat", "class dog", "class a name that is fa…", "size small", r"size \$large\$"]
    assert colours[:3, :, 1].tolist() == [[0, 0], [128, 128], [255, 255]]


@pytest.mark.parametrize(("rows", "name"), [(2, "Smiling off"), (200, "category_123 W$W")])
def test_no_name_of_a_row_is_cut(rows: int, name: str) -> None:
    page = np.random.default_rng(0).integers(0, 200, (rows * 20 + 2, 50, 3), dtype=np.uint8)
    picture = named_rows(page, [name.replace("$", r"\$")] * rows)
    names = picture[:, : -page.shape[1]]
    assert np.array_equal(picture[:, -page.shape[1] :], page)
    assert names[:, :5].min() == names[:, -5:].min() == 255  # paper at both sides
    inked = np.flatnonzero(names.min((1, 2)) < 128)
    assert all(any(abs(inked - (i + 0.5) * len(page) / rows) < 4) for i in range(rows))  # each beside its row
