"""Train, test and record one run: `python train.py model=vae data=celeba`; see `python train.py --help`."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from adversaria import performance, run_folder, schema
from adversaria.errors import ConfigError, UserError, one_sentence_errors
from adversaria.instantiate import instantiate
from datamodules.sources import preflight

log = logging.getLogger("adversaria")


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Check the configuration, then run it; return the objective for sweepers."""
    with one_sentence_errors():
        job = HydraConfig.get()
        folder = Path(job.runtime.output_dir)
        choices, overrides = dict(job.runtime.choices), list(job.overrides.task)
        try:
            if cfg.ckpt_path is None:
                config = run_folder.plain(cfg)
            else:
                config = run_folder.resumed_config(folder, choices, overrides)
                config["ckpt_path"] = str(run_folder.checkpoint_file(cfg.ckpt_path, folder.parent))
            schema.check(config)
            preflight(config["data"])
        except UserError:
            run_folder.discard_if_empty(folder)
            raise
        run_folder.write_invocation(folder, config, choices, overrides)
        return train(config, folder)


def train(config: dict[str, Any], folder: Path) -> float | None:
    """Fit and test what a checked, plain configuration describes, in its run folder; return the objective."""
    if config["performance"]["keep_memory"]:
        performance.keep_memory()
    import pytorch_lightning as pl  # seconds of imports, only now that the configuration is known to be good

    from callbacks.run_record import RunRecord, print_results

    warnings.filterwarnings(
        "ignore",
        ".*(LeafSpec|Checkpoint directory .* exists and is not empty|smaller than the logging interval).*",
    )
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    shown = os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder)
    handler = logging.FileHandler(folder / "train.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        log.info("run folder: %s", shown)
        pl.seed_everything(config["seed"], workers=True, verbose=False)
        datamodule = instantiate(config["data"])
        module = instantiate(config["model"])
        module.config = config["model"]
        module.check_data(datamodule)
        if config["performance"]["channels_last"]:
            performance.channels_last(module)
        trainer = instantiate(
            config["trainer"],
            callbacks=[*_built(config["callbacks"]), RunRecord(config)],
            logger=_built(config["logger"]),
            default_root_dir=str(folder),
        )
        trainer.fit(module, datamodule=datamodule, ckpt_path=config["ckpt_path"], weights_only=True)
        objective = _objective(config["objective"], trainer.callback_metrics)
        if config["test"]:
            weights = None if config["test"] == "last" else str(folder / "checkpoints" / "best.ckpt")
            trainer.test(module, datamodule=datamodule, ckpt_path=weights, weights_only=True, verbose=False)
            print_results(trainer.callback_metrics, shown)
        return objective
    except BaseException:
        if (folder / "checkpoints" / "last.ckpt").exists():
            log.info("stopped; go on with: python train.py ckpt_path=%s", shown)
        raise
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def _built(nodes: dict[str, Any]) -> list[Any]:
    """Build the named components of a group; one set to null is left out."""
    return [instantiate(node) for node in nodes.values() if node is not None]


def _objective(name: str | None, metrics: dict[str, Any]) -> float | None:
    if name is None:
        return None
    if name not in metrics:
        raise ConfigError(f"objective={name}: this run has no such metric; it has {', '.join(sorted(metrics))}")
    return float(metrics[name])


if __name__ == "__main__":
    os.environ["HYDRA_FULL_ERROR"] = "1"
    run_folder.register_resolvers()
    with one_sentence_errors():  # those of composing, before main is called
        main()
    sys.exit(0)
