"""Names that have changed since version 0.1.0: saved runs and command lines of that time are still understood."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

#: Old beginnings of a `_target_`, the longest first, and what they are now.
TARGETS = {
    "callbacks.adaptation_criteria.": "callbacks.metrics.adaptation_criteria.",
    "callbacks.adversarial_health.": "callbacks.metrics.adversarial_health.",
    "callbacks.classifier_report.": "callbacks.metrics.classifier.",
    "callbacks.conditional_grid.": "callbacks.figures.conditional_grid.",
    "callbacks.csv_logger.": "adversaria.runs.csv_logger.",
    "callbacks.record.csv_logger.": "adversaria.runs.csv_logger.",
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
    "lightning_modules.networks.adaptation.DigitDecoder": "lightning_modules.networks.adaptation.ImageDecoder",
    "lightning_modules.networks.report_digits.ReportDigits": "lightning_modules.networks.lab_digits.LabDigitNetwork",
    "lightning_modules.networks.report_gan.": "lightning_modules.networks.lab_gan.",
}
#: Metrics, as curves and their panels name them.
METRICS = {"train/labels_that_count": "train/pseudo_label_rate", "train/entropy_target": "train/target_entropy"}
#: Keys of a protocol, which were phrases. Those of the numbers of images are `_COUNTS`.
PROTOCOL = {
    "source set": "source",
    "target set": "target",
    "labels of": "labelled",
    "images left out as unreadable": "n_unreadable",
    "image size": "image_size",
    "normalisation": "value_range",
    "horizontal flips": "horizontal_flip",
    "augmentation of the target": "target_augmentation",
    "batch size": "batch_size",
    "batch size of each domain": "batch_size",
    "generated images": "n_generated",
    "compared with": "compared_with",
    "floor": "floor_split",
    "labels of generated images": "generated_labels_of",
    "seed of the noise": "noise_seed",
    "images whose labels were checked, for each label": "n_label_images",
    "extractor's labels": "extractor_labels",
    "extractor's own test accuracy": "extractor_accuracy",
}
_COUNTS = re.compile(r"(train|val|test) images(?: of the (source|target))?")
#: By the new key, what the phrase that was its value said.
_PROTOCOL_VALUES: dict[str, Callable[[str], Any]] = {
    "labelled": lambda text: text.removeprefix("the "),
    "image_size": lambda text: int(text.partition("x")[0]),
    "value_range": lambda text: [float(end) for end in text.strip("()").split(",")],
    "compared_with": lambda text: text.removesuffix(" split"),
    "floor_split": lambda text: "val",
    "generated_labels_of": lambda text: text.removeprefix("those of the ").removesuffix(" split in turn"),
    "extractor_labels": lambda text: text.split(", "),
}
_DOMAIN_DISCRIMINATOR = "lightning_modules.networks.adaptation.DomainDiscriminator"
#: Beginnings of an override or a group on a command line, as regular expressions.
_OVERRIDES = {
    r"data\.source\.": "data.reader.",
    r"data/source(?=[@=])": "data/reader",
    r"model\.discriminator\.(?=(width|layers|logits|batch_norm|slope|dropout)=)": "model.domain_discriminator.",
    r"model/discriminator=domain$": "model/domain_discriminator=mlp",
    r"model\.entropy(?==|$)": "model.target_terms.entropy",
}
#: Models that had the weight of one loss on the target's predictions, `entropy`; and one that had none.
_WITH_ENTROPY = ("lightning_modules.dann.DANN", "lightning_modules.dsn.DSN", "lightning_modules.adda.ADDA")
_WITHOUT_TERMS = "lightning_modules.supervised.Supervised"
#: What a model without any has today.
_NO_TERMS = {
    "_target_": "lightning_modules.target_terms.TargetTerms",
    **dict.fromkeys(("entropy", "information_maximisation", "mcc", "vat"), 0.0),
    **{"temperature": 2.5, "radius": 3.5},
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
    if new.get("_target_") == _WITHOUT_TERMS:
        new.setdefault("target_terms", {**_NO_TERMS})
    if new.get("_target_") in _WITH_ENTROPY and "entropy" in new:
        new["target_terms"] = {**_NO_TERMS, "entropy": new.pop("entropy")}
    return new


def renamed_protocol(protocol: dict[str, Any]) -> dict[str, Any]:
    """Return the protocol of a record of any version with this version's keys and values."""
    new: dict[str, Any] = {}
    for key, value in protocol.items():
        if count := _COUNTS.fullmatch(key):
            new["_".join(filter(None, ("n", *count.groups())))] = value
        elif key == "KID":
            new["kid_subsets"], new["kid_subset_size"] = map(int, re.findall(r"\d+", value))
        elif key == "extractor" and (named := re.fullmatch(r"(.+) \(([0-9a-f]{8})\)", value)):
            new["extractor"], new["extractor_digest"] = named.groups()
        elif key == "extractor" and value.startswith("Inception ("):
            new["extractor"] = "inception"
        elif key in PROTOCOL:
            new[PROTOCOL[key]] = _PROTOCOL_VALUES.get(PROTOCOL[key], lambda same: same)(value)
        else:
            new[key] = value
    if "source" in new and "target" not in new:  # the name of the one data set
        return {"data" if key == "source" else key: value for key, value in new.items()}
    return new


def renamed_override(override: str) -> str:
    """Return `key=value` or `group=choice` of a command line as this version names it."""
    prefix, rest = re.match(r"([+~]*)(.*)", override, re.DOTALL).groups()  # type: ignore[union-attr]  # matches all
    for old, new in _OVERRIDES.items():
        rest = re.sub(f"^{old}", new, rest)
    return prefix + rest


def renamed_arguments(arguments: Iterable[str]) -> list[str]:
    """Return a command line as this version names it, and say on stderr what each old name is called now."""
    new = []
    for old in arguments:
        new.append(renamed_override(old))
        if new[-1] != old:
            print(f"{old}: this key has a new name; write {new[-1]}", file=sys.stderr)
    return new


def renamed_choices(choices: dict[str, str | None]) -> dict[str, str | None]:
    """Return the groups that a saved run chose from as this version names them."""
    new = {}
    for group, choice in choices.items():
        name, _, value = renamed_override(f"{group}={choice}").partition("=")
        new[name] = choice if choice is None else value
    return new


def _renamed_target(target: str) -> str:
    for old, new in TARGETS.items():
        if target.startswith(old):
            return new + target.removeprefix(old)
    return target
