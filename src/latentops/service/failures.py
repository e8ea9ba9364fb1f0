"""What is logged of a failure that nobody foresaw."""

import traceback


def where(error: Exception) -> str:
    """The lines of code, and not the message: it may hold what somebody asked."""
    lines = "".join(traceback.format_tb(error.__traceback__))
    return f"{type(error).__name__}, whose message is left out: it may hold a text\n{lines}"
