import math
import resource
import signal

import pytest
import torch

from adversaria.config.errors import SavingError
from adversaria.runs.csv_logger import CSVLogger
from adversaria.runs.curves import read_metrics


@pytest.fixture
def file(tmp_path):
    return tmp_path / "run/metrics.csv"


def logger_of(file):
    return CSVLogger(str(file.parent))


def lines(file):
    return file.read_text(encoding="utf-8").splitlines()


def test_every_scalar_is_one_line_under_one_header(file):
    logger = logger_of(file)
    logger.log_metrics({"train/loss": 0.5, "train/mse": torch.tensor(0.25)}, step=10)
    logger.log_metrics({"val/loss": 2}, step=20)  # a metric that appears late needs no new column
    assert lines(file) == ["iteration,metric,value", "10,train/loss,0.5", "10,train/mse,0.25", "20,val/loss,2"]


def test_nothing_is_written_before_the_first_scalar(file):
    logger_of(file).log_hyperparams({"a": 1})
    assert not file.parent.exists()


def test_lines_are_on_disk_at_once(file):
    logger = logger_of(file)
    for step in range(3):
        logger.log_metrics({"loss": step}, step)
        assert len(lines(file)) == 2 + step


def test_a_resumed_run_appends_without_a_second_header(file):
    logger_of(file).log_metrics({"loss": 1.0}, step=1)
    before = file.read_bytes()
    resumed = logger_of(file)
    for step in (2, 3):
        resumed.log_metrics({"loss": float(step)}, step)
    assert file.read_bytes().startswith(before)
    assert [line for line in lines(file) if line] == ["iteration,metric,value", "1,loss,1", "2,loss,2", "3,loss,3"]


@pytest.mark.parametrize("cut", [1, 2, 4, 8, 12])
def test_a_last_line_cut_short_does_not_swallow_the_next(file, cut):
    first = logger_of(file)
    first.log_metrics({"train/loss": 0.5}, step=1)
    first.log_metrics({"train/loss": 0.25}, step=2)
    content = file.read_bytes().rstrip(b"\r\n")
    file.write_bytes(content[: -len("2,train/loss,0.25") + cut])
    logger_of(file).log_metrics({"train/loss": 0.125}, step=3)
    assert lines(file)[-1] == "3,train/loss,0.125"
    assert read_metrics(file) == {"train/loss": ([1, 3], [0.5, 0.125])}


def test_an_empty_file_gets_its_header(file):
    file.parent.mkdir()
    file.touch()
    logger_of(file).log_metrics({"loss": 1.0}, step=1)
    assert read_metrics(file) == {"loss": ([1], [1.0])}


def test_metrics_are_read_as_curves_by_name(file):
    logger = logger_of(file)
    for step, loss in ((1, 0.5), (2, 0.25), (3, 0.125)):
        logger.log_metrics({"train/loss": loss}, step)
    logger.log_metrics({"val/loss": 1.0}, 2)
    assert read_metrics(file) == {"train/loss": ([1, 2, 3], [0.5, 0.25, 0.125]), "val/loss": ([2], [1.0])}


def test_the_later_attempt_replaces_repeated_iterations(file):
    killed = logger_of(file)
    for step in (10, 20, 30, 40):
        killed.log_metrics({"train/loss": float(step)}, step)
    killed.log_metrics({"val/loss": 20.0}, 20)
    resumed = logger_of(file)  # from the checkpoint of iteration 20
    for step in (30, 35):
        resumed.log_metrics({"train/loss": 100.0 + step}, step)
    assert read_metrics(file) == {
        "train/loss": ([10, 20, 30, 35], [10.0, 20.0, 130.0, 135.0]),
        "val/loss": ([20], [20.0]),
    }


def test_values_keep_seven_digits_and_odd_ones_survive(file):
    values = {"third": 1 / 3, "small": 1.2345678e-12, "large": 1.5e30, "inf": math.inf, "nan": math.nan, "a,b": -1.0}
    logger_of(file).log_metrics(values, step=1)
    read = {name: value for name, (_, (value,)) in read_metrics(file).items()}
    assert read.keys() == values.keys()
    assert math.isnan(read.pop("nan"))
    assert read == pytest.approx({k: v for k, v in values.items() if k != "nan"}, rel=1e-6)


def test_it_is_a_logger_that_lightning_can_ask(file):
    logger = logger_of(file)
    assert (logger.name, logger.version) == ("csv", "")


@pytest.mark.parametrize("cut", [1, 9, 22])
def test_a_header_cut_short_is_completed(file, cut):
    logger_of(file).log_metrics({"loss": 1.0}, step=1)
    file.write_bytes(file.read_bytes()[:cut])
    logger_of(file).log_metrics({"loss": 2.0}, step=2)
    assert read_metrics(file) == {"loss": ([2], [2.0])}


def test_on_a_full_disk_it_is_one_sentence_and_the_file_is_as_it_was(file):
    logger = logger_of(file)
    logger.log_metrics({"loss": 1.0}, step=1)
    before, limit = file.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 5, limit[1]))
    try:
        with pytest.raises(SavingError, match=r"cannot write .*metrics\.csv \(File too large\); its disk has"):
            logger.log_metrics({"loss": 2.0}, step=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, ignored)
    assert file.read_bytes() == before
    logger.log_metrics({"loss": 2.0}, step=2)
    assert lines(file)[1:] == ["1,loss,1", "2,loss,2"]
