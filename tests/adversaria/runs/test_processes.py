"""Which process writes, and what its launch is called."""

import pytest

from adversaria.config.errors import ConfigError
from adversaria.runs import processes

KNOWN = (
    "SLURM_RESTART_COUNT",
    "TORCHELASTIC_RESTART_COUNT",
    "RANK",
    "LOCAL_RANK",
    "NODE_RANK",
    "SLURM_NTASKS",
    "SLURM_PROCID",
    "SLURM_JOB_ID",
    "TORCHELASTIC_RUN_ID",
)
SLURM = {"SLURM_NTASKS": "2", "SLURM_JOB_ID": "7", "SLURM_STEP_ID": "1"}


@pytest.mark.parametrize(
    ("environment", "first", "launch"),
    [
        ({}, True, None),
        ({"LOCAL_RANK": "1"}, False, None),  # Lightning's second
        ({"LOCAL_RANK": "0", "NODE_RANK": "1"}, False, None),
        ({"RANK": "0", "LOCAL_RANK": "0", "TORCHELASTIC_RUN_ID": "ab"}, True, "torchrun_ab"),
        ({"RANK": "4", "LOCAL_RANK": "0", "TORCHELASTIC_RUN_ID": "ab"}, False, "torchrun_ab"),  # on another machine
        ({**SLURM, "SLURM_PROCID": "0"}, True, "slurm_7_1"),
        ({**SLURM, "SLURM_PROCID": "1"}, False, "slurm_7_1"),
        ({**SLURM, "SLURM_PROCID": "1", "SLURM_RESTART_COUNT": "2"}, False, "slurm_7_1_restart_2"),  # requeued
        ({"SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_JOB_ID": "7"}, True, None),  # one process in a batch job
    ],
)
def test_one_process_of_a_launch_writes(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], first: bool, launch: str | None
) -> None:
    for name in KNOWN:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert processes.is_first() is first
    assert processes.launch() == launch


def test_a_launch_without_a_name_is_told_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    with pytest.raises(ConfigError, match="--standalone"):
        processes.launch()
