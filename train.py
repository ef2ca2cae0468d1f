"""Train, test and record one run: `python train.py model=vae data=celeba`; see `python train.py --help`."""

from __future__ import annotations

import gc
import os
import sys

import hydra
from omegaconf import DictConfig

from adversaria.config import command_help
from adversaria.config.as_typed import as_hydra_reads
from adversaria.config.completion import without_private_names
from adversaria.config.errors import one_sentence_errors
from adversaria.config.renamed import renamed_arguments
from adversaria.config.version import version
from adversaria.runs.resumed_command import command_line
from adversaria.sweeps.jobs import restart_after_killed_job
from adversaria.sweeps.sweep import discarded_if_refused
from adversaria.tools.compose import register_resolvers
from adversaria.tools.composed_run import run_command


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Check the configuration, then run it; return the objective for sweepers."""
    return run_command(cfg)


if __name__ == "__main__":
    gc.disable()  # off until the heavy imports are done: collecting garbage during them took a fifth of the start
    os.environ["HYDRA_FULL_ERROR"] = "1"
    with one_sentence_errors(), restart_after_killed_job(), discarded_if_refused():  # errors of composition come first
        if {"--help", "-h", "--version"} & set(sys.argv):
            print(version() if "--version" in sys.argv else command_help.text())
            sys.exit(0)
        register_resolvers()
        sys.argv[1:] = command_line(as_hydra_reads(renamed_arguments(sys.argv[1:])))
        with without_private_names(sys.argv[1:], os.environ.get("COMP_LINE", "")):
            main()
    sys.exit(0)
