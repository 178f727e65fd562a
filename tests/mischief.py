"""A pallet that misbehaves in every way a pallet can, for tests alone."""

from __future__ import annotations

from gongshe.primitives.scale import u32
from gongshe.primitives.types import AccountId, Pays, Weight
from gongshe.runtime.items import Blake2_128Concat, Map, Value
from gongshe.runtime.pallet import (
    Call,
    CallError,
    CallFailed,
    Event,
    InvariantBroken,
    Pallet,
    PostDispatch,
    Root,
    RuntimeCall,
    Signed,
    Unsigned,
    call,
)
from gongshe.runtime.pallets.balances import Balances
from gongshe.runtime.weights import cost

DECLARED = cost(100, reads=1)


class Done(Event, index=0):
    """Something was done."""

    number: u32


class Sorry(CallError, index=0):
    """It failed, as it was meant to."""


class Mischief(Pallet, index=200):
    """Writes, emits, then fails; recurses; overspends; raises."""

    balances: Balances

    marks: Map[AccountId, u32] = Map(Blake2_128Concat, default=0)
    """What was written."""

    upgraded_from: Value[u32] = Value()
    """The spec version before this one."""

    broken: Value[bool] = Value(default=False)
    """Whether the invariants are to be found broken."""

    @call(0, weight=DECLARED)
    def mark(self, origin: Signed, number: u32) -> None:
        """Write and emit."""
        self._mark(origin, number)

    @call(1, weight=DECLARED)
    def mark_then_fail(self, origin: Signed, number: u32) -> None:
        """Write, move money, emit, and fail."""
        self._mark(origin, number)
        self.balances.mint(origin.account, 10**15)
        raise Sorry(expected="nothing", found=number)

    @call(2, weight=DECLARED)
    def mark_then_raise(self, origin: Signed, number: u32) -> None:
        """Write, emit, and stumble over a bug."""
        self._mark(origin, number)
        raise ZeroDivisionError

    @call(3, weight=DECLARED)
    def recurse(self, origin: Signed) -> PostDispatch:
        """Make the same call again, without end."""
        return self.dispatcher.dispatch(Call(type(self).recurse.definition, ()), origin)  # type: ignore[attr-defined]

    @call(4, weight=DECLARED)
    def report(self, origin: Signed, weight: Weight, pays: Pays) -> PostDispatch:
        """Say afterwards that it cost this much."""
        return PostDispatch(weight, pays)

    @call(5, weight=DECLARED)
    def fail_and_report(self, origin: Signed, weight: Weight, pays: Pays) -> None:
        """Fail, and say that it cost this much."""
        raise Sorry(post=PostDispatch(weight, pays))

    @call(6, weight=lambda call: DECLARED + call.info().weight)
    def swallow(self, origin: Signed, call: RuntimeCall) -> None:
        """Make a call and go on as if it had not failed."""
        self._mark(origin, 1)
        try:
            self.dispatcher.dispatch(call, origin)
        except CallFailed:
            self._mark(origin, self.marks[origin.account] + 1)

    @call(7, weight=Weight(10**13, 0))
    def weigh_too_much(self, origin: Signed) -> None:
        """Never fit into a block."""

    @call(8, weight=DECLARED)
    def widen(self, origin: Signed) -> None:
        """Write a number that its type cannot hold."""
        self.marks[origin.account] = 1 << 32

    @call(9, weight=DECLARED)
    def fail_as_inherent(self, origin: Unsigned) -> None:
        """Fail where a block's author may not fail."""
        raise Sorry

    @call(10, weight=DECLARED)
    def break_invariants(self, origin: Signed | Root) -> None:
        """Let the invariants be found broken."""
        self.broken.value = True

    def on_runtime_upgrade(self, previous: int) -> None:
        """Remember that there was an upgrade."""
        self.upgraded_from.value = previous

    def check_invariants(self) -> None:
        """Nothing holds once it was broken."""
        if self.broken.value:
            raise InvariantBroken("as it was meant to be")

    def _mark(self, origin: Signed, number: int) -> None:
        self.marks[origin.account] = number
        self.emit(Done(number))
