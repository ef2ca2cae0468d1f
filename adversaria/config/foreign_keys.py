"""Types of the keys of other libraries that users set, and the keys of theirs that would not do what one expects."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from adversaria.config import types

Beta = types.FractionBelowOne
Batches = types.NonNegativeInt | Annotated[float, msgspec.Meta(ge=0, le=1)] | None  # a number of them, or a share
Strategy = Literal[
    "auto",
    "ddp",
    "ddp_find_unused_parameters_true",
    "ddp_find_unused_parameters_false",
    "ddp_spawn",
    "ddp_fork",
    "ddp_notebook",
    "fsdp",
    "deepspeed",
]

#: By prefix of the target.
EXTERNAL: dict[str, dict[str, Any]] = {
    "torch.optim.": {
        "lr": types.Positive,
        "betas": tuple[Beta, Beta],
        "alpha": Beta,
        "eps": types.Positive,
        "weight_decay": types.NonNegative,
        "momentum": types.NonNegative,
        "fused": bool | None,
        "foreach": bool | None,
    },
    "torch.nn.": dict.fromkeys(("num_layers", "num_encoder_layers", "num_decoder_layers"), types.Layers),
    "pytorch_lightning.Trainer": {
        "accelerator": Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu"],
        "devices": int | str | list[int],
        "num_nodes": types.PositiveInt,
        "strategy": Strategy,
        "precision": Literal["32-true", "32", 32, "bf16-mixed", "16-mixed"],
        "max_epochs": types.PositiveInt,
        "min_epochs": types.NonNegativeInt | None,
        "max_time": str | dict[str, int] | None,
        "limit_train_batches": Batches,
        "limit_val_batches": Batches,
        "limit_test_batches": Batches,
        "check_val_every_n_epoch": types.PositiveInt,
        "log_every_n_steps": types.PositiveInt,
        "gradient_clip_val": types.Positive | None,
        "accumulate_grad_batches": types.PositiveInt,
        "overfit_batches": types.NonNegativeInt | Annotated[float, msgspec.Meta(ge=0, le=1)],
        "sync_batchnorm": bool,
        "benchmark": bool | None,
        "inference_mode": bool,
        "use_distributed_sampler": bool,
        "gradient_clip_algorithm": Literal["norm", "value"] | None,
        "reload_dataloaders_every_n_epochs": types.NonNegativeInt,
        "num_sanity_val_steps": Annotated[int, msgspec.Meta(ge=-1)],
        "deterministic": bool | Literal["warn"],
        "detect_anomaly": bool,
        "fast_dev_run": bool | int,
        "enable_progress_bar": bool,
        "enable_model_summary": bool,
        "profiler": Literal["simple", "advanced", "pytorch"] | None,
    },
    "pytorch_lightning.callbacks.": {"monitor": str | None, "save_top_k": int, "every_n_epochs": int},
    "pytorch_lightning.loggers.": {
        "save_dir": str,
        "name": str | None,
        "version": types.NonNegativeInt | str | None,
        "default_hp_metric": bool,
        "log_graph": bool,
        "prefix": str,
    },
}

STEPS = (
    "counts the steps of all optimizers, not iterations; set trainer.max_epochs, and trainer.limit_train_batches=N for "
    "epochs of N iterations"
)
#: By target and key, why a key cannot be set.
REFUSED: dict[str, dict[str, str]] = {
    "pytorch_lightning.Trainer": {
        "max_steps": STEPS,
        "min_steps": STEPS,
        "barebones": "leaves out logging and checkpoints, without which there is no run to look at",
        **dict.fromkeys(("callbacks", "logger"), "is a group of its own: set the keys of callbacks.* and logger.*"),
        **dict.fromkeys(("plugins", "default_root_dir", "enable_checkpointing"), "is set by train.py itself"),
    }
}
