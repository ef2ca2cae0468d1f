"""Small stand-ins for the other projects' code; the real one is nobody's here."""

import itertools
import sys

import pytest
from PIL import Image

from benchmarks import peers
from benchmarks.__main__ import main
from benchmarks.suite import PEERS, Skipped

DCGAN = """
import argparse
parser = argparse.ArgumentParser()
for name in ("dataset", "dataroot", "outf", "batchSize", "workers", "niter"):
    parser.add_argument(f"--{name}", required=True)
options = parser.parse_args()
assert (options.dataset, options.niter) == ("folder", "1")
for step in range(STEPS):
    print(f"[0/1][{step}/9] Loss_D: 1.0")
print("no more images")
"""
MODELS = """
from torch import nn

class Tiny(nn.Linear):
    def __init__(self, latent_dim):
        super().__init__(3 * 8 * 8, latent_dim)

vae_models = {"Tiny": Tiny}
"""
EXPERIMENT = """
import pytorch_lightning as pl
import torch

class VAEXperiment(pl.LightningModule):
    def __init__(self, model, params):
        super().__init__()
        self.model, self.rate = model, params["LR"]

    def training_step(self, batch, batch_idx, optimizer_idx=0):
        images, _ = batch
        assert images.shape[1:] == (3, 8, 8) and float(images.max()) <= 1
        return self.model(images.flatten(1)).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), self.rate)
"""
SETTINGS = """
model_params: {name: Tiny, latent_dim: 2}
data_params: {patch_size: 8, num_workers: 0}
exp_params: {LR: 0.1}
"""


@pytest.fixture
def checkouts(tmp_path, monkeypatch):
    """Write both projects, whose DCGAN prints this number of steps; return their folder."""

    def of(steps=20):
        for name, text in {
            "examples/dcgan/main.py": DCGAN.replace("STEPS", str(steps)),
            "PyTorch-VAE/models.py": MODELS,
            "PyTorch-VAE/experiment.py": EXPERIMENT,
            "PyTorch-VAE/configs/vae.yaml": SETTINGS,
        }.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        monkeypatch.setenv(PEERS, str(tmp_path))
        return tmp_path

    return of


def test_the_dcgan_of_others_is_timed_by_the_steps_that_it_prints(checkouts, tmp_path, monkeypatch):
    checkouts()
    monkeypatch.setattr(peers.time, "perf_counter", itertools.count(step=0.5).__next__)  # read once for each step
    assert peers.dcgan(peers.DCGAN.checkout(), tmp_path, 10) == 64 / 0.5


def test_a_dcgan_that_ends_early_is_told_with_its_last_words(checkouts, tmp_path):
    checkouts(steps=5)
    with pytest.raises(RuntimeError, match=r"(?s)ended before step 13: .*no more images"):
        peers.dcgan(peers.DCGAN.checkout(), tmp_path, 10)


@pytest.mark.filterwarnings("ignore")  # those of Lightning's trainer, which is set up as theirs
def test_the_vae_of_others_trains_with_their_settings(checkouts, tmp_path, monkeypatch):
    checkouts()
    (folder := tmp_path / "images" / "all").mkdir(parents=True)
    for number in range(12):
        Image.new("RGB", (16, 16)).save(folder / f"{number}.png")
    monkeypatch.setattr(peers, "BATCH", 2)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("models", "experiment"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert peers.vae(peers.VAE.checkout(), tmp_path / "images", 2) > 0
    for name in ("models", "experiment"):
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize(("peer", "repository"), [(peers.DCGAN, "pytorch/examples"), (peers.VAE, "AntixK/PyTorch-VAE")])
def test_what_is_missing_is_said_with_the_command_that_brings_it(peer, repository, tmp_path, monkeypatch):
    monkeypatch.setenv(PEERS, str(tmp_path))
    folder = tmp_path / repository.split("/")[1]
    with pytest.raises(Skipped, match=rf"missing \(git clone https://github\.com/{repository} {folder};"):
        peer.checkout()


def test_the_command_names_the_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv(PEERS, "elsewhere")
    assert main(["--only=peers", "--match=DCGAN", f"--peers={tmp_path}", f"--output={tmp_path / 'table'}"]) == 0
    assert f"git clone https://github.com/pytorch/examples {tmp_path / 'examples'}" in capsys.readouterr().out
