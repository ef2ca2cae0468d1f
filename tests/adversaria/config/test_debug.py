"""The presets of conf/debug fit every kind of method, and change what the method has chosen."""

from typing import Any

import pytest

from adversaria.config import schema, sense
from adversaria.runs.objective import check_metrics

METHODS = [["model=vae"], ["model=gan", "data=digits"], ["model=adda", "data=digits_mnist5k"]]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("fast", {"max_epochs": 2, "limit_train_batches": 4}),
        ("overfit", {"max_epochs": 100, "overfit_batches": 2}),
        ("profile", {"max_epochs": 1, "profiler": "simple"}),
    ],
)
def test_a_preset_is_a_valid_run(preset: str, expected: dict[str, Any], method: list[str], compose: Any) -> None:
    given = [*method, f"debug={preset}"]
    config = compose(*given)
    schema.check(config)
    sense.check(config, given)
    check_metrics(config)
    assert expected.items() <= config["trainer"].items()
    assert compose(*given, "trainer.max_epochs=7")["trainer"]["max_epochs"] == 7
