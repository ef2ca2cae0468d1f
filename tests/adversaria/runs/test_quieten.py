"""Lightning's expected warnings are hidden, and no others; each comes from Lightning itself here."""

import inspect
import threading
from pathlib import Path

import pytest
from support import warm
from tensorboard.summary.writer.event_file_writer import _AsyncWriterThread

from adversaria.runs.quieten import EXPECTED_WARNINGS, _show_errors_of_threads

pytestmark = pytest.mark.xdist_group("warm processes")  # one server of them

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import sys, warnings
sys.path.insert(0, sys.argv[3])
import pytorch_lightning as pl, torch
from torch.utils.data import DataLoader
from adversaria.runs.quieten import quiet

class Model(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer, self.frozen = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1).eval()
    def training_step(self, batch):
        return self.layer(batch).mean()
    def train_dataloader(self):
        return DataLoader(torch.ones(2, 1))
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

warnings.simplefilter("always")
hidden = quiet()
if sys.argv[1] == "quiet":
    hidden.__enter__()
folder = sys.argv[2]
checkpoint = pl.callbacks.ModelCheckpoint(folder)
options = dict(accelerator="cpu", max_epochs=1, enable_progress_bar=False, default_root_dir=folder)
pl.Trainer(callbacks=[checkpoint], logger=pl.loggers.CSVLogger(folder), log_every_n_steps=50, **options).fit(Model())
warnings.warn("another")
"""
PARTS = ["in eval mode at the start", "exists and is not empty", "smaller than the logging interval"]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("run")
    script = folder / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = {how: warm.run(script, (how, str(folder), str(ROOT)), folder, timeout=100) for how in ("loud", "quiet")}
    assert [script.returncode for script in done.values()] == [0, 0]
    return {how: script.stderr for how, script in done.items()}


@pytest.mark.parametrize("part", PARTS)
def test_an_expected_warning_has_this_text_still_and_is_hidden(said: dict[str, str], part: str) -> None:
    assert part in said["loud"]
    assert part not in said["quiet"]


def test_other_warnings_are_shown_and_greetings_are_not(said: dict[str, str]) -> None:
    assert "UserWarning: another" in said["quiet"]
    assert "GPU available" in said["loud"]
    assert "GPU available" not in said["quiet"]


def test_every_expected_warning_is_still_one_of_its_library() -> None:
    """Some need several processes or another torch: their texts are looked up in the source."""
    from pytorch_lightning.trainer.connectors.logger_connector import result
    from torch.utils import _pytree

    elsewhere = {"sync_dist=True": result, "LeafSpec": _pytree}
    assert {*PARTS, *elsewhere} == set(EXPECTED_WARNINGS)
    for text, module in elsewhere.items():
        assert text in inspect.getsource(module)


def test_only_errors_that_the_writer_of_tensorboard_raises_again_are_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the import of its thread fails, TensorBoard has renamed it, and a full disk is told of twice."""
    writer, other = _AsyncWriterThread(None, None, 1), threading.Thread()
    for thread, error in ((writer, OSError("full")), (writer, KeyError("bug")), (other, OSError("other"))):
        _show_errors_of_threads(threading.ExceptHookArgs((type(error), error, None, thread)))
    shown = capsys.readouterr().err
    assert ["full" in shown, "bug" in shown, "other" in shown] == [False, True, True]
