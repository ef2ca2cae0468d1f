"""A run on anyone's images, from the command line to its record."""

import json

import yaml
from support.albums import album, listing, names


def test_one_line_trains_on_a_folder_and_the_record_says_what_was_in_it(cli, tmp_path):
    root = album(tmp_path / "my pets [new]", [*names(["cats", "dogs", "owls"], 12), "cats/x.png"])
    (root / "clip.mov").write_bytes(b"x")
    before = listing(root)
    small = ["data.image_size=8", "data.batch_size=8", "trainer.max_epochs=1", "trainer.accelerator=cpu"]
    done = cli(tmp_path, "model=acgan", "data=folder", f"data.root={root}", *small)
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "outputs" / "acgan_folder").iterdir()
    said = " ".join(f"{done.stdout} {done.stderr}".split())
    assert "37 images, 31 train, 3 val, 3 test, parted by a hash of the names" in said
    assert listing(root) == before
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    assert config["labels"] == config["model"]["network"]["labels"] == ["class"]
    assert config["model"]["network"]["classes"] == {"class": ["cats", "dogs", "owls"]}
    protocol = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["protocol"]
    assert protocol["label_counts"] == {"class": {"cats": 13, "dogs": 12, "owls": 12}}
    assert protocol["left_out"] == {".mov": 1}
    assert (run / "figures").is_dir()
