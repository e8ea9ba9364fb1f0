"""What was checked, what was found, and what to do about it."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "failed", "absent"]


@dataclass(frozen=True)
class Check:
    """`absent` is no failure: the thing is not there, and need not be."""

    name: str
    state: State
    found: str
    advice: str = ""
