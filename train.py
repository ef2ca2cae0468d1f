"""Train, test and record one run: `python train.py model=vae data=celeba`; see `python train.py --help`."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from adversaria import command_help, interruption, performance, processes, run_folder, schema, sweep
from adversaria.errors import ConfigError, UserError, one_sentence_errors
from adversaria.hush import hush
from adversaria.instantiate import built, callbacks_of, instantiate
from datamodules.sources import preflight

log = logging.getLogger("adversaria")


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Check the configuration, then run it; return the objective for sweepers."""
    job = HydraConfig.get()
    with contextlib.nullcontext() if job.mode == RunMode.MULTIRUN else one_sentence_errors():
        folder = Path(job.runtime.output_dir)
        choices, overrides = dict(job.runtime.choices), list(job.overrides.task)
        try:
            if cfg.ckpt_path and job.mode == RunMode.MULTIRUN:
                raise ConfigError("ckpt_path: it continues one run, and -m starts several; leave one of them out")
            config = (
                run_folder.resumed_config(cfg, folder, choices, overrides) if cfg.ckpt_path else run_folder.plain(cfg)
            )
            schema.check(config)
            preflight(config["data"], config["model"])
        except UserError:
            run_folder.discard_if_empty(folder, Path(cfg.output_root))
            raise
        if not processes.is_first():
            processes.end_with_parent()
            logging.disable(logging.INFO)  # said once, by the first
            with interruption.handled():
                return train(config, folder)
        with run_folder.locked(folder):
            if job.mode == RunMode.MULTIRUN:
                config, done = run_folder.resumed_job(config, folder)
                if done:
                    from callbacks.run_record import objective

                    log.info("done before: %s", folder)
                    return objective(config["objective"], {}, folder)
            run_folder.write_invocation(folder, config, choices, overrides)
            with sweep.leaving_nothing_behind(), interruption.handled():
                return train(config, folder)


def train(config: dict[str, Any], folder: Path) -> float | None:
    """Fit and test what a checked, plain configuration describes, in its run folder; return the objective."""
    if config["performance"]["keep_memory"]:
        performance.keep_memory()
    import pytorch_lightning as pl  # seconds of imports, only now that the configuration is known to be good

    from adversaria.atomic_checkpoint import AtomicCheckpointIO
    from callbacks.run_record import RunRecord, objective, print_results

    hush()
    performance.look_for_gpus_once()
    shown = os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder)
    handler = logging.FileHandler(folder / "train.log") if processes.is_first() else logging.NullHandler()
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
        module.cuda_graphs = datamodule.cuda_graphs = config["performance"]["cuda_graphs"]
        datamodule.keep_on_gpu = config["performance"]["data_on_gpu"]
        callbacks = callbacks_of(config)
        if config["test"] == "best" and not any(getattr(c, "monitor", None) for c in callbacks):
            raise ConfigError("test=best: no callback keeps the best, as callbacks.checkpoint.monitor; set test=last")
        trainer = instantiate(
            config["trainer"],
            callbacks=[*callbacks, RunRecord(config)],
            logger=built(config["logger"]),
            plugins=[AtomicCheckpointIO()],
            default_root_dir=str(folder),
            **sweep.gpu_of_job(config["trainer"]),
        )
        if config["trainer"].get("profiler"):
            trainer.profiler.dirpath, trainer.profiler.filename = folder, "profile"
        module.check_trainer(trainer)
        performance.pass_over_empty_hooks(module, trainer.callbacks)
        sweep.check_trainer(trainer)
        if trainer.world_size > 1:
            shared = trainer.world_size * config["data"]["batch_size"]
            log.info("%d processes: %d images a step, at the learning rates as configured", trainer.world_size, shared)
        gc.enable()
        trainer.fit(module, datamodule=datamodule, ckpt_path=config["ckpt_path"], weights_only=True)
        metrics = dict(trainer.callback_metrics)
        if config["test"]:
            weights = None if config["test"] == "last" else str(folder / "checkpoints" / "best.ckpt")
            trainer.test(module, datamodule=datamodule, ckpt_path=weights, weights_only=True, verbose=False)
            metrics |= trainer.callback_metrics
            if processes.is_first():
                print_results(metrics, f"run folder   {shown}", f"look at it   tensorboard --logdir {shown}")
        return objective(config["objective"], metrics, folder)
    except BaseException:
        if (folder / "checkpoints" / "last.ckpt").exists():
            log.info("stopped; go on with: python train.py ckpt_path=%s", shown)
        raise
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


if __name__ == "__main__":
    gc.disable()  # until the fit: going through all that imports make, again and again, took a fifth of the start
    os.environ["HYDRA_FULL_ERROR"] = "1"
    if {"--help", "-h"} & set(sys.argv):
        print(command_help.text())
        sys.exit(0)
    run_folder.register_resolvers()
    performance.compose_once()
    with one_sentence_errors(), sweep.going_on_without_killed_jobs():  # composing has its errors before main
        main()
    sys.exit(0)
