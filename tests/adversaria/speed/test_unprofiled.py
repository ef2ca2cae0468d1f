from pytorch_lightning import Callback, Trainer
from pytorch_lightning.demos.boring_classes import BoringModel

from adversaria.speed.unprofiled import Unprofiled


def test_lightning_enters_no_context_of_its_profiler_and_calls_all_the_same(tmp_path, monkeypatch):
    """Notices if Lightning starts and stops what a step calls itself, in place of `profile`."""
    started, ended = [], []

    class Noting(Callback):
        def on_train_batch_end(self, *_):
            ended.append("batch")

    monkeypatch.setattr(Unprofiled, "start", lambda self, name: started.append(name))
    silent = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(
        max_steps=2, limit_val_batches=0, default_root_dir=tmp_path, accelerator="cpu", callbacks=[Noting()], **silent
    )
    trainer.profiler = Unprofiled()
    trainer.fit(BoringModel())
    assert ended == ["batch"] * 2
    assert not {"run_training_batch", "[Strategy]SingleDeviceStrategy.training_step"} & set(started)
