"""The overlay against plain dictionaries: one copied for every open transaction."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from gongshe.primitives.scale import Codec, u32
from gongshe.primitives.schema import codec_of
from gongshe.runtime.overlay import Overlay
from tests.runtime_chain import State

NUMBER: Codec = codec_of(u32)
KEYS = st.sampled_from([bytes([first, second]) for first in b"ab" for second in range(6)])
NUMBERS = st.integers(0, 3)


class OverlayMachine(RuleBasedStateMachine):
    """Writes, removals, reads and transactions in any order."""

    @initialize(before=st.dictionaries(KEYS, NUMBERS))
    def begin(self, before: dict[bytes, int]) -> None:
        self.before = before
        raw = {key: NUMBER.encode(value) for key, value in before.items()}
        self.overlay = Overlay(State(raw))
        self.stack = [dict(before)]
        self.events: list[list[bytes]] = [[]]

    @rule(key=KEYS, value=NUMBERS, encoded=st.booleans())
    def write(self, key: bytes, value: int, encoded: bool) -> None:
        if encoded:
            self.overlay.write_encoded(key, NUMBER.encode(value))
        else:
            self.overlay.write(key, NUMBER, value)
        self.stack[-1][key] = value
        self.overlay.events.append(key)
        self.events[-1].append(key)

    @rule(key=KEYS)
    def remove(self, key: bytes) -> None:
        self.overlay.write(key, NUMBER, None)
        self.stack[-1].pop(key, None)

    @rule(key=KEYS)
    def read(self, key: bytes) -> None:
        assert self.overlay.read(key, NUMBER) == self.stack[-1].get(key)

    @rule(prefix=st.sampled_from([b"", b"a", b"b", b"c"]), after=st.none() | KEYS)
    def pairs(self, prefix: bytes, after: bytes | None) -> None:
        found = list(self.overlay.pairs(prefix, NUMBER, after))
        assert found == [
            (key, value)
            for key, value in sorted(self.stack[-1].items())
            if key.startswith(prefix) and (after is None or key > after)
        ]

    @precondition(lambda self: len(self.stack) < 8)
    @rule()
    def open_transaction(self) -> None:
        self.overlay.begin()
        self.stack.append(dict(self.stack[-1]))
        self.events.append(list(self.events[-1]))

    @precondition(lambda self: len(self.stack) > 1)
    @rule(kept=st.booleans())
    def end_transaction(self, kept: bool) -> None:
        state, events = self.stack.pop(), self.events.pop()
        if kept:
            self.overlay.commit()
            self.stack[-1], self.events[-1] = state, events
        else:
            self.overlay.roll_back()

    @invariant()
    def the_same_events(self) -> None:
        assert self.overlay.events == self.events[-1]

    def teardown(self) -> None:
        if not hasattr(self, "stack"):
            return
        while len(self.stack) > 1:
            self.end_transaction(kept=False)
        after = dict(self.before)
        for key, raw in self.overlay.changes().items():
            if raw is None:
                del after[key]
            else:
                after[key] = NUMBER.decode(raw)
        assert after == self.stack[-1]


TestOverlay = OverlayMachine.TestCase
TestOverlay.settings = settings(max_examples=150, stateful_step_count=40)
