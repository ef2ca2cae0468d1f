"""A resumed run shows each iteration once in TensorBoard."""

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard.writer import SummaryWriter

from callbacks.record.run_record import restart


def test_tensorboard_drops_what_a_resumed_run_repeats(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as interrupted:
        for step in range(1, 6):
            interrupted.add_scalar("train/loss", step, step)
    (file,) = tmp_path.iterdir()  # TensorBoard reads files in the order of their names, which begin with the second
    file.rename(tmp_path / "events.out.tfevents.0000000001.earlier")
    with SummaryWriter(tmp_path) as resumed:
        resumed.add_text("config", "first, as in a run", 3)
        restart(resumed, 4)  # from the checkpoint of iteration 3
        resumed.add_scalar("train/loss", 40.0, 4)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in events.Scalars("train/loss")] == [(1, 1), (2, 2), (3, 3), (4, 40)]
    assert "config/text_summary" in events.Tags()["tensors"]
