import subprocess
import sys
from pathlib import Path

import numpy as np

from datamodules.readers.base import SplitIndex, not_found, open_reader

ROOT = Path(__file__).resolve().parents[3]


def test_a_split_is_as_long_as_its_names():
    assert len(SplitIndex(["a", "b"], np.zeros((2, 3), np.int8))) == 2


def test_a_reader_gets_the_root_only_if_there_is_one():
    def factory(**given):
        return given

    assert open_reader(factory, None) == {}
    assert open_reader(factory, "x") == {"root": "x"}


def test_not_found_names_places_layouts_and_cure():
    assert str(not_found("The data", ["a", "b"], "files", "get them")) == (
        "The data not found: looked in a, b; it reads files; get them"
    )


def test_readers_and_cache_import_no_torch():
    script = (
        "import sys, datamodules.array_cache, datamodules.readers.celeba, datamodules.readers.lab_faces\n"
        "from datamodules.preflight import preflight\n"
        "faces = {'_target_': 'datamodules.readers.synthetic_faces.SyntheticFaces', '_partial_': True}\n"
        "preflight({'reader': faces}, {})\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0
