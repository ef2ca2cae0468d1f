"""The real data sets, where they are at hand: their readers read them, and report A's VAE learns from CelebA."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from adversaria.runs.curves import read_metrics
from datamodules.array_cache import open_cache
from datamodules.digit_pair import DigitPairDataModule
from datamodules.readers.celeba import CelebA
from datamodules.readers.mnist import MNIST
from datamodules.readers.mnistm import MNISTM, BlendedDigits
from datamodules.readers.svhn import SVHN
from datamodules.readers.usps import USPS

pytestmark = pytest.mark.xdist_group("real data")  # what they share is made once

#: Images of each class in train (with the part held out as val) and in test, as the README of the data counts them.
DIGITS = [
    pytest.param(
        MNIST,
        28,
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
        id="mnist",
    ),
    pytest.param(
        USPS,
        16,
        [1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644],
        [359, 264, 198, 166, 200, 160, 170, 147, 166, 177],
        id="usps",
    ),
    pytest.param(
        MNISTM,
        28,
        [5825, 6640, 5853, 6028, 5746, 5331, 5812, 6158, 5757, 5851],
        [878, 1016, 933, 908, 890, 807, 856, 914, 880, 919],
        id="mnistm",
    ),
    pytest.param(
        SVHN,
        32,
        [4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659],
        [684, 1968, 1590, 1104, 964, 909, 773, 767, 621, 620],
        id="svhn",
    ),
]
TOTALS = {MNIST: (60_000, 10_000), USPS: (7_291, 2_007), MNISTM: (59_001, 9_001), SVHN: (73_257, 10_000)}


@pytest.fixture(scope="module")
def celeba_cache(shared_data: Path, cache_dir: Path):
    return open_cache(CelebA(str(shared_data)), 64, cache_dir)


@pytest.mark.faults  # for its time: all 46,715 faces are read
def test_celeba_loads_whole(celeba_cache) -> None:
    assert {k: len(v) for k, v in celeba_cache.splits.items()} == {"train": 37_540, "val": 4_535, "test": 4_640}
    assert len(celeba_cache.attributes) == 40
    labels = np.concatenate([s.labels for s in celeba_cache.splits.values()])
    share = dict(zip(celeba_cache.attributes, labels.mean(0).round(3).tolist(), strict=True))
    assert (share["Male"], share["Smiling"], share["Blond_Hair"]) == (0.445, 0.486, 0.14)


@pytest.mark.faults  # as above
def test_faces_are_centred_and_upright(celeba_cache) -> None:
    mean = celeba_cache.splits["test"].images.mean(0).mean(-1)  # (64, 64) the average face
    assert mean[20:50, 22:42].mean() > mean[:, :8].mean()  # skin is brighter than the sides
    asymmetry = np.abs(mean - mean[:, ::-1]).mean()
    assert asymmetry < 0.25 * np.abs(mean - mean[::-1]).mean()  # symmetric left to right, not top to bottom


@pytest.mark.faults  # as above
def test_report_a_vae_learns_real_faces(shared_data: Path, celeba_cache, cache_dir: Path, tmp_path: Path, cli) -> None:
    done = cli(
        tmp_path,
        "experiment=report_a/vae",
        f"data.root={shared_data}",
        f"data.cache_dir={cache_dir}",
        "trainer.max_epochs=1",
        "data.batch_size=16",
        "trainer.limit_train_batches=20",
        "trainer.log_every_n_steps=1",
        "trainer.limit_val_batches=1",
        "trainer.limit_test_batches=1",
        "callbacks.tsne.count=64",
        "callbacks.latent_mixture=null",  # it encodes 10,000 images
        "trainer.accelerator=cpu",
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "report_a" / "vae").iterdir()
    curve = read_metrics(folder / "metrics.csv")["train/mse"][1]
    assert curve[-1] < 0.6 * curve[0]
    record = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert record["protocol"]["n_train"] == 37_540
    assert len(list((folder / "figures").glob("*.png"))) == 4


def counts(labels: np.ndarray) -> list[int]:
    return np.bincount(labels.ravel(), minlength=10).tolist()


@pytest.mark.parametrize(("reader", "side", "train", "test"), DIGITS)
def test_digit_sets_load_whole(shared_data: Path, reader: type, side: int, train: list[int], test: list[int]) -> None:
    opened = reader(str(shared_data))
    splits = opened.splits()
    learnt = np.concatenate([splits["train"].labels, splits["val"].labels])
    assert (len(learnt), len(splits["test"])) == TOTALS[reader]
    assert len(splits["val"]) == round(0.08 * len(learnt))
    assert counts(learnt) == train
    assert counts(splits["test"].labels) == test
    assert min(counts(splits["val"].labels)) > 0
    for name in (splits["train"].names[0], splits["val"].names[-1], splits["test"].names[-1]):
        image = opened.read(name, side)
        assert image.shape == (side, side, 3)
        assert np.ptp(image) > 100


def test_the_sheets_of_svhn_are_the_published_images(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    shutil.copy(shared_data / "svhn" / "svhn_train_first1083.npz", tmp_path / "part")
    sheets, published = SVHN(str(shared_data)), SVHN(str(tmp_path / "part"), test_fraction=0.1)
    first = published.load("train")
    count = len(first.labels)
    assert sheets.load("train").labels[:count].tolist() == first.labels.tolist()
    error = np.mean((sheets.load("train").images[:count].astype(float) - first.images) ** 2)
    assert 10 * np.log10(255**2 / error) > 40  # dB: rebuilt from the photos, and packed almost without loss


def test_digits_of_usps_stand_as_those_of_mnist_do(shared_data: Path) -> None:
    means = []
    for reader in (MNIST(str(shared_data), margin=4), USPS(str(shared_data))):  # in both, the digit fills the image
        labels = reader.load("test").labels
        chosen = [np.flatnonzero(labels == digit)[:60] for digit in range(10)]
        means.append([np.mean([reader.read(f"test/{i}", 16)[..., 0] for i in rows], 0) for rows in chosen])
    turned = {(k, flip): [np.rot90(m[:, ::flip], k) for m in means[1]] for k in range(4) for flip in (1, -1)}
    alike = {
        way: np.mean([np.corrcoef(a.flat, b.flat)[0, 1] for a, b in zip(means[0], other, strict=True)])
        for way, other in turned.items()
    }
    assert max(alike, key=alike.__getitem__) == (0, 1)  # as it is
    assert alike[0, 1] > 0.7


def test_digits_of_mnistm_lie_where_those_of_mnist_do(shared_data: Path) -> None:
    mnist, mnistm = MNIST(str(shared_data)), MNISTM(str(shared_data), margin=0)
    assert mnist.load("test").labels[:9001].tolist() == mnistm.load("test").labels.tolist()
    jumps = {}
    for top in range(5):
        for left in range(5):
            edges = []
            for i in range(40):
                ink = mnist.read(f"test/{i}", 28)[..., 0] > 0
                image = mnistm.read(f"test/{i}", 32)[top : top + 28, left : left + 28].astype(int)
                edges.append(np.abs(np.diff(image, axis=0)).mean(2)[np.diff(ink, axis=0)].mean())
            jumps[top, left] = np.mean(edges)
    print({k: round(float(v), 1) for k, v in jumps.items()})
    assert max(jumps, key=jumps.__getitem__) == (2, 2)  # what the margin of 2 cuts out


def test_the_recipe_makes_images_like_the_release_of_mnistm(shared_data: Path) -> None:
    release = MNISTM(str(shared_data))
    made = BlendedDigits(lambda: MNIST(str(shared_data)), photos=str(shared_data / "bsds500"))
    found = {}
    for name, reader in (("release", release), ("made", made)):
        images = np.stack([reader.read(f"test/{i}", 28) for i in range(2000)]).astype(float)
        within = images.std((1, 2, 3)).mean()
        found[name] = [images.mean(), images.std(), within, np.abs(np.diff(images, axis=1)).mean()]
    assert made.load("test").labels[:2000].tolist() == release.load("test").labels[:2000].tolist()
    assert found["made"] == pytest.approx(found["release"], rel=0.12)


def test_both_domains_of_a_pair_have_one_range(shared_data: Path, cache_dir: Path) -> None:
    sets = {"usps": lambda: USPS(str(shared_data)), "mnistm": lambda: MNISTM(str(shared_data))}
    data = DigitPairDataModule(sets, "usps", "mnistm", augmentation=None, cache_dir=str(cache_dir))
    data.prepare_data()
    for domain in ("source", "target"):
        batch = data.domains[domain].images("train", 500)["image"]
        bounds = float(batch.min()), float(batch.max())
        assert bounds == pytest.approx((-1, 1), abs=0.02)  # neither is in 0 to 255, neither in half the range
