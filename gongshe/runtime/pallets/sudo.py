"""Sudo: one key that may do everything; for development and test chains only.

Every chain has the pallet, so that its indexes mean the same everywhere; it has a key only if
its spec gives one. Without a key every call here fails, for ever.
"""

from __future__ import annotations

from typing import Any

from gongshe.primitives.types import (
    AccountId,
    DispatchClass,
    DispatchResult,
    MultiAddress,
    Pays,
    Weight,
)
from gongshe.runtime.items import Value
from gongshe.runtime.pallet import (
    Call,
    CallError,
    Event,
    Origin,
    Pallet,
    PostDispatch,
    Root,
    RuntimeCall,
    Signed,
    call,
)
from gongshe.runtime.pallets.system import System
from gongshe.runtime.pallets.utility import inner_class
from gongshe.runtime.weights import cost

OWN = cost(12, reads=1)
"""Reading the key and emitting the result."""


class Sudid(Event, index=0):
    """A call was made by root."""

    sudo_result: DispatchResult


class KeyChanged(Event, index=1):
    """The key is another one."""

    old: AccountId | None
    new: AccountId


class KeyRemoved(Event, index=2):
    """There is no key any more."""


class SudoAsDone(Event, index=3):
    """A call was made in the name of another account."""

    sudo_result: DispatchResult


class RequireSudo(CallError, index=0):
    """Sender must be the Sudo account."""


def unchecked_class(inner: Call, weight: Weight) -> DispatchClass:
    """Return the class of a call whose weight the sender states."""
    return inner_class(inner)


class Sudo(Pallet, index=255):
    """The key that may do everything."""

    system: System

    key: Value[AccountId] = Value()
    """The account that may make calls as root."""

    @call(0, weight=lambda call: OWN + call.info().weight, dispatch_class=inner_class)
    def sudo(self, origin: Signed, call: RuntimeCall) -> PostDispatch:
        """Make a call as root; its result is in the event."""
        self._check(origin)

        attempt = self.attempt(call, Root())
        self.emit(Sudid(attempt.result))
        return PostDispatch(OWN + attempt.weight, Pays.No)

    @call(1, weight=lambda call, weight: weight, dispatch_class=unchecked_class)
    def sudo_unchecked_weight(
        self, origin: Signed, call: RuntimeCall, weight: Weight
    ) -> PostDispatch:
        """Make a call as root under a weight that the sender states."""
        self._check(origin)

        self.emit(Sudid(self.attempt(call, Root()).result))
        return PostDispatch(pays=Pays.No)

    @call(2, weight=cost(20, reads=1))
    def set_key(self, origin: Signed, new: MultiAddress) -> PostDispatch:
        """Hand the key over to another account."""
        self._check(origin)
        account = self.system.lookup(new)

        self.emit(KeyChanged(self.key.get(), account))
        self.key.value = account
        return PostDispatch(pays=Pays.No)

    @call(
        3,
        weight=lambda who, call: OWN + call.info().weight,
        dispatch_class=lambda who, call: inner_class(call),
    )
    def sudo_as(self, origin: Signed, who: MultiAddress, call: RuntimeCall) -> PostDispatch:
        """Make a call in the name of any account; its result is in the event."""
        self._check(origin)
        account = self.system.lookup(who)

        attempt = self.attempt(call, Signed(account))
        self.emit(SudoAsDone(attempt.result))
        return PostDispatch(OWN + attempt.weight, Pays.No)

    @call(4, weight=cost(18, reads=1))
    def remove_key(self, origin: Signed) -> PostDispatch:
        """Remove the key; nothing can bring it back."""
        self._check(origin)

        self.key.clear()
        self.emit(KeyRemoved())
        return PostDispatch(pays=Pays.No)

    def on_genesis(self, config: Any) -> None:
        """Take the key of the chain spec, if it gives one: `{"key": account id}`."""
        key = config.get("key")
        if key is not None:
            self.key.value = key

    def _check(self, origin: Origin) -> None:
        key = self.key.get()
        if not isinstance(origin, Signed) or key is None or origin.account != key:
            raise RequireSudo(
                expected="the sudo key" if key else "a chain with a sudo key",
                hint="use governance" if key is None else "sign with the sudo key",
            )
