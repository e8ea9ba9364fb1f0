"""The page: one HTML file with its style, its script and its models, that fetches nothing."""

import base64
import hashlib
import json
import re
import sys
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from latentops.errors import ArtifactError
from latentops.explorer import payload
from latentops.explorer.payload import Payload

NAME = "explore.html"
"""Of the file that is logged with a version."""

MOST_BYTES = 6_000_000
_SCRIPTS = ("dom.js", "terms.js", "model.js", "map.js", "parts.js", "panel.js", "app.js")
_FOR_CODE = 150_000  # bytes for all but the models
_DATA = re.compile(r'<script type="application/json" id="data">(?P<json>[^<]*)</script>')


def room(models: int) -> int:
    """Bytes of the page for each of so many models."""
    return (MOST_BYTES - _FOR_CODE) // models


def render(models: Sequence[Payload]) -> str:
    """The whole page; the same for the same models, byte for byte.

    Where they are too large together, the rarest terms of each lose their weights.
    """
    fitting = [payload.fitted(each, room(len(models))) for each in models]
    style, script = _asset("style.css"), _script()
    return Template(_asset("page.html")).substitute(
        title=escape(models[0].facts.name),
        policy=f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'",
        style=style,
        script=script,
        data=_json({"casefold": _casefold(), "models": [each.packed() for each in fitting]}),
    )


def models_of(text: str) -> list[Payload]:
    """What a page holds. Raises ArtifactError for what is no such page."""
    found = _DATA.search(text)
    if found is None:
        raise ArtifactError("This is no page of `latentops explore`: it holds no model.")
    return [payload.unpacked(each) for each in json.loads(found["json"])["models"]]


def _script() -> str:
    joined = "\n".join(map(_asset, _SCRIPTS))
    return f'"use strict";\n(() => {{\n{joined}\n}})();\n'


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """By which the browser runs that text and no other: the one between the tags, as it stands."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


@cache
def _casefold() -> dict[str, str]:
    """Of each character where it is not its lower case: JavaScript has no `str.casefold`."""
    characters = map(chr, range(sys.maxunicode + 1))
    return {each: each.casefold() for each in characters if each.casefold() != each.lower()}
