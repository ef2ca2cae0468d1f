"""What the documents say is true: commands parse, snippets compile, links lead somewhere, names exist."""

from __future__ import annotations

import copy
import functools
import pkgutil
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from support.document_commands import all_commands, command_problems
from support.documents import FENCE, PACKAGES, anchors, examples, flat, link_problems, name_problems, snippet_problems

import lightning_modules
from adversaria.config import containers, errors, foreign_errors, guesses, schema, signatures
from adversaria.config.as_typed import as_hydra_reads
from adversaria.config.instantiate import instantiate
from adversaria.tools.compose import register_resolvers
from datamodules import readers

pytestmark = pytest.mark.xdist_group("documents")  # what they share is made once

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ["README.md", *(file.relative_to(ROOT).as_posix() for file in sorted((ROOT / "docs").rglob("*.md")))]
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS}
#: Plugins that only `pip install -e '.[sweep]'` brings; their choices are left out where they are not installed.
SWEEP_PLUGINS = re.compile(r"hydra/launcher=submitit_(local|slurm)|hydra\.launcher\.partition=.*")

each_document = pytest.mark.parametrize("document", DOCUMENTS)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages and of conf/, with the files that the documents tell the reader to write."""
    copy = tmp_path_factory.mktemp("checkout")
    for folder in (*PACKAGES, "conf", "docs", "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.png", "fixtures"))
    for search in (copy / "conf" / "sweep").glob("*_optuna.yaml"):  # as they are but for the plugin
        without = {**yaml.safe_load(search.read_text(encoding="utf-8")), "hydra": {}}
        without["defaults"] = [d for d in without["defaults"] if "override /hydra/sweeper" not in d]
        search.write_text("# @package _global_\n" + yaml.safe_dump(without, sort_keys=False), encoding="utf-8")
    for name, code in examples(TEXTS.values()).items():
        (copy / name).write_text(code, encoding="utf-8")
    return copy


class Composer:
    """Compose and check what overrides of train.py say, in a checkout; remember every key that was seen."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self._parser = OverridesParser.create()

    def __call__(self, overrides: tuple[str, ...]) -> dict[str, Any]:
        return self._compose(
            tuple(o for o in map(self._first, as_hydra_reads(overrides)) if not SWEEP_PLUGINS.fullmatch(o))
        )

    def _first(self, override: str) -> str:
        """Return an override as the first job of a sweep has it."""
        parsed = self._parser.parse_override(override)
        if not parsed.is_sweep_override():
            return override
        return f"{parsed.get_key_element()}={next(iter(parsed.sweep_string_iterator()))}"

    @functools.cache  # noqa: B019  # as long-lived as the tests of this module
    def _compose(self, overrides: tuple[str, ...]) -> dict[str, Any]:
        try:
            cfg = hydra_compose("train", overrides=["run_dir=unused", "name=unused", *overrides])
            config = containers.plain(cfg)
            schema.check(config)
        except Exception as error:
            raise ValueError(foreign_errors.describe_error(error) or str(error)) from None
        self.keys |= set(flat(config))
        return config


@pytest.fixture(scope="module")
def compose(checkout: Path) -> Iterator[Composer]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (errors, guesses):
            patch.setattr(module, "CONF", checkout / "conf")
        patch.setattr(signatures, "ROOT", checkout)
        read = functools.cache(OmegaConf.load)  # each file of the copy once
        patch.setattr(OmegaConf, "load", staticmethod(lambda file: copy.deepcopy(read(file.name))))
        register_resolvers()
        with initialize_config_dir(str(checkout / "conf"), version_base="1.3"):
            yield Composer()


@pytest.fixture(scope="module")
def keys(compose: Composer) -> set[str]:
    """All keys of all configurations that the documents compose."""
    for text in TEXTS.values():
        command_problems(text, compose)
    return compose.keys


@each_document
def test_every_command_is_understood(document: str, compose: Composer) -> None:
    assert command_problems(TEXTS[document], compose) == []


@each_document
def test_every_snippet_parses(document: str, checkout: Path) -> None:
    assert snippet_problems(TEXTS[document], checkout) == []


@each_document
def test_every_link_leads_somewhere(document: str) -> None:
    assert link_problems(ROOT / document, ROOT) == []


@each_document
def test_every_name_exists(document: str, checkout: Path, keys: set[str]) -> None:
    assert name_problems(TEXTS[document], checkout, keys) == []


