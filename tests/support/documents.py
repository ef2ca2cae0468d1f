"""What a document says that can be checked: its snippets, its links, and the names in it.

Each function returns the problems that it found, as sentences; an empty list means that all is well.
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FENCE = re.compile(r"^(?P<ticks>```+)(?P<language>\w*)(?P<info>[^\n]*)\n(?P<code>.*?)^(?P=ticks)[ ]*$", re.M | re.S)
PACKAGES = ("adversaria", "benchmarks", "callbacks", "datamodules", "lightning_modules")
KEY = re.compile(r"(data|model|trainer|callbacks|logger|performance)(\.\w+)+(\.\*)?")
MODULE = re.compile(rf"({'|'.join(PACKAGES)})(\.\w+)+")
PLACEHOLDER = re.compile(r"NAME|MODEL|NN")
PLACE = re.compile(rf"({'|'.join((*PACKAGES, 'conf', 'docs', 'tests'))})/[\w./-]*")


@dataclass(frozen=True)
class Block:
    """A fenced block; the file that it is to be saved as stands after its language: `title="conf/model/new.yaml"`."""

    language: str
    title: str | None
    code: str


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a document."""
    titles = re.compile(r'title="([^"]+)"')
    return [
        Block(m["language"], title[1] if (title := titles.search(m["info"])) else None, m["code"])
        for m in FENCE.finditer(text)
    ]


def spans(text: str) -> list[str]:
    """Return the code in backticks within the prose of a document."""
    return re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


def examples(texts: Iterable[str]) -> dict[str, str]:
    """Return the blocks that documents tell the reader to save, by file."""
    return {block.title: block.code for text in texts for block in blocks(text) if block.title}


# -- snippets
def snippet_problems(text: str, root: Path) -> list[str]:
    """Parse every block by its language; resolve what Python imports from this project, and YAML's targets."""
    found = []
    for block in blocks(text):
        first = block.code.strip().partition("\n")[0]
        try:
            if block.language == "python":
                found += [f"{first}: {p}" for p in _python_problems(ast.parse(block.code), root)]
                found += [f"{first}: {p}" for p in undefined_names(block.code)]
            elif block.language == "yaml":
                yaml.safe_load(block.code)
                targets = re.findall(r"_target_: ([\w.]+)", block.code)
                found += [f"{first}: there is no {t}" for t in targets if MODULE.match(t) and not resolves(t, root)]
            elif block.language == "bash":
                list(commands(block.code))
        except (SyntaxError, ValueError, yaml.YAMLError) as error:
            found.append(f"{first}: {error}")
    return found


def undefined_names(code: str) -> list[str]:
    """Return what Ruff says of names that a snippet uses and defines nowhere."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F821", "--output-format=concise", "-"]
    done = subprocess.run(command, input=code, capture_output=True, text=True, encoding="utf-8")
    return [line for line in done.stdout.splitlines() if "F821" in line]


def _python_problems(tree: ast.Module, root: Path) -> Iterator[str]:
    known: dict[str, str] = {}  # names bound by imports of this project -> what they stand for
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {a.asname or a.name.partition(".")[0]: a.name.partition(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            known |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    known = {name: target for name, target in known.items() if target.partition(".")[0] in PACKAGES}
    names = set(known.values())
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
            names.add(f"{known[node.value.id]}.{node.attr}")
    yield from (f"there is no {name}" for name in sorted(names) if not resolves(name, root))


def resolves(name: str, root: Path) -> bool:
    """Tell whether a dotted name is a package, a module, or what one of them defines or imports."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = root.joinpath(*parts[:length])
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if file.is_file() or path.is_dir():
            rest = parts[length:]
            return not rest or (file.is_file() and rest[0] in _defined(file))
    return False


def _defined(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def commands(code: str) -> Iterator[list[str]]:
    """Split shell text into commands of words, without comments."""
    for line in code.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if set(word) <= set("();<>|&"):
                yield words
                words = []
            elif word not in ("…", "..."):
                words.append(word)
        yield words


# -- names
def name_problems(text: str, root: Path, keys: set[str]) -> list[str]:
    """Look up what the prose names in backticks: keys, groups and choices of the configuration, modules and files."""
    new = examples([text])
    found = []
    for span in spans(text):
        if PLACEHOLDER.search(span):
            continue
        if PLACE.fullmatch(span) and not (root / span).exists() and span not in new:
            found.append(f"{span}: there is no such file")
        if MODULE.fullmatch(span) and not resolves(span, root) and span not in keys:
            found.append(f"{span}: there is no such module, class or function")
        for word in span.split():
            found += [f"{span}: {problem}" for problem in _word_problems(word, root, keys)]
    return found


def _word_problems(word: str, root: Path, keys: set[str]) -> Iterator[str]:
    """Check one word such as `model.r1`, `model.network.*`, `data.root=PATH`, `model/loss=hinge,saturating`."""
    key, given, value = word.partition("=")
    if KEY.fullmatch(key) and key != "data.json" and key.removesuffix(".*") not in keys and not resolves(key, root):
        yield f"there is no key {key}"
    folder = root / "conf" / key.partition("@")[0]
    if given and folder.is_dir() and re.fullmatch(r"[a-z0-9_/,]+", value):
        yield from (f"{key} has no choice {c}" for c in value.split(",") if not (folder / f"{c}.yaml").is_file())


def flat(node: Any, prefix: str = "") -> Iterator[str]:
    """Return the dotted keys of a configuration."""
    for key, value in node.items() if isinstance(node, dict) else ():
        yield f"{prefix}{key}"
        yield from flat(value, f"{prefix}{key}.")


# -- links
def link_problems(file: Path, root: Path) -> list[str]:
    """Follow every link of a document to a file in the project, and to a heading in it."""
    found = []
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", file.read_text(encoding="utf-8"))):
        if re.match(r"(https?|mailto):", target):
            continue
        path, _, anchor = target.partition("#")
        aim = (file.parent / path).resolve() if path else file
        if not aim.exists() or not aim.is_relative_to(root.resolve()):
            found.append(f"{target}: there is no such file")
        elif anchor and anchor not in anchors(aim.read_text(encoding="utf-8")):
            found.append(f"{target}: there is no such heading")
    return found


def anchors(text: str) -> list[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} +(.+?) *$", FENCE.sub("", text), re.M):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        same = sum(anchor == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", anchor) is not None for anchor in found)
        found.append(f"{slug}-{same}" if same else slug)
    return found
