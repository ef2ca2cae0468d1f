"""The table of test metrics in the terminal."""

from adversaria.tools.results import print_results


def test_brackets_and_colons_are_printed(capsys) -> None:
    print_results({"test/accuracy/[/old] :smile:": 0.5}, "run folder  /data/[old]/[/x]", title="[/b] split")
    said = capsys.readouterr().out
    for text in ("accuracy/[/old] :smile:", "/data/[old]/[/x]", "[/b] split"):
        assert text in said


def test_how_good_images_are_comes_first_with_the_floor_beside_and_the_discriminator_last(capsys) -> None:
    names = "accuracy_fake accuracy_real fid_x fid_x_floor is_x kid_x loss precision_x recall_x recall_x_floor"
    print_results({f"test/{name}": number for number, name in enumerate(names.split())})
    said = capsys.readouterr().out
    rows = [[cell.strip() for cell in row.split("│")[1:-1]] for row in said.splitlines() if row.startswith("│")]
    assert [row[0].split()[0] for row in rows] == [
        *("fid_x", "kid_x", "precision_x", "recall_x", "is_x", "loss", "accuracy_fake", "accuracy_real")
    ]
    assert [row[1:] for row in rows[:4]] == [["2", "3"], ["5", ""], ["7", ""], ["8", "9"]]
    assert "floor: the value of real validation images" in said


def test_a_table_without_floors_has_no_such_column(capsys) -> None:
    print_results({"test/accuracy": 0.5, "test/loss": 1.0})
    assert "floor" not in capsys.readouterr().out