def test_the_reader_and_the_method_that_the_documents_add_work(
    compose: Composer, checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for package in (lightning_modules, readers):
        added = str(checkout.joinpath(*package.__name__.split(".")))
        monkeypatch.setattr(package, "__path__", [*package.__path__, added])
    np.save(tmp_path / "images.npy", np.zeros((10, 70, 80, 3), np.uint8))
    small = ("model.network.width=4", "model.network.latent_dim=4")
    config = compose(("model=capacity_vae", "model.capacity=1e6", "data=array_file", *small))
    reader = readers.open_reader(instantiate(config["data"]["reader"]), str(tmp_path))
    assert {split: len(table) for split, table in reader.splits().items()} == {"train": 8, "val": 1, "test": 1}
    image = torch.tensor(reader.read(reader.splits()["train"].names[0], 64))
    batch = {"image": (image / 127.5 - 1).permute(2, 0, 1).expand(4, -1, -1, -1)}
    loss = instantiate(config["model"]).training_step(batch, 0)
    assert 900 < loss < 1100  # lambda_kl * |KLD - capacity| = 1e-3 * 1e6, and an MSE of about 1


def test_the_readme_can_be_read_in_a_few_minutes() -> None:
    assert len(TEXTS["README.md"].splitlines()) <= 220


def test_the_site_has_every_page_and_every_name_of_the_reference() -> None:
    pages = re.findall(r'"([\w/]+\.md)"', (ROOT / "zensical.toml").read_text(encoding="utf-8"))
    assert sorted(pages) == [name.removeprefix("docs/") for name in DOCUMENTS if name != "README.md"]
    for name in re.findall(r"^::: ([\w.]+)$", "\n".join(TEXTS.values()), re.M):
        assert pkgutil.resolve_name(name).__doc__, name


def test_every_promise_of_the_fault_table_has_its_test() -> None:
    rows = [line for line in TEXTS["docs/faults.md"].splitlines() if "::" in line]
    assert len(rows) >= 24
    for row in rows:
        (named,) = re.findall(r"`([\w/]+\.py)::(\w+)` \|$", row)
        file, function = named
        assert f"def {function}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), row


# -- the checker itself finds what is wrong
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("```bash\npython train.py model=vae model.lambda_kll=1\n```", "model.lambda_kll: there is no such key"),
        ("```bash\npython train.py -m model=vae model.lambda_kl=-1,1\n```", "model.lambda_kl=-1: expected"),
        ("```bash\npython train.py model=vea\n```", "did you mean vae"),
        ("```bash\npython train.py data.rot=PATH \\\n  data=celeba\n```", "data.rot: there is no such key"),
        ("Run `python train.py --modle gan` first.", "train.py has no --modle"),
        ("```bash\ntrue && python evaluate.py RUN --spilt val\n```", "unrecognized arguments: --spilt"),
        ("```bash\npython generate.py RUN -n none\n```", "invalid positive int value"),
        ("```bash\npython report.py --each\n```", "required: RUN"),
        ("```bash\npython -m datamodules.prepare imagenet\n```", "invalid choice: 'imagenet'"),
        ("```bash\npython -m adversaria.tools.exprot RUN\n```", "No module named"),
        ("```bash\nsrun --nodes=2 python train.py trainer=dpp  # a comment\n```", "did you mean ddp"),
    ],
)
def test_a_wrong_command_is_found(compose: Composer, text: str, problem: str) -> None:
    (found,) = command_problems(text, compose)
    assert problem in found


def test_right_commands_are_found_and_understood(compose: Composer) -> None:
    text = "`python train.py model=gan` and\n```bash\n# no command\npython evaluate.py RUN a.b=1 --split val; ls\n```"
    assert [words for words in all_commands(text) if words] == [
        ["python", "evaluate.py", "RUN", "a.b=1", "--split", "val"],
        ["ls"],
        ["python", "train.py", "model=gan"],
    ]
    assert command_problems(text, compose) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("```python\nprint(undefined)\n```", "Undefined name `undefined`"),
        ("```python\nif True\n```", "expected ':'"),
        ("```python\nfrom datamodules.sources import Table\n```", "there is no datamodules.sources.Table"),
        ("```python\nimport lightning_modules\nlightning_modules.laod(1)\n```", "there is no lightning_modules.laod"),
        ("```yaml\na: [1\n```", "expected ',' or ']'"),
        ("```yaml\na: {_target_: lightning_modules.vae.VEA}\n```", "there is no lightning_modules.vae.VEA"),
        ("```bash\necho 'a\n```", "No closing quotation"),
    ],
)
def test_a_wrong_snippet_is_found(checkout: Path, text: str, problem: str) -> None:
    (found,) = snippet_problems(text, checkout)
    assert problem in found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("`model.lambda_kll`", "there is no key model.lambda_kll"),
        ("`model=vae model.lambda_kll=1`", "there is no key model.lambda_kll"),
        ("`model.netwrok.*`", "there is no key model.netwrok.*"),
        ("`model/loss=hinge,hunge`", "model/loss has no choice hunge"),
        ("`adversaria.performance`", "there is no such module"),
        ("`datamodules/sources/celeba.py`", "there is no such file"),
    ],
)
def test_a_wrong_name_is_found(checkout: Path, keys: set[str], text: str, problem: str) -> None:
    (found,) = name_problems(text, checkout, keys)
    assert problem in found


def test_a_dead_link_and_a_dead_anchor_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A *b*: c!\n## Same\n## Same\n[1](#a-b-c) [2](#same-1) [3](#c) ![4](x.png) [5](http://x/y#z)",
        encoding="utf-8",
    )
    assert link_problems(page, tmp_path) == ["#c: there is no such heading", "x.png: there is no such file"]
    assert anchors(page.read_text(encoding="utf-8")) == ["a-b-c", "same", "same-1"]
    page.write_text("[outside](../other.md) [here](page.md)\n```\n[code](is/no/link.md)\n```", encoding="utf-8")
    assert link_problems(page, tmp_path) == ["../other.md: there is no such file"]


@each_document
def test_code_in_the_prose_does_not_go_over_the_end_of_a_line(document: str) -> None:
    assert [line for line in FENCE.sub("", TEXTS[document]).splitlines() if line.count("`") % 2] == []  # not checked
