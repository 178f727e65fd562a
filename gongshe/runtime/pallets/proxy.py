"""Proxy: accounts that may make certain calls in the name of another, at once or announced.

A delegate acts through `proxy`; the call then carries the filter of the delegate's type, beside
all filters that were there before. With a delay the delegate must announce the call's hash
first, and the account may reject it. A pure account has no key: only its delegates act for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Annotated

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.scale import H256, AtMost, CompactU32, u16, u32
from gongshe.primitives.types import (
    UNIT,
    AccountId,
    Balance,
    BlockNumber,
    MultiAddress,
    Weight,
)
from gongshe.runtime.holds import HoldReason
from gongshe.runtime.items import Map, Twox64Concat
from gongshe.runtime.pallet import (
    Call,
    Constant,
    InvariantBroken,
    Pallet,
    PostDispatch,
    RuntimeCall,
    Signed,
    call,
)
from gongshe.runtime.pallets import proxy_words
from gongshe.runtime.pallets.balances import Balances
from gongshe.runtime.pallets.proxy_types import (
    Announcement,
    ProxyDefinition,
    ProxyFilter,
    ProxyType,
    pure_account,
)
from gongshe.runtime.pallets.proxy_words import (
    Announced,
    Duplicate,
    NoPermission,
    NoSelfProxy,
    NotFound,
    NotProxy,
    ProxyAdded,
    ProxyExecuted,
    ProxyRemoved,
    PureCreated,
    TooMany,
    Unannounced,
)
from gongshe.runtime.pallets.system import System
from gongshe.runtime.pallets.utility import inner_class
from gongshe.runtime.weights import cost

PROXY_DEPOSIT_BASE = UNIT // 5
"""Held while an account has proxies: one entry of state."""

PROXY_DEPOSIT_FACTOR = UNIT // 25
"""Held for each proxy: 37 bytes."""

ANNOUNCEMENT_DEPOSIT_BASE = UNIT // 5
"""Held while a delegate has announcements."""

ANNOUNCEMENT_DEPOSIT_FACTOR = UNIT // 12
"""Held for each announcement: 68 bytes."""

MAX_PROXIES = 32
"""Proxies of one account, and announcements of one delegate: what existing chains allow."""

PROXYING = cost(20, reads=3)
ANNOUNCED = cost(60, reads=5)
CHANGE = cost(55, reads=4)
"""Changing proxies or announcements, with the longest list, and the deposit for it."""


Definitions = Annotated[tuple[ProxyDefinition, ...], AtMost(MAX_PROXIES)]
Pending = Annotated[tuple[Announcement, ...], AtMost(MAX_PROXIES)]


class Proxy(Pallet, index=12, words=(proxy_words,)):
    """Delegates, announcements, pure accounts."""

    system: System
    balances: Balances

    constants = (
        Constant("ProxyDepositBase", Balance, PROXY_DEPOSIT_BASE, "Held for having proxies."),
        Constant("ProxyDepositFactor", Balance, PROXY_DEPOSIT_FACTOR, "Held for each proxy."),
        Constant("MaxProxies", u32, MAX_PROXIES, "The most proxies of an account."),
        Constant("MaxPending", u32, MAX_PROXIES, "The most announcements of a delegate."),
        Constant(
            "AnnouncementDepositBase",
            Balance,
            ANNOUNCEMENT_DEPOSIT_BASE,
            "Held for having announcements.",
        ),
        Constant(
            "AnnouncementDepositFactor",
            Balance,
            ANNOUNCEMENT_DEPOSIT_FACTOR,
            "Held for each announcement.",
        ),
    )

    proxies: Map[AccountId, tuple[Definitions, Balance]] = Map(Twox64Concat, default=((), 0))
    """The proxies of each account, and the whole deposit for them."""

    announcements: Map[AccountId, tuple[Pending, Balance]] = Map(Twox64Concat, default=((), 0))
    """The announcements made by each delegate, and the deposit for them."""

    spawners: Map[AccountId, tuple[AccountId, Balance]] = Map(Twox64Concat)
    """Who created a pure account, and the part of its deposit that is held from them."""

    # ------------------------------------------------------------------------ acting

    @call(
        0,
        weight=lambda real, kind, call: PROXYING + call.info().weight,
        dispatch_class=lambda real, kind, call: inner_class(call),
    )
    def proxy(
        self,
        origin: Signed,
        real: MultiAddress,
        force_proxy_type: ProxyType | None,
        call: RuntimeCall,
    ) -> PostDispatch:
        """Make a call in the name of an account that has made the sender its proxy."""
        account = self.system.lookup(real)
        definition = self._definition(account, origin.account, force_proxy_type)
        if definition.delay:
            raise Unannounced(
                expected=f"a call announced {definition.delay} blocks before",
                hint="call announce first, then proxy_announced",
            )

        return PostDispatch(PROXYING + self._act(origin, account, definition, call))

    @call(
        9,
        weight=lambda delegate, real, kind, call: ANNOUNCED + call.info().weight,
        dispatch_class=lambda delegate, real, kind, call: inner_class(call),
    )
    def proxy_announced(
        self,
        origin: Signed,
        delegate: MultiAddress,
        real: MultiAddress,
        force_proxy_type: ProxyType | None,
        call: RuntimeCall,
    ) -> PostDispatch:
        """Make a call that a delegate has announced long enough before; anyone may send it."""
        who, account = self.system.lookup(delegate), self.system.lookup(real)
        definition = self._definition(account, who, force_proxy_type)
        call_hash = blake2_256(self.dispatcher.encode_call(call))
        latest = self.system.number.value - definition.delay
        pending, _ = self.announcements[who]
        if not any(matches(each, account, call_hash, latest) for each in pending):
            raise Unannounced(expected=f"the call announced {definition.delay} blocks before")

        self._drop(who, lambda each: matches(each, account, call_hash, latest))
        return PostDispatch(ANNOUNCED + self._act(origin, account, definition, call))

    # ------------------------------------------------------------------------ proxies

    @call(1, weight=CHANGE)
    def add_proxy(
        self, origin: Signed, delegate: MultiAddress, proxy_type: ProxyType, delay: BlockNumber
    ) -> None:
        """Make another account one's proxy."""
        who = self.system.lookup(delegate)
        definition = ProxyDefinition(who, proxy_type, delay)
        definitions, _ = self.proxies[origin.account]
        if who == origin.account:
            raise NoSelfProxy(expected="another account")
        if definition in definitions:
            raise Duplicate(expected="a proxy that is not there yet")
        if len(definitions) >= MAX_PROXIES:
            raise TooMany(expected=f"at most {MAX_PROXIES}")

        self._store(origin.account, (*definitions, definition))
        self.emit(ProxyAdded(origin.account, who, proxy_type, delay))

    @call(2, weight=CHANGE)
    def remove_proxy(
        self, origin: Signed, delegate: MultiAddress, proxy_type: ProxyType, delay: BlockNumber
    ) -> None:
        """Take a proxy back."""
        who = self.system.lookup(delegate)
        definition = ProxyDefinition(who, proxy_type, delay)
        definitions, _ = self.proxies[origin.account]
        if definition not in definitions:
            raise NotFound(expected="a proxy of this account", found=definition)

        self._store(origin.account, tuple(each for each in definitions if each != definition))
        self.emit(ProxyRemoved(origin.account, who, proxy_type, delay))

    @call(3, weight=CHANGE)
    def remove_proxies(self, origin: Signed) -> None:
        """Take all proxies back; a pure account that does this is lost for ever."""
        self._store(origin.account, ())

    # ------------------------------------------------------------------- pure accounts

    @call(4, weight=CHANGE)
    def create_pure(
        self, origin: Signed, proxy_type: ProxyType, delay: BlockNumber, index: u16
    ) -> None:
        """Create an account without a key, with the sender as its first proxy."""
        spawner, system = origin.account, self.system
        pure = pure_account(
            spawner, proxy_type, index, system.number.value, system.extrinsic_index()
        )
        if pure in self.proxies:
            raise Duplicate(expected="another index", found=index)

        deposit = PROXY_DEPOSIT_BASE + PROXY_DEPOSIT_FACTOR
        self.balances.hold(HoldReason.Proxy, spawner, deposit)
        self.spawners[pure] = (spawner, deposit)
        self.proxies[pure] = ((ProxyDefinition(spawner, proxy_type, delay),), deposit)
        self.emit(PureCreated(pure, spawner, proxy_type, index))

    @call(5, weight=CHANGE)
    def kill_pure(
        self,
        origin: Signed,
        spawner: MultiAddress,
        proxy_type: ProxyType,
        index: u16,
        height: CompactU32,
        ext_index: CompactU32,
    ) -> None:
        """Give a pure account up for ever; the deposit goes back to who created it."""
        creator = self.system.lookup(spawner)
        if origin.account != pure_account(creator, proxy_type, index, height, ext_index):
            raise NoPermission(expected="the pure account of these circumstances")

        self._store(origin.account, ())

    # ------------------------------------------------------------------- announcements

    @call(6, weight=CHANGE)
    def announce(self, origin: Signed, real: MultiAddress, call_hash: H256) -> None:
        """Announce a call that one means to make as a proxy."""
        account = self.system.lookup(real)
        self._definition(account, origin.account, None)
        pending, _ = self.announcements[origin.account]
        if len(pending) >= MAX_PROXIES:
            raise TooMany(expected=f"at most {MAX_PROXIES}")

        made = Announcement(account, call_hash, self.system.number.value)
        self._store_announcements(origin.account, (*pending, made))
        self.emit(Announced(account, origin.account, call_hash))

    @call(7, weight=CHANGE)
    def remove_announcement(self, origin: Signed, real: MultiAddress, call_hash: H256) -> None:
        """Take an announcement of one's own back."""
        account = self.system.lookup(real)
        self._drop(origin.account, lambda each: matches(each, account, call_hash))

    @call(8, weight=CHANGE)
    def reject_announcement(self, origin: Signed, delegate: MultiAddress, call_hash: H256) -> None:
        """Refuse what a delegate has announced to do in one's name."""
        account = origin.account
        self._drop(self.system.lookup(delegate), lambda each: matches(each, account, call_hash))

    def check_invariants(self) -> None:
        """What is held is what proxies, pure accounts and announcements record."""
        proxies: Counter[bytes] = Counter()
        announcements: Counter[bytes] = Counter()
        for account, (definitions, deposit) in self.proxies.items():
            spawner, part = self.spawners.get(account) or (account, 0)
            proxies[spawner] += part
            proxies[account] += deposit - part
            if deposit != proxy_deposit(len(definitions)) or not definitions:
                raise InvariantBroken(f"proxies of 0x{account.hex()}: deposit {deposit}")
        for delegate, (_, deposit) in self.announcements.items():
            announcements[delegate] += deposit
        for account in self.system.account:
            held = self.balances.held(HoldReason.Proxy, account)
            announced = self.balances.held(HoldReason.ProxyAnnouncement, account)
            if (held, announced) != (proxies[account], announcements[account]):
                raise InvariantBroken(
                    f"account 0x{account.hex()} has {held} and {announced} held for proxies,"
                    f" which record {proxies[account]} and {announcements[account]}"
                )
        for account in self.spawners:
            if account not in self.proxies:
                raise InvariantBroken(f"pure account 0x{account.hex()} has no proxies")

    # ------------------------------------------------------------------------- helpers

    def _definition(
        self, real: bytes, delegate: bytes, proxy_type: ProxyType | None
    ) -> ProxyDefinition:
        for each in self.proxies[real][0]:
            if each.delegate == delegate and proxy_type in {None, each.proxy_type}:
                return each
        raise NotProxy(expected="a proxy of this account", hint="add_proxy makes one")

    def _act(self, origin: Signed, real: bytes, definition: ProxyDefinition, inner: Call) -> Weight:
        narrowed = origin.named(real, ProxyFilter(definition.proxy_type))
        attempt = self.attempt(inner, narrowed)
        self.emit(ProxyExecuted(attempt.result))
        return attempt.weight

    def _store(self, account: bytes, definitions: tuple[ProxyDefinition, ...]) -> None:
        """Store an account's proxies; what a pure account's creator paid goes back in the end."""
        _, before = self.proxies[account]
        spawner, part = self.spawners.get(account) or (account, 0)
        after = proxy_deposit(len(definitions))
        self._change(HoldReason.Proxy, account, before - part, max(after - part, 0))
        if definitions:
            ordered = tuple(sorted(definitions, key=definition_order))
            self.proxies[account] = (ordered, after)
            return
        if part:
            self.balances.release(HoldReason.Proxy, spawner, part)
            del self.spawners[account]
        if before:
            del self.proxies[account]

    def _store_announcements(self, delegate: bytes, pending: tuple[Announcement, ...]) -> None:
        _, before = self.announcements[delegate]
        after = 0
        if pending:
            after = ANNOUNCEMENT_DEPOSIT_BASE + ANNOUNCEMENT_DEPOSIT_FACTOR * len(pending)
        self._change(HoldReason.ProxyAnnouncement, delegate, before, after)
        if pending:
            self.announcements[delegate] = (pending, after)
        else:
            del self.announcements[delegate]

    def _drop(self, delegate: bytes, doomed: Callable[[Announcement], bool]) -> None:
        pending, _ = self.announcements[delegate]
        kept = tuple(each for each in pending if not doomed(each))
        if len(kept) == len(pending):
            raise NotFound(expected="an announcement of this call")
        self._store_announcements(delegate, kept)

    def _change(self, reason: HoldReason, account: bytes, before: int, after: int) -> None:
        if after > before:
            self.balances.hold(reason, account, after - before)
        elif after < before:
            self.balances.release(reason, account, before - after)


def proxy_deposit(count: int) -> int:
    """Return what is held for a number of proxies."""
    return PROXY_DEPOSIT_BASE + PROXY_DEPOSIT_FACTOR * count if count else 0


def definition_order(definition: ProxyDefinition) -> tuple[bytes, int, int]:
    """Return what proxies are kept in order by."""
    return definition.delegate, definition.proxy_type, definition.delay


def matches(
    announcement: Announcement, real: bytes, call_hash: bytes, latest: int | None = None
) -> bool:
    """Tell whether an announcement is of this call, and made at height `latest` or before."""
    if latest is not None and announcement.height > latest:
        return False
    return (announcement.real, announcement.call_hash) == (real, call_hash)
