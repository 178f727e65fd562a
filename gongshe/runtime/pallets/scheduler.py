"""Scheduler: calls that the chain makes by itself at a later block, once or periodically.

Each block begins with the tasks that are due, by priority, within a budget of weight. What does
not fit stays where it is; `IncompleteSince` remembers the first block with tasks left over.
"""

from __future__ import annotations

from gongshe.primitives.records import replace
from gongshe.primitives.scale import Bytes32, ScaleError, u8, u32
from gongshe.primitives.types import BlockNumber, Exhausted, Weight
from gongshe.runtime.items import Map, Twox64Concat, Value
from gongshe.runtime.limits import MAX_BLOCK
from gongshe.runtime.origins import OriginCaller, caller_of, origin_of
from gongshe.runtime.pallet import (
    Call,
    CallFailed,
    Constant,
    InvariantBroken,
    Pallet,
    Root,
    RuntimeCall,
    call,
)
from gongshe.runtime.pallets import scheduler_words
from gongshe.runtime.pallets.preimage import Preimage
from gongshe.runtime.pallets.scheduler_types import (
    MAX_INLINE,
    MAX_SCHEDULED_PER_BLOCK,
    Agenda,
    Bounded,
    BoundedInline,
    BoundedLookup,
    Period,
    Task,
    TaskAddress,
)
from gongshe.runtime.pallets.scheduler_words import (
    AgendaIncomplete,
    CallUnavailable,
    Canceled,
    Dispatched,
    FailedToSchedule,
    NotFound,
    PeriodicFailed,
    PermanentlyOverweight,
    Scheduled,
    TargetBlockNumberInPast,
)
from gongshe.runtime.pallets.system import System
from gongshe.runtime.weights import cost

