import math
import os

import pytest

from benchmarks import processes, suite
from benchmarks.__main__ import main
from benchmarks.suite import Result, Row, Skipped, Trial, at_least, at_most
from benchmarks.systems import SYSTEMS


@pytest.fixture
def section(monkeypatch):
    """Measure rows in this process as those of a section."""

    def of(*rows, rounds=1):
        monkeypatch.setattr(suite, "rows_of", lambda name: list(rows))
        return [suite.measure("some", row.what, rounds, quick=True) for row in rows]

    return of


def test_every_section_has_rows_and_no_name_stands_twice():
    names = [row.what for section in suite.SECTIONS for row in suite.rows_of(section)]
    assert len(names) == len(set(names))
    assert all(suite.rows_of(section) for section in suite.SECTIONS)
    assert not [name for name in names if "|" in name]  # it would end a cell of the table


def test_every_method_is_timed_with_both_batch_sizes():
    rows = [row.what for row in suite.rows_of("steps")]
    for name, batch in (("A1", 128), *((name, 64) for name in SYSTEMS if name != "A1")):
        assert sum(row.startswith(f"{SYSTEMS[name].name}, batch {batch}:") for row in rows) == 1
        assert sum(row.startswith(f"{SYSTEMS[name].name}, batch 16:") for row in rows) == 1


def test_targets_are_met_from_their_own_side():
    assert at_least(0.98).met(0.98)
    assert not at_least(0.98).met(0.979)
    assert at_most(15).met(15)
    assert not at_most(15).met(15.1)


def test_the_table_has_the_median_and_the_quartiles_and_whether_the_target_is_met():
    result = Result("speed", at_least(2), [1.0, 2.0, 3.0, 4.0, 5.0], {"ours, s": [1.5]})
    assert result.lines() == [("speed", "3", "2 to 4", "≥ 2", "yes"), ("↳ ours, s", "1.5", "1.5 to 1.5", "", "")]
    assert Result("speed", at_most(2), [1.0, 3.0, 3.0]).lines()[0][-1] == "no"
    assert Result("speed", None, [1.0]).lines()[0][-2:] == ("", "")


def test_a_pair_takes_turns(section):
    order = []

    def take(name, value):
        order.append(name)
        return value

    def pair(trial):
        return trial.ratio(lambda: take("a", 6.0), lambda: take("b", 3.0), ("a", "b"), "images/s")

    (result,) = section(Row("pair", pair), rounds=3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert result.values == [2.0] * 3
    assert result.notes == {"a, images/s": [6.0] * 3, "b, images/s": [3.0] * 3}


def test_a_broken_row_is_told_and_costs_no_other(section, capsys):
    def broken(trial: Trial) -> float:
        raise ValueError("no such thing")

    def absent(trial: Trial) -> float:
        raise Skipped("no GPU here")

    first, second, third = section(Row("x", broken, at_least(1)), Row("y", absent), Row("z", lambda trial: 7.0))
    assert first.lines() == [("x", "ValueError: no such thing", "", "≥ 1", "failed")]
    assert second.lines() == [("y", "no GPU here: skipped", "", "", "")]
    assert third.values == [7.0]


def test_a_fresh_process_answers_fails_and_dies():
    assert processes.fresh(math.sqrt, 9) == 3.0
    with pytest.raises(RuntimeError, match="ValueError"):
        processes.fresh(math.sqrt, -1)
    with pytest.raises(RuntimeError, match="_exit died with 3"):
        processes.fresh(os._exit, 3)


def test_a_row_from_the_command_to_the_table(tmp_path, capsys):
    """The row fails unless train.py refuses the configuration with status 2."""
    status = main(["--only=start", "--match=a configuration error", "--rounds=2", "--quick", f"--output={tmp_path}"])
    (file,) = tmp_path.glob("*.md")
    assert file.read_text(encoding="utf-8") in capsys.readouterr().out
    (line,) = [line for line in file.read_text(encoding="utf-8").splitlines() if "a configuration error" in line]
    what, median, _, target, met = (cell.strip() for cell in line.strip("|").split("|"))
    assert (what, target) == ("a configuration error, s", "≤ 0.5")
    assert met in ("yes", "no")
    assert 0.01 < float(median) < 60
    assert status == 0


@pytest.mark.parametrize("arguments", [["--only=stepz"], ["--rounds=0"], ["--match=no such row", "--only=start"]])
def test_a_wrong_command_is_refused(arguments, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([*arguments, f"--output={tmp_path}"])
    assert "error:" in capsys.readouterr().err


@pytest.mark.faults  # for its time
@pytest.mark.parametrize("name", ["A1", "E1", "A2", "C3", "E3", "E4"])
def test_the_bare_loop_does_the_arithmetic_of_train(name, tmp_path, cache_dir):
    """Both are given the same number of batches of two images; what they multiply is counted, to the last one."""
    from torch.utils.flop_counter import FlopCounterMode

    from benchmarks import bare, bare_steps, through_train

    steps = 5 if name == "A2" else 1  # its generator takes every fifth
    few = [] if "sets" in SYSTEMS[name].config(2)["data"] else [f"data.reader.{s}=12" for s in ("train", "val", "test")]
    folders = [f"run_dir={tmp_path}", f"data.cache_dir={cache_dir}"]
    config = SYSTEMS[name].config(2, *through_train.FIXED, *folders, *few, f"trainer.limit_train_batches={steps}")
    config["callbacks"] = {key: config["callbacks"][key] for key in through_train.IN_A_STEP}
    config["performance"]["keep_memory"] = False  # it would stay so for the tests after this one
    with FlopCounterMode(display=False) as ours:
        through_train.train(config)
    step, batch = bare_steps.step_of(config), bare.batch_of(config)
    with FlopCounterMode(display=False) as theirs:
        for _ in range(steps):
            step(batch)
    assert ours.get_total_flops() == theirs.get_total_flops() > 0
