"""What happens in the scheduler, and what can be wrong: its events and errors."""

from __future__ import annotations

from gongshe.primitives.scale import Bytes32, u32
from gongshe.primitives.types import BlockNumber, DispatchResult
from gongshe.runtime.pallet import CallError, Event
from gongshe.runtime.pallets.scheduler_types import TaskAddress


class Scheduled(Event, index=0):
    """A task was scheduled."""

    when: BlockNumber
    index: u32


class Canceled(Event, index=1):
    """A task was cancelled."""

    when: BlockNumber
    index: u32


class Dispatched(Event, index=2):
    """A task's call was made."""

    task: TaskAddress
    id: Bytes32 | None
    result: DispatchResult


class CallUnavailable(Event, index=5):
    """A task was dropped: its call is not there, or cannot be read by the present rules."""

    task: TaskAddress
    id: Bytes32 | None


class PeriodicFailed(Event, index=6):
    """A periodic task could not be renewed: the agenda of its next block is full."""

    task: TaskAddress
    id: Bytes32 | None


class PermanentlyOverweight(Event, index=8):
    """A task was dropped: it can never be made within the scheduler's share of a block."""

    task: TaskAddress
    id: Bytes32 | None


class AgendaIncomplete(Event, index=9):
    """Tasks from this block on are left for the next block."""

    when: BlockNumber


class FailedToSchedule(CallError, index=0):
    """Failed to schedule a call."""


class NotFound(CallError, index=1):
    """Cannot find the scheduled call."""


class TargetBlockNumberInPast(CallError, index=2):
    """Given target block number is in the past."""
