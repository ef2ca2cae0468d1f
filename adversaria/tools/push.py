"""Push a trained model to the Hugging Face hub: `python -m adversaria.tools.push RUN owner/name`.

The model there has the weights as `.safetensors`, with what rebuilds it, and a page that is made from the record of the
run: its data and their licence, its metrics with their protocol, its command, and samples. `load("hf://owner/name")`
of `lightning_modules`, generate.py, evaluate.py, explore.py and `init_from=` take it from there.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria.config.errors import ConfigError, one_sentence_errors
from adversaria.images.files import scratch_beside
from adversaria.runs import hub, run_folder, zoo
from adversaria.tools.arguments import add_run
from adversaria.tools.configuration import saved
from datamodules.licences import licence_of

if TYPE_CHECKING:
    from adversaria.report.run import Run


def push(run: Path, name: str, checkpoint: str = "last", licence: str | None = None, private: bool = False) -> str:
    """Push the model of a run to the hub; return its address there.

    Args:
        run: the run folder.
        name: `owner/name` on the hub; a model of that name gets a new version.
        checkpoint: `last` or `best`.
        licence: identifier of the model's licence, as the hub names them; None for that of its data, where it is known.
        private: whether a new model is for its owner alone.

    Raises:
        CheckpointError: there is no such run, or the hub refuses it or cannot be reached.
        ConfigError: the name is wrong, the licence must be given, or a package is missing.
    """
    hub.checked_name(name)
    client = hub.client()
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder), run, f"hf://{name}", checkpoint, licence)
        with hub.one_sentence(name):
            client.create_repo(name, private=private, exist_ok=True)
            client.upload_folder(repo_id=name, folder_path=folder, commit_message="Push a model of adversaria")
    return f"https://huggingface.co/{name}"


def write_model(
    folder: Path, run: Path, address: str, checkpoint: str = "last", licence: str | None = None, small: bool = False
) -> Run:
    """Write what is pushed into an empty folder: model.safetensors, config.json, README.md and samples.png.

    Args:
        folder: the empty folder.
        run, checkpoint, licence: as of `push`.
        address: where the model will be found, `hf://owner/name` or `zoo:name`.
        small: whether the weights are written as small as they can be, see `lightning_modules.safe_weights.save`.

    Returns:
        The run.

    Raises:
        CheckpointError: there is no such run.
        ConfigError: the licence must be given.
    """
    home, file = run_folder.find(run, checkpoint)
    if home is None:
        raise ConfigError(f"{run} is not a run folder, whose record the page of the model is made from; give one")
    identifier, terms = _terms(home, licence)
    import lightning_modules
    from adversaria.report import model_card, reading
    from lightning_modules.safe_weights import save

    module: Any = lightning_modules.load(file)
    save(module, folder / hub.PUSHED, small)
    (folder / "config.json").write_text(json.dumps(module.config, indent=2) + "\n", encoding="utf-8")
    record = reading.read(home)
    page = model_card.model_card(record, module, address, identifier, terms)
    (folder / "README.md").write_text(page, encoding="utf-8")
    if samples := model_card.samples_of(record):
        shutil.copyfile(samples, folder / "samples.png")
    return record


def add_to_zoo(run: Path, name: str, checkpoint: str = "last", licence: str | None = None) -> Path:
    """Add the model of a run to those that come with the project, or replace it there; return its folder.

    Args:
        run, checkpoint, licence: as of `push`.
        name: of the model, as in `zoo:NAME`.

    Raises:
        CheckpointError: there is no such run, or it has no record.
        DataError: the data of a VAE is not there.
        ConfigError: the name is wrong, the licence must be given, or the model is too large.
    """
    from adversaria.report import ledger

    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ConfigError(f"zoo:{name}: the name of a model is of small letters, digits and _")
    with scratch_beside(zoo.FOLDER / name) as scratch:
        scratch.mkdir(parents=True)
        record = write_model(scratch, run, zoo.PREFIX + name, checkpoint, licence, small=True)
        if (size := (scratch / hub.PUSHED).stat().st_size) > zoo.LARGEST:
            raise ConfigError(f"{run}: its weights have {size:,} bytes, and {zoo.LARGEST:,} may come with the project")
        _keep_directions(scratch, record.folder)
        said = {"data": record.choice("data"), **ledger.record_of(record.folder)}
        (scratch / zoo.RECORD).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(zoo.FOLDER / name, ignore_errors=True)
        return scratch.replace(zoo.FOLDER / name)


def _keep_directions(folder: Path, run: Path) -> None:
    """Write the directions of a VAE beside its weights; other models have none.

    Raises:
        DataError: the data of the run, in which they are found, is not there.
    """
    import lightning_modules
    from adversaria.config.instantiate import instantiate
    from adversaria.images import directions
    from adversaria.tools.configuration import run_configuration
    from lightning_modules.protocols import Autoencoder

    module = lightning_modules.load(folder / hub.PUSHED)  # of half precision, as it will be used
    if isinstance(module, Autoencoder):
        directions.write(directions.find(module, instantiate(run_configuration(run)["data"])), folder)


def _terms(run: Path, licence: str | None) -> tuple[str, list[str]]:
    """Return the licence of a run's model, and sentences on it and on the data.

    Raises:
        ConfigError: the terms of the data are not known, and no licence was given.
    """
    config = saved(run)
    known = licence_of(config["data"])
    if known is None and licence is None:
        raise ConfigError(
            "the licence of the data of this run is not known; say under which licence the model is, as the hub names "
            "them, e.g. --license cc-by-4.0 for images that are your own, or --license other"
        )
    terms = ["The licence of the data is not known to the project; whoever pushed the model chose its licence."]
    terms = [known.sentence] if known else terms
    if config.get("init_from"):
        terms.append("It was started from the weights of another model, whose data has terms of its own.")
    return licence or (known.identifier if known else "other"), terms


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m adversaria.tools.push",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_run(parser)
    add = parser.add_argument
    add(
        "name",
        metavar="OWNER/NAME",
        help="of the model on the hub; or zoo:NAME, a new one of this project",
    )
    add("--license", dest="licence", metavar="ID", help="of the model, as the hub names it (default: that of its data)")
    add("--private", action="store_true", help="for its owner alone")
    add("--output", type=Path, metavar="FOLDER", help="write into this new folder instead, to look at")
    with one_sentence_errors():
        options = parser.parse_args(arguments)
        chosen = (options.checkpoint, options.licence)
        if options.name.startswith(zoo.PREFIX):
            print(f"written to {add_to_zoo(options.run, options.name.removeprefix(zoo.PREFIX), *chosen)}")
            return
        if options.output is None:
            print(f"pushed to {push(options.run, options.name, *chosen, options.private)}")
            return
        if options.output.exists():
            raise ConfigError(f"--output {options.output}: this is there already; give the name of a new folder")
        with scratch_beside(options.output) as scratch:
            scratch.mkdir()
            write_model(scratch, options.run, f"hf://{options.name}", *chosen)
            scratch.replace(options.output)
        print(f"written to {options.output}")


if __name__ == "__main__":
    main()
