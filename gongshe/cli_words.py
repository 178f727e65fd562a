"""Words typed as arguments of calls and storage items."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from gongshe.cli_output import Failed

MAX_JSON = 8 << 20
"""Bytes of one argument in JSON: the largest call has 5 MiB."""


def read_word(text: str) -> Any:
    """Return a word as it stands, or what it says if it is a JSON object, list or text."""
    if text[:1] not in {"{", "[", '"'}:
        return text
    if len(text) > MAX_JSON:
        raise Failed(f"an argument in JSON has at most {MAX_JSON} bytes")
    try:
        return json.loads(text, parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError) as fault:
        raise Failed(
            f"JSON was expected, since it begins with {text[0]}: {fault}",
            "put single quotes around JSON in a shell",
        ) from None


def read_words(texts: Sequence[str], names: Sequence[str]) -> Sequence[Any] | Mapping[str, Any]:
    """Return arguments in order, or by name if all are written `name=value`."""
    split = [text.partition("=") for text in texts]
    if texts and all(name in names and equals for name, equals, _ in split):
        return {name: read_word(value) for name, _, value in split}
    return [read_word(text) for text in texts]


def _no_float(text: str) -> NoReturn:
    raise ValueError(f'whole numbers only, found {text}; write an amount as text: "1.5DC"')
