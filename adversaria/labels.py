"""What is known of a label by its name: `digit` has ten values, every other label is a binary attribute."""

from collections.abc import Sequence

DIGIT = "digit"


def label_sizes(names: Sequence[str]) -> list[int]:
    """Return the number of values of each label."""
    return [10 if name == DIGIT else 2 for name in names]


def logit_count(size: int) -> int:
    """Return how many logits a label of `size` values has: one if it is binary."""
    return 1 if size == 2 else size
