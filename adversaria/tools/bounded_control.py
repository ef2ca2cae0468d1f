"""Controls of a page whose values, whatever a browser sends, are numbers between two bounds."""

from __future__ import annotations

import math
from typing import Any


def bounded_control(control: Any, low: float, high: float, whole: bool = False) -> Any:
    """Return a class of NiceGUI's controls, such as `ui.slider`, that takes no value beyond its bounds.

    The values of a menu, `ui.select`, are the numbers of its entries; they are `whole`.

    NiceGUI has no public place to check what arrives before it is the control's value, hence `_event_args_to_value`.
    Without it absurd values would end in tracebacks on the terminal; a test sends some.
    """

    class Bounded(control):
        def _event_args_to_value(self, event: Any) -> Any:
            value = event.args.get("value") if isinstance(event.args, dict) else event.args  # a dictionary of a menu
            number = bounded(value, low, high, self.value)
            return round(number) if whole else number

    return Bounded


def bounded(value: Any, low: float, high: float, otherwise: Any) -> Any:
    """Return a value from outside as a number between two bounds, a boolean as it is, anything else as `otherwise`."""
    if isinstance(value, bool) and (low, high) == (0, 1):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return otherwise
    return otherwise if math.isnan(number) else min(max(number, low), high)
