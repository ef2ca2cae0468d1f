import types

import pytest
import torch

from adversaria.config.errors import ConfigError
from lightning_modules.labels import LabelColumns


def test_labels_are_taken_in_the_networks_order() -> None:
    columns = LabelColumns(["digit", "Smiling"])
    assert columns.sizes == [10, 2]
    batch = {"labels": torch.tensor([[1, 0, 7], [0, 1, 3]], dtype=torch.int8)}
    assert columns.of(batch).tolist() == [[1, 0], [0, 1]]  # no data set yet: the first columns
    columns.find(types.SimpleNamespace(attributes=["Male", "Smiling", "digit"]))
    assert columns.of(batch).tolist() == [[7, 0], [3, 1]]
    assert columns.of(batch).dtype == torch.int64


def test_a_label_that_the_data_lacks_is_an_error() -> None:
    with pytest.raises(
        ConfigError, match=r"model\.network\.labels: there is no attribute 'Smiling'; did you mean Smile"
    ):
        LabelColumns(["Smiling"]).find(types.SimpleNamespace(attributes=["Smile"]))
