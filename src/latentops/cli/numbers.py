"""Numbers that options take."""

import math
from typing import Any

import click


class FloatRange(click.FloatRange):
    """Without NaN, which no comparison of click's finds out of any range."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = float(super().convert(value, param, ctx))
        if math.isnan(found):
            self.fail(f"{value} is not a number.", param, ctx)
        return found
