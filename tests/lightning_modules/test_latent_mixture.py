"""The density of a VAE's latents: its moments, what checkpoints hold of it, and that a training does not notice it."""

import functools
from pathlib import Path
from typing import Any

import pytest
import torch

import lightning_modules
from adversaria.config.errors import CheckpointError, ConfigError
from adversaria.tools import train
from lightning_modules.latent_mixture import LatentMixture
from lightning_modules.modes import drawing_from
from lightning_modules.networks.vae import StridedVAE
from lightning_modules.vae import VAE

OLD = Path(__file__).resolve().parents[1] / "fixtures" / "old_runs" / "vae"


@pytest.fixture
def vae() -> VAE:
    network = StridedVAE(channels=(4, 4, 8, 8, 8), latent_dim=2)
    return VAE(network, functools.partial(torch.optim.Adam, lr=1e-3)).eval()


def two_clouds(count: int) -> torch.Tensor:
    """A quarter at (8, 0), the others at (0, 8), each with correlated coordinates of variance 1 and covariance 0.6."""
    g = torch.Generator().manual_seed(0)
    root = torch.linalg.cholesky(torch.tensor([[1.0, 0.6], [0.6, 1.0]]))
    centres = torch.tensor([[8.0, 0.0], [0.0, 8.0], [0.0, 8.0], [0.0, 8.0]]).repeat(count // 4, 1)
    return centres + torch.randn(count, 2, generator=g) @ root.t()


def test_samples_have_the_moments_of_the_latents() -> None:
    latents = two_clouds(8000)
    mixture = LatentMixture.fit(latents, components=2, seed=0)
    torch.testing.assert_close(mixture.axes @ mixture.axes.t(), torch.eye(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(mixture.weights.sort().values, torch.tensor([0.25, 0.75]), atol=1e-3, rtol=0)
    drawn = mixture.latents(torch.randn(40_000, 2, generator=torch.Generator().manual_seed(1)), seed=5)
    for first, second in ((drawn, latents), (drawn[drawn[:, 0] > 4], latents[latents[:, 0] > 4])):
        torch.testing.assert_close(first.mean(0), second.mean(0), atol=0.06, rtol=0)
        torch.testing.assert_close(first.t().cov(), second.t().cov(), atol=0.3, rtol=0)
    gap = (drawn - torch.tensor([4.0, 4.0])).norm(dim=1) < 1
    assert not gap.any()  # where the mean of all is, nothing is


def test_a_mixture_by_hand() -> None:
    axes = torch.tensor([[0.6, 0.8], [-0.8, 0.6]])
    mixture = LatentMixture(torch.tensor([0.0, 1.0]), torch.tensor([[9.0, 9.0], [1.0, 2.0]]), 0.5 * torch.eye(2), axes)
    # along the axes: (1 + 0 · 3, 2 + 0.5 · 4) = (1, 4); back from them: (0.6 - 3.2, 0.8 + 2.4)
    torch.testing.assert_close(mixture.latents(torch.tensor([[3.0, 4.0]]), seed=0), torch.tensor([[-2.6, 3.2]]))


def test_there_are_no_more_components_than_latents() -> None:
    assert len(LatentMixture.fit(two_clouds(4), components=10, seed=0).weights) == 4


def test_the_seed_alone_decides_and_no_other_random_state_is_used() -> None:
    fits = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        mixture = LatentMixture.fit(two_clouds(400), components=3, seed=7)
        fits.append(mixture.latents(torch.ones(50, 2), seed=2))
        assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(*fits)


def test_a_vae_draws_from_what_it_is_told(vae: VAE) -> None:
    vae.mixture = LatentMixture.fit(two_clouds(400), components=2, seed=0)
    prior = vae.noise(100, seed=3)
    with drawing_from(vae, "mixture"):
        drawn = vae.noise(100, seed=3)
        assert torch.equal(drawn, vae.mixture.latents(prior, seed=3))
        assert vae.sample(4).shape == (4, 3, 64, 64)
        assert vae.draw(50).sum(1).mean() > 7
    assert torch.equal(vae.noise(100, seed=3), prior)
    assert drawn.sum(1).mean() > 7
    assert prior.sum(1).mean() < 1


def test_a_checkpoint_of_before_has_none_and_says_the_cure() -> None:
    old: Any = lightning_modules.load(OLD)
    assert old.mixture is None
    with drawing_from(old, "mixture"), pytest.raises(ConfigError, match=r"no mixture.*train one epoch more, with"):
        old.noise(1, seed=0)


def test_a_run_fits_it_once_and_a_longer_training_forgets_it(compose, tiny, cache_dir: Path, tmp_path: Path) -> None:
    def run(name: str, *overrides: str) -> dict[str, Any]:
        (folder := tmp_path / name).mkdir(exist_ok=True)
        small = (*tiny, "callbacks.tsne=null", "callbacks.curves=null", "test=null", f"data.cache_dir={cache_dir}")
        train.train(compose(*small, *overrides, folder=folder), folder)
        checkpoint: dict[str, Any] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
        return checkpoint

    first = run("split", "trainer.max_epochs=1")
    longer = run("split", f"ckpt_path={tmp_path / 'split' / 'checkpoints' / 'last.ckpt'}")
    straight, without = run("straight"), run("without", "callbacks.latent_mixture=null")
    assert not torch.equal(first["state_dict"]["mixture.means"], longer["state_dict"]["mixture.means"])
    assert longer["state_dict"].keys() == straight["state_dict"].keys()
    assert all(torch.equal(longer["state_dict"][k], v) for k, v in straight["state_dict"].items())
    assert all(torch.equal(straight["state_dict"][k], v) for k, v in without["state_dict"].items())
    assert not [k for k in without["state_dict"] if k.startswith("mixture.")]
    states = [c["adversaria"]["processes"][0]["rng"] for c in (straight, without)]
    assert torch.equal(*(state["torch"] for state in states))


@pytest.mark.parametrize(
    ("part", "value"),
    [("means", torch.zeros(3, 5)), ("axes", torch.zeros(2)), ("weights", torch.tensor(1.0)), ("scales", None)],
)
def test_a_mixture_that_does_not_fit_is_refused(
    tiny_run, tmp_path: Path, part: str, value: torch.Tensor | None
) -> None:
    content = torch.load(tiny_run[0] / "checkpoints" / "last.ckpt", weights_only=True)
    content["state_dict"].pop(f"mixture.{part}")
    if value is not None:
        content["state_dict"][f"mixture.{part}"] = value
    torch.save(content, file := tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match=r"the model has no mixture\."):
        lightning_modules.load(file)


def test_it_is_in_checkpoints_and_in_exports(tiny_run, tmp_path: Path) -> None:
    from adversaria.tools.export import export

    module: Any = lightning_modules.load(tiny_run[0])
    export(module, file := tmp_path / "weights.safetensors")
    again: Any = lightning_modules.load(file)
    for each in (module, again):
        each.sampler = "mixture"
    assert torch.equal(module.noise(8, seed=1), again.noise(8, seed=1))
