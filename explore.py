"""Explore a trained VAE or GAN of any kind with sliders: `python explore.py RUN`; see `python explore.py --help`."""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib.util
import sys
from pathlib import Path

from adversaria.config.command_lines import script_command
from adversaria.config.errors import ConfigError, one_sentence_errors
from adversaria.runs import run_folder
from adversaria.speed import settings
from adversaria.tools import explorer_server
from adversaria.tools.arguments import add_device, add_run, add_sampler, add_version
from adversaria.tools.generator import draw_from, load_generator, weights_of
from adversaria.tools.model_errors import model_errors


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    with one_sentence_errors():
        options = _options(arguments)
        if importlib.util.find_spec("nicegui") is None:
            raise ConfigError("the page needs NiceGUI, which is not installed; pip install -e '.[explore]'")
        port = explorer_server.free_port(options.port)
        own = [*(sys.argv[1:] if arguments is None else arguments)]
        again = script_command("explore.py", *own, *([] if port == options.port else [f"--port={port}"]))
        settings.keep_memory()
        runs = [_shown(run, options) for run in options.run]
        with contextlib.suppress(KeyboardInterrupt):
            explorer_server.serve(runs, port, again, not options.no_browser)


def _shown(run: Path, options: argparse.Namespace) -> explorer_server.Shown:
    """Load a model for the page."""
    folder, file = run_folder.find(run, options.checkpoint)
    from adversaria.images.directions import beside
    from adversaria.tools.explorer import prepare

    module = load_generator(file, options.device)
    draw_from(module, file, options.sampler)
    with model_errors(file):
        explorer, note = prepare(module, folder, options.root, beside(file, module) if folder is None else None)
        explorer.draw(explorer.initial)  # what cannot be drawn is said before there is a page
    about = f"iteration {explorer.module.iteration:,} · {weights_of(explorer.module)} weights · {run}"
    return explorer_server.Shown(explorer, about, note, folder)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Explore a trained VAE or GAN of any kind with sliders in a browser.")
    add_run(parser, "+")
    add_device(parser)
    add_version(parser)
    add_sampler(parser)
    add = parser.add_argument
    add("--port", type=int, default=7860, help="port of the page, which only this machine can open (default: 7860)")
    add("--no-browser", action="store_true", help="do not open the page in a browser")
    add("--root", metavar="PATH", help="another folder of the data, which determines a VAE's directions")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    gc.disable()  # until the heavy imports are done, as in train.py
    main()
