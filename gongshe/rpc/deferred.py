"""An answer that comes later: a value that is not there yet, or the error in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Deferred(Generic[T]):
    """Settled once, by `resolve` or `refuse`; heard once, by `then`. One thread uses it."""

    __slots__ = ("_error", "_heard", "_settled", "_value")

    def __init__(self) -> None:
        self._settled = False
        self._heard: Callable[[Deferred[T]], None] | None = None
        self._value: T
        self._error: Exception | None = None

    def resolve(self, value: T) -> None:
        """Settle with a value."""
        self._value = value
        self._settle()

    def refuse(self, error: Exception) -> None:
        """Settle with an error."""
        self._error = error
        self._settle()

    def outcome(self) -> T:
        """Return the value or raise the error; only once settled."""
        assert self._settled, "asked before it was settled"
        if self._error is not None:
            raise self._error
        return self._value

    def then(self, heard: Callable[[Deferred[T]], None]) -> None:
        """Call `heard` once settled: at once if it is."""
        assert self._heard is None, "heard twice"
        self._heard = heard
        if self._settled:
            heard(self)

    def follow(self, other: Deferred[T]) -> None:
        """Settle as `other` did."""
        if other._error is not None:
            self.refuse(other._error)
        else:
            self.resolve(other._value)

    def _settle(self) -> None:
        assert not self._settled, "settled twice"
        self._settled = True
        if self._heard is not None:
            self._heard(self)
