"""`trainer.predict` with a loaded module and a data set: one result for each test image, in their order."""

from typing import Any

import pytorch_lightning as pl
import torch

import lightning_modules
from adversaria.config.instantiate import instantiate


def predict(module: Any, datamodule: Any) -> torch.Tensor:
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False)
    parts: Any = trainer.predict(module, datamodule=datamodule, weights_only=True)
    return torch.cat(parts)


def test_a_vae_predicts_reconstructions(tiny_run, compose, tiny: list[str], cache_dir) -> None:
    vae: Any = lightning_modules.load(tiny_run[0])
    data = instantiate(compose(*tiny, f"data.cache_dir={cache_dir}", "data.batch_size=10")["data"])
    expected = vae.reconstruct(data.images("test", 24)["image"])
    assert torch.allclose(predict(vae, data), expected, atol=1e-5)


def test_a_classifier_predicts_every_label(untrained, compose, tiny: list[str], cache_dir) -> None:
    faces = [*tiny[:4], f"data.cache_dir={cache_dir}"]
    classifier: Any = lightning_modules.load(untrained("model=classifier", "model.network.width=4", *faces))
    data = instantiate(compose(*faces)["data"])
    logits = classifier.classify(data.images("test", 24)["image"])
    assert logits.shape == (24, 13)
    assert torch.equal(predict(classifier, data), (logits > 0).long())


def test_an_adapted_model_predicts_digits_of_the_target(untrained, compose, cache_dir) -> None:
    pair = ["model=dann", "data=digits_mnist5k", "model.network.width=4", f"data.cache_dir={cache_dir}"]
    module: Any = lightning_modules.load(untrained(*pair))
    data = instantiate(compose(*pair)["data"])
    predicted = predict(module, data)
    target = data.domains["target"].images("test", 50)["image"]
    assert predicted.shape == (len(data.domains["target"].cache.splits["test"]),)
    assert torch.equal(predicted[:50], module.classify(target).argmax(1))
