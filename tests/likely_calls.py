"""Calls by chance that are likely to mean something: few accounts, few assets, edges on purpose."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.types import UNIT, Weight
from gongshe.runtime.origins import ROOT_CALLER, RawSigned, SystemOrigin
from gongshe.runtime.pallet import Call, Signed
from gongshe.runtime.pallets.assets import Assets
from gongshe.runtime.pallets.balances_types import EXISTENTIAL_DEPOSIT
from gongshe.runtime.pallets.multisig import Multisig, Timepoint, multisig_account
from gongshe.runtime.pallets.preimage import Preimage
from gongshe.runtime.pallets.proxy import Proxy
from gongshe.runtime.pallets.proxy_types import ProxyType
from gongshe.runtime.pallets.scheduler import Scheduler
from gongshe.runtime.pallets.utility import derivative_account
from gongshe.runtime.validity import DecodedExtrinsic
from tests.runtime_chain import ALICE, BOB, CHARLIE, DAVE, ERIN, SUDO, Chain

FRANK = b"frank".ljust(32, b".")
PEOPLE = (ALICE, BOB, CHARLIE, DAVE, ERIN, FRANK)
TEAM = tuple(sorted((ALICE, BOB, CHARLIE)))
SHARED = (multisig_account(TEAM, 2), multisig_account(TEAM, 1), derivative_account(ALICE, 0))
"""Accounts that nobody has a key for, and some of the people control."""

ASSETS = (1, 2, 3)
TEXTS = tuple(bytes([number]) * (number * 40) for number in range(4))
DEEPEST = 3


class LikelyCalls:
    """Draws calls that fit the present state of a chain, more or less."""

    def __init__(self, chain: Chain, chance: Random) -> None:
        self.chain, self.chance = chain, chance
        self.kinds: list[tuple[str, Callable[[], tuple[object, ...]]]] = [
            *self._money(),
            *self._assets(),
            *self._texts_and_times(),
        ]
        self.nesting = self._nesting()

    def signer(self) -> bytes:
        """Return somebody who can pay a fee, the sudo key twice as often as others."""
        able = [each for each in (*PEOPLE, SUDO, SUDO) if self.chain.free(each) > UNIT]
        return self.chance.choice(able or [SUDO])

    def extrinsic(self) -> DecodedExtrinsic:
        """Return a call that its signer is likely allowed to make."""
        signer, call = self.signer(), self.call()
        for _ in range(3):
            if signer == SUDO or not self._for_root(call):
                break
            call = self.call()
        if signer == SUDO and self._for_root(call):
            call = self.chain.call("Sudo.sudo", call)
        elif signer == SUDO and self._flag():
            call = self.chain.call("Sudo.sudo_as", self.who(), call)
        return self.chain.signed(signer, call)

    def _for_root(self, call: Call) -> bool:
        return Signed not in call.definition.origins

    def call(self, depth: int = 0) -> Call:
        """Return a call; near the surface it may hold others."""
        kinds = self.kinds
        if depth < DEEPEST and self.chance.random() < 0.35:
            name, arguments = self.chance.choice(self._at(depth + 1))
        else:
            name, arguments = self.chance.choice(kinds)
        return self.chain.call(name, *arguments())

    # ------------------------------------------------------------------------ ingredients

    def who(self) -> bytes:
        return self.chance.choice((*PEOPLE, *SHARED, SUDO))

    def amount(self) -> int:
        """Return an amount of native tokens, often at an edge."""
        edges = (0, 1, EXISTENTIAL_DEPOSIT - 1, EXISTENTIAL_DEPOSIT, UNIT, 50 * UNIT)
        if self.chance.random() < 0.1:
            return self.chain.free(self.who())
        return self.chance.choice(edges) or self.chance.randrange(300 * UNIT)

    def few(self) -> int:
        """Return an amount of an asset."""
        return self.chance.choice((0, 1, 2, 9, 10, 11, 100, 1_000, (1 << 128) - 1))

    def asset(self) -> int:
        return self.chance.choice(ASSETS)

    def _flag(self) -> bool:
        return self.chance.random() < 0.5

    def _digest(self) -> bytes:
        return blake2_256(self.chance.choice(TEXTS))

    def _name(self) -> bytes:
        return bytes([self.chance.randrange(2)]) * 32

    def _proxy_type(self) -> ProxyType:
        return self.chance.choice(list(ProxyType))

    def _periodic(self) -> tuple[int, int] | None:
        return None if self._flag() else (self.chance.randrange(4), self.chance.randrange(4))

    def _soon(self) -> int:
        return self.chain.number + self.chance.randrange(6)

    # ----------------------------------------------------------------------------- kinds

    def _money(self) -> list[tuple[str, Callable[[], tuple[object, ...]]]]:
        return [
            ("Balances.transfer_allow_death", lambda: (self.who(), self.amount())),
            ("Balances.transfer_keep_alive", lambda: (self.who(), self.amount())),
            ("Balances.transfer_all", lambda: (self.who(), self._flag())),
            ("Balances.force_transfer", lambda: (self.who(), self.who(), self.amount())),
            ("Balances.burn", lambda: (self.amount() // 1_000, self._flag())),
            ("Proxy.add_proxy", lambda: (self.who(), self._proxy_type(), self._delay())),
            ("Proxy.remove_proxy", lambda: (self.who(), self._proxy_type(), self._delay())),
            ("Proxy.remove_proxies", tuple),
            ("Proxy.create_pure", lambda: (self._proxy_type(), 0, self.chance.randrange(2))),
            ("Proxy.announce", lambda: (self.who(), self._digest())),
            ("Proxy.remove_announcement", lambda: (self.who(), self._digest())),
            ("Proxy.reject_announcement", lambda: (self.who(), self._digest())),
            ("Multisig.approve_as_multi", self._approval),
            ("Multisig.cancel_as_multi", self._cancellation),
        ]

    def _assets(self) -> list[tuple[str, Callable[[], tuple[object, ...]]]]:
        asset, who, few = self.asset, self.who, self.few
        return [
            ("Assets.create", lambda: (asset(), who(), self.chance.choice((0, 1, 10)))),
            ("Assets.force_create", lambda: (asset(), who(), self._flag(), 5)),
            ("Assets.start_destroy", lambda: (asset(),)),
            ("Assets.destroy_accounts", lambda: (asset(),)),
            ("Assets.destroy_approvals", lambda: (asset(),)),
            ("Assets.finish_destroy", lambda: (asset(),)),
            ("Assets.mint", lambda: (asset(), who(), few())),
            ("Assets.burn", lambda: (asset(), who(), few())),
            ("Assets.transfer", lambda: (asset(), who(), few())),
            ("Assets.transfer_keep_alive", lambda: (asset(), who(), few())),
            ("Assets.transfer_all", lambda: (asset(), who(), self._flag())),
            ("Assets.force_transfer", lambda: (asset(), who(), who(), few())),
            ("Assets.freeze", lambda: (asset(), who())),
            ("Assets.thaw", lambda: (asset(), who())),
            ("Assets.freeze_asset", lambda: (asset(),)),
            ("Assets.thaw_asset", lambda: (asset(),)),
            ("Assets.block", lambda: (asset(), who())),
            ("Assets.transfer_ownership", lambda: (asset(), who())),
            ("Assets.set_team", lambda: (asset(), who(), who(), who())),
            ("Assets.set_metadata", lambda: (asset(), bytes(few() % 60), b"S", 2)),
            ("Assets.clear_metadata", lambda: (asset(),)),
            ("Assets.force_set_metadata", lambda: (asset(), b"N", b"S", 2, self._flag())),
            ("Assets.force_clear_metadata", lambda: (asset(),)),
            (
                "Assets.force_asset_status",
                lambda: (asset(), who(), who(), who(), who(), 3, self._flag(), self._flag()),
            ),
            ("Assets.approve_transfer", lambda: (asset(), who(), few())),
            ("Assets.cancel_approval", lambda: (asset(), who())),
            ("Assets.force_cancel_approval", lambda: (asset(), who(), who())),
            ("Assets.transfer_approved", lambda: (asset(), who(), who(), few())),
            ("Assets.touch", lambda: (asset(),)),
            ("Assets.refund", lambda: (asset(), self._flag())),
            ("Assets.touch_other", lambda: (asset(), who())),
            ("Assets.refund_other", lambda: (asset(), who())),
            ("Assets.set_min_balance", lambda: (asset(), few() % 12)),
        ]

    def _texts_and_times(self) -> list[tuple[str, Callable[[], tuple[object, ...]]]]:
        return [
            ("System.remark_with_event", lambda: (self.chance.choice(TEXTS),)),
            ("Preimage.note_preimage", lambda: (self.chance.choice(TEXTS),)),
            ("Preimage.unnote_preimage", lambda: (self._digest(),)),
            ("Preimage.request_preimage", lambda: (self._digest(),)),
            ("Preimage.unrequest_preimage", lambda: (self._digest(),)),
            ("Scheduler.cancel", lambda: (self._soon(), self.chance.randrange(3))),
            ("Scheduler.cancel_named", lambda: (self._name(),)),
        ]

    def _at(self, depth: int) -> list[tuple[str, Callable[[], tuple[object, ...]]]]:
        return [(name, lambda make=make: make(depth)) for name, make in self.nesting]  # type: ignore[misc]

    def _nesting(self) -> list[tuple[str, Callable[[int], tuple[object, ...]]]]:
        chance, call, who = self.chance, self.call, self.who
        return [
            ("Utility.batch", self._calls),
            ("Utility.batch_all", self._calls),
            ("Utility.force_batch", self._calls),
            ("Utility.as_derivative", lambda depth: (chance.randrange(2), call(depth))),
            ("Utility.dispatch_as", lambda depth: (self._caller(), call(depth))),
            ("Proxy.proxy", lambda depth: (self._real(), None, call(depth))),
            ("Proxy.proxy_announced", lambda depth: (who(), who(), None, call(depth))),
            ("Multisig.as_multi_threshold_1", lambda depth: (self._others(), call(depth))),
            ("Multisig.as_multi", self._multi),
            ("Sudo.sudo", lambda depth: (call(depth),)),
            ("Sudo.sudo_as", lambda depth: (who(), call(depth))),
            (
                "Scheduler.schedule",
                lambda depth: (self._soon(), self._periodic(), chance.randrange(3), call(depth)),
            ),
            (
                "Scheduler.schedule_named_after",
                lambda depth: (
                    self._name(),
                    chance.randrange(4),
                    self._periodic(),
                    chance.randrange(3),
                    call(depth),
                ),
            ),
        ]

    def _calls(self, depth: int) -> tuple[object, ...]:
        return (tuple(self.call(depth) for _ in range(self.chance.randrange(4))),)

    def _caller(self) -> SystemOrigin:
        return ROOT_CALLER if self._flag() else SystemOrigin(RawSigned(self.who()))

    def _delay(self) -> int:
        return self.chance.choice((0, 0, 0, 1, 3))

    def _real(self) -> bytes:
        """Return an account that has proxies, if there is one."""
        found: bytes = self.chance.choice([*self.chain.pallet(Proxy).proxies, self.who()])
        return found

    def _others(self) -> tuple[bytes, ...]:
        left_out = self.chance.choice(TEAM)
        return tuple(each for each in TEAM if each != left_out)

    def _approval(self) -> tuple[object, ...]:
        return (2, self._others(), None, self._digest(), Weight(0, 0))

    def _multi(self, depth: int) -> tuple[object, ...]:
        """Approve what is open with a call, or open something."""
        call = self.chain.call("Balances.transfer_keep_alive", self.chance.choice(PEOPLE), UNIT)
        digest = blake2_256(self.chain.assembly.call_codec.encode(call))
        open_one = self.chain.pallet(Multisig).multisigs.get((SHARED[0], digest))
        when = open_one.when if open_one else None
        return (2, self._others(), when, call, Weight(10**10, 10**5))

    def _cancellation(self) -> tuple[object, ...]:
        operations = [each.when for _, each in self.chain.pallet(Multisig).multisigs.items()]
        when = self.chance.choice([*operations, Timepoint(1, 1)])
        return (2, self._others(), when, self._digest())


def assets_and_others(chain: Chain) -> tuple[int, ...]:
    """Return how much there is of everything that calls leave behind: for tests of these calls."""
    return tuple(
        sum(1 for _ in items)
        for items in (
            chain.pallet(Assets).account.items(),
            chain.pallet(Proxy).proxies,
            chain.pallet(Multisig).multisigs.items(),
            chain.pallet(Preimage).request_status_for,
            chain.pallet(Scheduler).agenda,
        )
    )
