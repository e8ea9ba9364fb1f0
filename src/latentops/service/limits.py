"""What one request may bring, and how long it may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Beyond them a request is refused, in words that say what is allowed."""

    body_bytes: int = 8 * 2**20
    rows: int = 1_000  # of a request, and of its answer
    text_characters: int = 100_000
    in_flight: int = 256  # requests at once; one that only waits for its body counts too
    deadline_seconds: float = 30.0  # from the request's head to its answer


DEFAULT = Limits()
