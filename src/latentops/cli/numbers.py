"""Numbers that options take."""

import math
from typing import Any

import click


class FloatRange(click.FloatRange):
    """Of finite numbers: no comparison of click's finds NaN out of any range."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return found
