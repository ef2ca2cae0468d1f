"""The networks and implementation details of a run, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytorch_lightning as pl
    from torch import nn


def architecture(trainer: pl.Trainer, module: Any) -> str:
    """Return the networks as PyTorch prints them, parameter counts, and the implementation details of a report."""
    lines = []
    for name, network in module.named_children():
        if not parameter_count(network):  # the average of a generator repeats it
            continue
        lines += [f"{name}: {parameter_count(network):,} trainable parameters", str(network), ""]
        lines += [f"  {name}.{n}: {parameter_count(part):,}" for n, part in network.named_children()] + [""]
    details = {
        **module.details(),
        **{k: _short(v) for k, v in flatten(module.config or {}) if not k.startswith("network.")},
        **trainer.datamodule.describe(),  # type: ignore[attr-defined]
        "epochs": trainer.max_epochs,
        "precision": trainer.precision,
        **({"gradient clipping": trainer.gradient_clip_val} if module.automatic_optimization else {}),
    }
    width = max(map(len, details))
    lines += ["Implementation details", *(f"  {k:<{width}}  {v}" for k, v in details.items())]
    return "\n".join(lines) + "\n"


def parameter_count(module: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def flatten(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield `dotted.key, value` of nested containers; lists become text, as TensorBoard's hparams want it."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key != "_partial_":
                name = str(key).strip("_")
                yield from flatten(value, f"{prefix}.{name}" if prefix else name)
    else:
        yield prefix, node if isinstance(node, int | float | str | bool) else str(node)


def _short(value: Any) -> Any:
    return value.removeprefix("lightning_modules.") if isinstance(value, str) else value