MAXIMUM_WEIGHT = Weight(MAX_BLOCK.ref_time // 2, MAX_BLOCK.proof_size // 2)
"""What tasks may use of a block: the other half always stays for users."""

LAST_BLOCK = (1 << 32) - 1

AGENDA = cost(25, reads=1)
"""Reading one block's agenda."""

TASK = cost(60, reads=2)
"""Everything about a task but its call: its entry, its name, its preimage, its renewal."""

CHANGE = cost(70, reads=4)


class Scheduler(Pallet, index=14, words=(scheduler_words,)):
    """Calls made later by the chain itself."""

    system: System
    preimage: Preimage

    constants = (
        Constant("MaximumWeight", Weight, MAXIMUM_WEIGHT, "What tasks may use of a block."),
        Constant("MaxScheduledPerBlock", u32, MAX_SCHEDULED_PER_BLOCK, "Tasks of one block."),
    )

    incomplete_since: Value[BlockNumber] = Value()
    """Block number at which the agenda began incomplete execution."""

    agenda: Map[BlockNumber, Agenda] = Map(Twox64Concat, default=())
    """Items to be executed, indexed by the block number that they should be executed on."""

    lookup: Map[Bytes32, TaskAddress] = Map(Twox64Concat)
    """Lookup from a name to the block number and index of the task."""

    @call(0, weight=CHANGE)
    def schedule(
        self,
        origin: Root,
        when: BlockNumber,
        maybe_periodic: Period | None,
        priority: u8,
        call: RuntimeCall,
    ) -> None:
        """Make a call at a later block; the lower the priority's number, the sooner in it."""
        self.schedule_call(when, maybe_periodic, priority, caller_of(origin), call)

    @call(1, weight=CHANGE)
    def cancel(self, origin: Root, when: BlockNumber, index: u32) -> None:
        """Cancel a task by its block and place."""
        self._cancel(when, index)

    @call(2, weight=CHANGE)
    def schedule_named(
        self,
        origin: Root,
        id_: Bytes32,
        when: BlockNumber,
        maybe_periodic: Period | None,
        priority: u8,
        call: RuntimeCall,
    ) -> None:
        """Make a call at a later block, under a name by which it can be cancelled."""
        self.schedule_call(when, maybe_periodic, priority, caller_of(origin), call, id_)

    @call(3, weight=CHANGE)
    def cancel_named(self, origin: Root, id_: Bytes32) -> None:
        """Cancel a task by its name."""
        address = self.lookup.get(id_)
        if address is None:
            raise NotFound(expected="the name of a task")
        self._cancel(*address)

    @call(4, weight=CHANGE)
    def schedule_after(
        self,
        origin: Root,
        after: BlockNumber,
        maybe_periodic: Period | None,
        priority: u8,
        call: RuntimeCall,
    ) -> None:
        """Make a call some blocks after the next one."""
        when = self.system.number.value + after + 1
        self.schedule_call(when, maybe_periodic, priority, caller_of(origin), call)

    @call(5, weight=CHANGE)
    def schedule_named_after(
        self,
        origin: Root,
        id_: Bytes32,
        after: BlockNumber,
        maybe_periodic: Period | None,
        priority: u8,
        call: RuntimeCall,
    ) -> None:
        """Make a call some blocks after the next one, under a name."""
        when = self.system.number.value + after + 1
        self.schedule_call(when, maybe_periodic, priority, caller_of(origin), call, id_)

    # -------------------------------------------------------- what other pallets may ask

    def schedule_call(
        self,
        when: int,
        periodic: tuple[int, int] | None,
        priority: int,
        origin: OriginCaller,
        later: Call,
        name: bytes | None = None,
    ) -> None:
        """Enter a call into a later block's agenda."""
        now = self.system.number.value
        if not now < when <= LAST_BLOCK:
            raise TargetBlockNumberInPast(expected=f"{now + 1} to {LAST_BLOCK}", found=when)
        if name is not None and name in self.lookup:
            raise FailedToSchedule(expected="a name that no task has", found=f"0x{name.hex()}")

        repeated = None
        if periodic is not None and periodic[0] and periodic[1] > 1:
            repeated = (periodic[0], periodic[1] - 1)
        task = Task(name, priority, self._bound(later), repeated, origin)
        if not self._place(when, task):
            raise CallFailed(
                Exhausted(), expected=f"at most {MAX_SCHEDULED_PER_BLOCK} tasks at block {when}"
            )

    # ----------------------------------------------------------------------------- hooks

    def on_initialize(self, number: int) -> Weight:
        """Make the calls that are due, within the budget."""
        room = self.system.use.room()
        left = Weight(
            min(room.ref_time, MAXIMUM_WEIGHT.ref_time),
            min(room.proof_size, MAXIMUM_WEIGHT.proof_size),
        )
        budget, incomplete = left, None
        when = self.incomplete_since.get() or number
        while when <= number and AGENDA.fits(left):
            left, complete = self._serve(when, left - AGENDA)
            if not complete and incomplete is None:
                incomplete = when
            when += 1
        if incomplete is None and when <= number:
            incomplete = when
        if incomplete is not None:
            self.incomplete_since.value = incomplete
            self.emit(AgendaIncomplete(incomplete))
        elif self.incomplete_since.exists():
            self.incomplete_since.clear()
        return budget - left

    def check_invariants(self) -> None:
        """Names lead to their tasks; nothing that was due is forgotten."""
        named = 0
        since = self.incomplete_since.get()
        number = self.system.number.value
        for when, agenda in self.agenda.items():
            if not agenda or agenda[-1] is None:
                raise InvariantBroken(f"the agenda of block {when} has an empty end")
            if when <= number and (since is None or when < since):
                raise InvariantBroken(f"tasks of block {when} were forgotten at block {number}")
            for index, task in enumerate(agenda):
                if task is not None and task.maybe_id is not None:
                    named += 1
                    if self.lookup.get(task.maybe_id) != (when, index):
                        raise InvariantBroken(f"task {index} of block {when} has a lost name")
        if named != sum(1 for _ in self.lookup):
            raise InvariantBroken("a name leads to no task")

    # --------------------------------------------------------------------------- serving

    def _serve(self, when: int, left: Weight) -> tuple[Weight, bool]:
        """Make the calls of one agenda; return the budget left and whether none stayed behind."""
        tasks = [(task.priority, index) for index, task in enumerate(self.agenda[when]) if task]
        complete = True
        for _, index in sorted(tasks):
            # Read again each time: the calls made so far may have cancelled this one.
            task = self._task(when, index)
            if task is None:
                continue
            if not TASK.fits(left):
                return left, False
            later = self._unbound(task.call)
            needed = TASK if later is None else TASK + later.info().weight
            if needed.fits(left):
                left -= self._run(when, index, task, later)
            elif (AGENDA + needed).fits(MAXIMUM_WEIGHT):
                complete = False
                left -= TASK
            else:
                self._remove(when, index, task)
                self._release(task.call)
                self.emit(PermanentlyOverweight((when, index), task.maybe_id))
                left -= TASK
        return left, complete

    def _run(self, when: int, index: int, task: Task, later: Call | None) -> Weight:
        """Make one task's call and renew it if it is periodic; return the weight used."""
        self._remove(when, index, task)
        address = (when, index)
        if later is None:
            self._release(task.call)
            self.emit(CallUnavailable(address, task.maybe_id))
            return TASK
        attempt = self.attempt(later, origin_of(task.origin))
        self.emit(Dispatched(address, task.maybe_id, attempt.result))
        if not self._renew(task):
            self._release(task.call)
            if task.maybe_periodic is not None:
                self.emit(PeriodicFailed(address, task.maybe_id))
        return TASK + attempt.weight

    def _renew(self, task: Task) -> bool:
        """Enter a periodic task again; False if it is over, or its next block has no room."""
        if task.maybe_periodic is None:
            return False
        period, count = task.maybe_periodic
        when = self.system.number.value + period
        name = task.maybe_id
        if when > LAST_BLOCK or (name is not None and name in self.lookup):
            return False
        following = (period, count - 1) if count > 1 else None
        return self._place(when, replace(task, maybe_periodic=following))

    # --------------------------------------------------------------------------- agendas

    def _place(self, when: int, task: Task) -> bool:
        """Put a task into an agenda; False if it is full."""
        agenda = self.agenda[when]
        index = next((at for at, each in enumerate(agenda) if each is None), len(agenda))
        if index >= MAX_SCHEDULED_PER_BLOCK:
            return False
        self.agenda[when] = (*agenda[:index], task, *agenda[index + 1 :])
        if task.maybe_id is not None:
            self.lookup[task.maybe_id] = (when, index)
        self.emit(Scheduled(when, index))
        return True

    def _task(self, when: int, index: int) -> Task | None:
        agenda = self.agenda[when]
        return agenda[index] if index < len(agenda) else None

    def _remove(self, when: int, index: int, task: Task) -> None:
        agenda = list(self.agenda[when])
        agenda[index] = None
        while agenda and agenda[-1] is None:
            agenda.pop()
        if agenda:
            self.agenda[when] = tuple(agenda)
        else:
            del self.agenda[when]
        if task.maybe_id is not None:
            del self.lookup[task.maybe_id]

    def _cancel(self, when: int, index: int) -> None:
        task = self._task(when, index)
        if task is None:
            raise NotFound(expected="a task of this block and place", found=(when, index))

        self._remove(when, index, task)
        self._release(task.call)
        self.emit(Canceled(when, index))

    # ----------------------------------------------------------------------------- calls

    def _bound(self, later: Call) -> Bounded:
        raw = self.dispatcher.encode_call(later)
        if len(raw) <= MAX_INLINE:
            return BoundedInline(raw)
        return BoundedLookup(self.preimage.note_requested(raw), len(raw))

    def _unbound(self, bounded: Bounded) -> Call | None:
        """Return the call, or None if it is not there or the present rules cannot read it."""
        raw: bytes | None = None
        if isinstance(bounded, BoundedInline):
            raw = bounded.raw
        elif isinstance(bounded, BoundedLookup):
            raw = self.preimage.fetch(bounded.hash_)
        if raw is None:
            return None
        try:
            return self.dispatcher.decode_call(raw)
        except ScaleError:
            return None

    def _release(self, bounded: Bounded) -> None:
        if isinstance(bounded, BoundedLookup):
            self.preimage.unrequest(bounded.hash_)
