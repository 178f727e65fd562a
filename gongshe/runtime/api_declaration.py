"""What a runtime API is made of: a name, a version, typed functions.

A function's annotations are its codec and its client metadata, its docstring is its
documentation. The first parameter is the runtime, bound to the state of the block asked about.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any, TypeVar

from gongshe.primitives.records import Record

Function = TypeVar("Function", bound=Callable[..., Any])


class ApiMethod(Record, eq=False):
    """One call of a runtime API, as it is declared."""

    name: str
    function: Callable[..., Any]
    inputs: tuple[tuple[str, Any], ...]
    """Names and annotations, the runtime left out."""

    output: Any
    docs: str


class Api:
    """A named and versioned group of calls that clients and the node ask a runtime."""

    def __init__(self, name: str, version: int, docs: str) -> None:
        self.name, self.version, self.docs = name, version, docs
        self.methods: dict[str, ApiMethod] = {}

    def method(self, function: Function) -> Function:
        """Declare a function as a call of this API, under the function's own name."""
        name = function.__name__
        if name in self.methods:
            raise TypeError(f"{self.name} has two calls named {name}")
        hints = typing.get_type_hints(function, include_extras=True)
        names = list(inspect.signature(function).parameters)[1:]
        self.methods[name] = ApiMethod(
            name,
            function,
            tuple((each, hints[each]) for each in names),
            hints["return"],
            inspect.cleandoc(function.__doc__ or ""),
        )
        return function


class RuntimeExtrinsic(Record):
    """Annotates an encoded extrinsic, its length prefix included."""
