"""Names that have changed since version 0.1.0: saved runs and command lines of that time are still understood."""

from __future__ import annotations

import re
from typing import Any

#: Old beginnings of a `_target_`, the longest first, and what they are now.
TARGETS = {
    "callbacks.adaptation_criteria.": "callbacks.metrics.adaptation_criteria.",
    "callbacks.adversarial_health.": "callbacks.metrics.adversarial_health.",
    "callbacks.classifier_report.": "callbacks.metrics.classifier.",
    "callbacks.conditional_grid.": "callbacks.figures.conditional_grid.",
    "callbacks.csv_logger.": "callbacks.record.csv_logger.",
    "callbacks.domain_tsne.": "callbacks.figures.domain_tsne.",
    "callbacks.epoch_summary.": "callbacks.record.epoch_summary.",
    "callbacks.feature_extractors.KeepClassifier": "callbacks.record.keep_classifier.KeepClassifier",
    "callbacks.feature_extractors.": "adversaria.measures.extractors.",
    "callbacks.generation_metrics.": "callbacks.metrics.generation.",
    "callbacks.interpolation.": "callbacks.figures.interpolation.",
    "callbacks.latent_tsne.": "callbacks.figures.latent_tsne.",
    "callbacks.learning_curves.": "callbacks.figures.learning_curves.",
    "callbacks.progress_bar.": "callbacks.record.progress_bar.",
    "callbacks.reconstruction_metrics.": "callbacks.metrics.reconstruction.",
    "callbacks.reconstructions.": "callbacks.figures.reconstructions.",
    "callbacks.run_checkpoint.": "callbacks.record.run_checkpoint.",
    "callbacks.sample_grid.": "callbacks.figures.sample_grid.",
    "callbacks.target_report.": "callbacks.metrics.target.",
    "datamodules.sources.": "datamodules.readers.",
    "lightning_modules.adversarial.Update": "lightning_modules.adversarial.OptimizerSettings",
    "lightning_modules.losses.wasserstein_critic": "lightning_modules.wgan.wasserstein_critic",
    "lightning_modules.networks.report_digits.ReportDigits": "lightning_modules.networks.lab_digits.LabDigitNetwork",
    "lightning_modules.networks.report_gan.": "lightning_modules.networks.lab_gan.",
}
#: Metrics, as curves and their panels name them.
METRICS = {"train/labels_that_count": "train/pseudo_label_rate"}
_DOMAIN_DISCRIMINATOR = "lightning_modules.networks.adaptation.DomainDiscriminator"
#: Beginnings of an override or a group on a command line, as regular expressions.
_OVERRIDES = {
    r"data\.source\.": "data.reader.",
    r"data/source(?=[@=])": "data/reader",
    r"model\.discriminator\.(?=(width|layers|logits|batch_norm|slope|dropout)=)": "model.domain_discriminator.",
    r"model/discriminator=domain$": "model/domain_discriminator=mlp",
}


def renamed(node: Any) -> Any:
    """Return a plain configuration of any version as this one names it: nested containers, changed nowhere else."""
    if isinstance(node, list):
        return [renamed(item) for item in node]
    if not isinstance(node, dict):
        return METRICS.get(node, node) if isinstance(node, str) else node
    new = {key: renamed(value) for key, value in node.items()}
    if isinstance(target := new.get("_target_"), str):
        new["_target_"] = _renamed_target(target)
    if isinstance(new.get("source"), dict):  # of one data set; of a pair it is a name
        new["reader"] = new.pop("source")
    if isinstance(part := new.get("discriminator"), dict) and part.get("_target_") == _DOMAIN_DISCRIMINATOR:
        new["domain_discriminator"] = new.pop("discriminator")
    return new


def renamed_override(override: str) -> str:
    """Return `key=value` or `group=choice` of a command line as this version names it."""
    prefix, rest = re.match(r"([+~]*)(.*)", override, re.DOTALL).groups()  # type: ignore[union-attr]  # matches all
    for old, new in _OVERRIDES.items():
        rest = re.sub(f"^{old}", new, rest)
    return prefix + rest


def renamed_choices(choices: dict[str, str]) -> dict[str, str]:
    """Return the groups that a saved run chose from as this version names them."""
    return dict(renamed_override(f"{group}={choice}").split("=", 1) for group, choice in choices.items())


def _renamed_target(target: str) -> str:
    for old, new in TARGETS.items():
        if target.startswith(old):
            return new + target.removeprefix(old)
    return target
