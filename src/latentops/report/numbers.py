"""How the report writes shares, differences and their 95 % intervals.

No line ends inside a number and its unit, or inside the brackets of an interval.
"""

HARD_SPACE = "\u00a0"


def percent(share: float) -> str:
    return f"{tenths(share)}{HARD_SPACE}%"


def interval(low: float, high: float) -> str:
    """In points of per cent: [76.9, 78.5]."""
    return f"[{tenths(low)},{HARD_SPACE}{tenths(high)}]"


def measured(share: float, low: float, high: float) -> str:
    return f"{percent(share)} {interval(low, high)}"


def bare(share: float, low: float, high: float) -> str:
    """77.7 [76.9, 78.5]: for a table whose header names the unit."""
    return f"{tenths(share)} {interval(low, high)}"


def points(difference: float, low: float, high: float) -> str:
    return f"{tenths(difference)}{HARD_SPACE}points {interval(low, high)}"


def signed_points(difference: float, low: float, high: float) -> str:
    """+1.7 [1.2, 2.2]: for a table whose header names the unit."""
    text = tenths(difference)
    sign = "" if text == "0.0" or text.startswith("-") else "+"
    return f"{sign}{text} {interval(low, high)}"


def tenths(share: float) -> str:
    """In per cent, to one decimal place."""
    text = f"{100 * share:.1f}"
    return "0.0" if text == "-0.0" else text


def counted(number: int, what: str) -> str:
    """1 row, 2,000 rows."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
