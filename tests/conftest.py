"""Fixtures shared by all tests: composed configurations, tiny runs, the shared real data."""

from __future__ import annotations

import copy
import functools
import gc
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import warm

from adversaria.config.containers import replace_prefix
from adversaria.runs.record import write_invocation
from adversaria.tools import compose as composition

gc.set_threshold(50_000, 20, 100)  # looking for garbage took a fifth of the time to compose a configuration
os.environ.setdefault("OMP_NUM_THREADS", "1")  # pytest-xdist has a process on each core; torch is imported below
# As an activated environment has it, so that commands to be pasted begin with `python`.
os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
pytest_plugins = ["support.generators"]  # stand-ins for generators, of callbacks and of measures

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("ADVERSARIA_SHARED", ROOT.parent / "shared")) / "data"

#: Overrides that make the default run as small as it can be and still go through every part.
TINY = [
    "data.reader.train=96",
    "data.reader.val=24",
    "data.reader.test=24",
    "data.batch_size=32",
    "model.network.width=4",
    "model.network.latent_dim=16",
    "trainer.max_epochs=2",
    "trainer.log_every_n_steps=1",
    "trainer.enable_progress_bar=false",
    "callbacks.tsne.count=16",
    "trainer.accelerator=cpu",
]


@pytest.fixture(scope="session")
def tiny() -> list[str]:
    """Overrides for a run of seconds."""
    return TINY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data, for tests that need it."""
    if not SHARED.is_dir():
        pytest.skip(f"the real data sets are not at {SHARED}; set ADVERSARIA_SHARED to the folder that has data/")
    return SHARED


@pytest.fixture(scope="session")
def compose() -> Callable[..., dict[str, Any]]:
    """Compose a configuration as the command line does, into plain containers; each command line once."""

    @functools.cache
    def compose_once(overrides: tuple[str, ...]) -> dict[str, Any]:
        return composition.compose("run_dir=unused", "name=test", *overrides)

    def composed(*overrides: str, folder: Path = Path("unused")) -> dict[str, Any]:
        return copy.deepcopy(replace_prefix(compose_once(overrides), "unused", str(folder)))

    return composed


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One array cache for all tests that do not test the cache."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def cli() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run train.py (or another script) as a user does, in a folder of its own."""

    def run(cwd: Path, *arguments: str, script: str = "train.py", timeout: float = 120) -> Any:
        return warm.run(ROOT / script, arguments, cwd, timeout)

    return run


@pytest.fixture(scope="session")
def untrained(compose: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Save a checkpoint of a model that was never trained, as composed from overrides; it is in no run folder.

    Live weights differ from their average, where there is one.
    """
    import torch

    from adversaria.config.instantiate import instantiate

    def save(*overrides: str) -> Path:
        torch.manual_seed(0)
        config = compose(*overrides)["model"]
        module = instantiate(config)
        module.config, module.iteration = config, 5
        if getattr(module, "ema", None) is not None:
            for weight in module.network.parameters():
                weight.data.add_(0.05)
        checkpoint = {"state_dict": module.state_dict()}
        module.on_save_checkpoint(checkpoint)
        file = tmp_path_factory.mktemp("untrained") / "weights.ckpt"
        torch.save(checkpoint, file)
        return file

    return save


@pytest.fixture(scope="session")
def tiny_run(
    compose: Callable[..., dict[str, Any]], cache_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, float | None]:
    """The run folder and the objective of one tiny, finished run of the default experiment."""
    from adversaria.tools import train

    folder = tmp_path_factory.mktemp("run")
    config = compose(*TINY, f"data.cache_dir={cache_dir}", folder=folder)
    write_invocation(folder, config, {}, TINY)
    return folder, train.train(config, folder)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Headless Chromium, which logs what pages complain of and what they request."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install -e '.[dev]'")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None or (driver := shutil.which("chromedriver")) is None:
        pytest.skip("no browser: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"),
        *("disable-component-update", "disable-sync", f"user-data-dir={tmp_path_factory.mktemp('profile')}"),
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})

    class Browser(webdriver.Chrome):
        def get(self, url: str) -> None:
            """Open a page and wait until all of it is read: on a busy machine the driver returns before."""
            super().get(url)
            while self.execute_script("return document.readyState") != "complete":
                time.sleep(0.02)

    browser = Browser(options, webdriver.ChromeService(driver))
    yield browser
    browser.quit()
