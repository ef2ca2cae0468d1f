"""The error of PCA is that of scikit-learn's, and none where all components are kept."""

import pytest
import torch
from sklearn.decomposition import PCA

from adversaria.config.errors import ConfigError
from adversaria.measures import pca


def images(count: int, seed: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    smooth = torch.rand(count, 3, 3, 3, generator=random)
    grown = torch.nn.functional.interpolate(smooth, size=6, mode="bilinear")
    return (255 * grown + torch.randint(0, 3, grown.shape, generator=random)).clamp(0, 255).to(torch.uint8)


def test_the_error_is_that_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pca, "CHUNK", 7)  # the last chunk is smaller
    train, test = images(150, 0), images(40, 1)
    rows = [part.flatten(1).double().numpy() / 255 for part in (train, test)]
    found = pca.reconstruction_errors(train, test, [20, 3, 108])
    for count in (20, 3):
        fitted = PCA(count, svd_solver="full").fit(rows[0])
        expected = ((fitted.inverse_transform(fitted.transform(rows[1])) - rows[1]) ** 2).mean()
        assert found[count] == pytest.approx(expected, rel=1e-3)
    assert found[3] > found[20] > found[108]
    assert found[108] == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("components", [[0], [109], [1000, 2]])
def test_there_are_not_more_components_than_values(components: list[int]) -> None:
    with pytest.raises(ConfigError, match="150 training images of 108 values have 1 to 108"):
        pca.reconstruction_errors(images(150, 0), images(2, 1), components)
