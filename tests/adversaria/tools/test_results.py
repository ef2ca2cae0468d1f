"""The table of test metrics in the terminal."""

from adversaria.tools.results import print_results
from datamodules.array_building import _progress


def test_brackets_and_colons_are_printed(capsys) -> None:
    print_results({"test/accuracy/[/old] :smile:": 0.5}, "run folder  /data/[old]/[/x]", title="[/b] split")
    with _progress("reading [/x]", 1) as advance:
        advance(1)
    said = capsys.readouterr().out
    for text in ("accuracy/[/old] :smile:", "/data/[old]/[/x]", "[/b] split", "reading [/x]"):
        assert text in said
