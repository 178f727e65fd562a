"""Upgrades: the chain says from which height another spec version holds.

The rules are native Python, so nothing is executed from the chain: governance (Root) names the
next spec version and a height; nodes that ship it switch there, a node that does not stops
before that block and says what to install. `:code` holds the identity of the runtime in force,
so that clients notice a change.
"""

from __future__ import annotations

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.records import Record
from gongshe.primitives.scale import CompactU32, u32
from gongshe.primitives.types import BlockNumber, DispatchClass
from gongshe.runtime.assembly import Assembly
from gongshe.runtime.items import Value
from gongshe.runtime.overlay import RAW
from gongshe.runtime.pallet import CallError, Event, Pallet, Root, call
from gongshe.runtime.pallets.system import CodeUpdated, System
from gongshe.runtime.weights import cost

CODE = b":code"
"""The well-known key under which clients look for the runtime."""


class ScheduledUpgrade(Record):
    """A spec version and the first block executed under it."""

    spec_version: u32
    at: BlockNumber


class UpgradeScheduled(Event, index=0):
    """Another spec version will hold from this block on."""

    spec_version: u32
    at: BlockNumber


class UpgradeCancelled(Event, index=1):
    """The scheduled spec version will not come into force."""

    spec_version: u32


class UpgradeApplied(Event, index=2):
    """A new spec version holds from this block on."""

    spec_version: u32


class VersionMustIncrease(CallError, index=0):
    """The next spec version must be higher than the present one."""


class HeightInPast(CallError, index=1):
    """The height must lie after the present block."""


class NothingScheduled(CallError, index=2):
    """No upgrade is scheduled."""


class Upgrades(Pallet, index=9):
    """Which spec version holds, and from when the next one does."""

    system: System

    scheduled: Value[ScheduledUpgrade] = Value()
    """The next spec version and its first block, if one is scheduled."""

    @call(0, weight=cost(20, reads=2), dispatch_class=DispatchClass.Operational)
    def schedule_upgrade(self, origin: Root, spec_version: CompactU32, at: CompactU32) -> None:
        """Put another spec version in force from block `at` on; a later call replaces it."""
        last = self.system.last_runtime_upgrade.value.spec_version
        now = self.system.number.value
        if spec_version <= last:
            raise VersionMustIncrease(expected=f"more than {last}", found=spec_version)
        if at <= now:
            raise HeightInPast(expected=f"more than {now}", found=at)

        self.scheduled.value = ScheduledUpgrade(spec_version, at)
        self.emit(UpgradeScheduled(spec_version, at))

    @call(1, weight=cost(15, reads=1), dispatch_class=DispatchClass.Operational)
    def cancel_upgrade(self, origin: Root) -> None:
        """Take a scheduled upgrade back."""
        scheduled = self.scheduled.get()
        if scheduled is None:
            raise NothingScheduled

        self.scheduled.clear()
        self.emit(UpgradeCancelled(scheduled.spec_version))

    def due(self, number: int) -> int | None:
        """Return the scheduled spec version if block `number` must be executed under it."""
        scheduled = self.scheduled.get()
        return scheduled.spec_version if scheduled and number >= scheduled.at else None

    def complete(self, assembly: Assembly) -> None:
        """Note that a new spec version has come into force with this block."""
        self.scheduled.clear()
        self.write_code(assembly)
        self.system.emit(CodeUpdated())
        self.emit(UpgradeApplied(assembly.spec_version))

    def write_code(self, assembly: Assembly) -> None:
        """Write the identity of the runtime where clients look for its code."""
        version = assembly.version
        identity = f"{version.spec_name} {version.spec_version}, native".encode()
        self.state.write(CODE, RAW, identity + b"\n" + blake2_256(identity))
