"""The networks and implementation details of a run: as data for architecture.json, as text for architecture.txt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from adversaria.runs.wording import readable

if TYPE_CHECKING:
    import pytorch_lightning as pl
    from torch import nn


def architecture(trainer: pl.Trainer, module: Any, data: Any) -> dict[str, Any]:
    """Return what architecture.json holds.

    Returns:
        `networks`: name -> `parameters`, the number of trainable ones; `parts`, the same of each part; `printed`, the
        network as PyTorch prints it. Networks without trainable parameters, such as averages, are left out.
        `details`: the implementation details of a report by key: those of the method, `model.…` of the configuration,
        those of the data and of the trainer.
    """
    return {
        "networks": {
            name: {
                "parameters": parameter_count(network),
                "parts": {part: parameter_count(child) for part, child in network.named_children()},
                "printed": str(network),
            }
            for name, network in module.named_children()
            if parameter_count(network)
        },
        "details": {
            **module.details(),
            **{f"model.{k}": v for k, v in flatten(module.config or {}) if not k.startswith("network.")},
            **data.describe(),
            "epochs": trainer.max_epochs,
            "precision": trainer.precision,
            **({"gradient_clip_val": trainer.gradient_clip_val} if module.automatic_optimization else {}),
        },
    }


def as_text(architecture: Mapping[str, Any]) -> str:
    """Return the same for people: networks with their parameters, then the implementation details."""
    lines = [printed_networks(architecture), ""]
    details = readable(architecture["details"])
    width = max(map(len, details))
    lines += ["Implementation details", *(f"  {k:<{width}}  {v}" for k, v in details.items())]
    return "\n".join(lines) + "\n"


def printed_networks(architecture: Mapping[str, Any]) -> str:
    """Return the networks as PyTorch prints them, with the numbers of trainable parameters."""
    lines = []
    for name, network in architecture["networks"].items():
        lines += [f"{name}: {network['parameters']:,} trainable parameters", network["printed"], ""]
        lines += [*(f"  {name}.{part}: {count:,}" for part, count in network["parts"].items()), ""]
    return "\n".join(lines[:-1])


def parameter_count(module: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def flatten(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield `dotted.key, value` of nested mappings; `_target_` becomes `target`, `_partial_` is left out."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key != "_partial_":
                name = str(key).strip("_")
                yield from flatten(value, f"{prefix}.{name}" if prefix else name)
    else:
        yield prefix, node
