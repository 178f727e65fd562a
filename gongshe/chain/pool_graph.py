"""Who waits for whom: the pool's extrinsics, joined by the tags they require and provide.

An extrinsic is ready once all it requires is provided by the chain or by something ready, and
future until then. At most one extrinsic provides a tag.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gongshe.chain.pool_entries import Queue, ReadyOrder, Waiting
from gongshe.runtime.validity import FOREVER


class PoolGraph:
    """All entries, and those of them that wait for something."""

    def __init__(self) -> None:
        self.all, self.future = Queue(), Queue()
        self.providers: dict[bytes, Waiting] = {}
        self._wanting: dict[bytes, list[Waiting]] = {}
        self._deaths: dict[int, dict[bytes, Waiting]] = {}
        self._accounts: dict[bytes, int] = {}

    def ready(self) -> ReadyOrder:
        """Return the ready extrinsics in the order of a block."""
        return ReadyOrder(self.all.entries, self._wanting)

    def of_account(self, account: bytes) -> int:
        """Return how many extrinsics of an account wait."""
        return self._accounts.get(account, 0)

    def missing(self, needs: Iterable[bytes]) -> int:
        """Return how many of these tags nothing ready provides."""
        missing = 0
        for tag in needs:
            provider = self.providers.get(tag)
            if provider is None or provider.missing:
                missing += 1
        return missing

    def rivals(self, entry: Waiting) -> list[Waiting]:
        """Return those that provide what the new one provides."""
        rivals: list[Waiting] = []
        for tag in entry.provides:
            rival = self.providers.get(tag)
            if rival is not None and rival not in rivals:
                rivals.append(rival)
        return rivals

    def with_dependants(self, entry: Waiting) -> list[Waiting]:
        """Return an entry and all that cannot enter a block without it."""
        found = {entry.rank[2]: entry}
        stack = [entry]
        while stack:
            for tag in stack.pop().provides:
                for dependant in self._wanting.get(tag, ()):
                    if dependant.rank[2] not in found:
                        found[dependant.rank[2]] = dependant
                        stack.append(dependant)
        return list(found.values())

    def dying(self, number: int) -> list[Waiting]:
        """Return those that cannot enter a block after this one."""
        return [
            entry
            for death, entries in self._deaths.items()
            if death <= number
            for entry in entries.values()
        ]

    # ----------------------------------------------------------------------------- changes

    def replace(
        self, rivals: Sequence[Waiting], entry: Waiting
    ) -> tuple[list[Waiting], list[Waiting]]:
        """Put an entry in the place of its rivals; return what became ready, and what future."""
        if not rivals:
            self._link(entry)
            return ([] if entry.missing else self._promote(entry.provides)), []
        had: dict[bytes, None] = {}
        for rival in rivals:
            if not rival.missing:
                had.update(dict.fromkeys(rival.provides))
            self._unlink(rival)
        self._link(entry)
        if entry.missing:
            return [], self._demote(had)
        lost = [tag for tag in had if tag not in entry.provides]
        return (
            self._promote([tag for tag in entry.provides if tag not in had]),
            self._demote(lost),
        )

    def remove(self, entry: Waiting) -> list[Waiting]:
        """Take an entry out; return what became future for want of it."""
        if entry.gone:
            return []
        self._unlink(entry)
        return [] if entry.missing else self._demote(entry.provides)

    def provide(self, tag: bytes) -> tuple[Waiting | None, list[Waiting]]:
        """Let the chain provide a tag; return who leaves for it, and what became ready."""
        entry = self.providers.get(tag)
        if entry is not None:
            self._unlink(entry)
        if tag not in self._wanting:
            return entry, []
        promoted = [] if entry is not None and not entry.missing else self._promote([tag])
        for waiting in self._wanting.pop(tag):
            waiting.needs.remove(tag)
        return entry, promoted

    def withdraw(self, tag: bytes, successor_tag: bytes) -> list[Waiting]:
        """Let the chain no longer provide a tag, on which the provider of another depends."""
        successor = self.providers.get(successor_tag)
        if successor is None or tag in successor.needs:
            return []
        successor.needs.append(tag)
        self._wanting.setdefault(tag, []).append(successor)
        provider = self.providers.get(tag)
        if provider is not None and not provider.missing:
            return []
        return self._demote([tag], only=successor)

    # ------------------------------------------------------------------------------- links

    def _link(self, entry: Waiting) -> None:
        self.all.add(entry)
        if entry.missing:
            self.future.add(entry)
        account = entry.account
        self._accounts[account] = self._accounts.get(account, 0) + 1
        for tag in entry.provides:
            self.providers[tag] = entry
        for tag in entry.needs:
            self._wanting.setdefault(tag, []).append(entry)
        if entry.dies_at != FOREVER:
            self._deaths.setdefault(entry.dies_at, {})[entry.extrinsic.hash] = entry

    def _unlink(self, entry: Waiting) -> None:
        entry.gone = True
        self.all.discard(entry)
        if entry.missing:
            self.future.discard(entry)
        for tag in entry.provides:
            if self.providers.get(tag) is entry:
                del self.providers[tag]
        for tag in entry.needs:
            others = self._wanting[tag]
            others.remove(entry)
            if not others:
                del self._wanting[tag]
        if entry.dies_at != FOREVER:
            bucket = self._deaths[entry.dies_at]
            del bucket[entry.extrinsic.hash]
            if not bucket:
                del self._deaths[entry.dies_at]
        left = self._accounts[entry.account] - 1
        if left:
            self._accounts[entry.account] = left
        else:
            del self._accounts[entry.account]

    def _promote(self, tags: Iterable[bytes]) -> list[Waiting]:
        """Count tags as provided; return what became ready, dependencies first."""
        became, stack = [], list(tags)
        while stack:
            for entry in self._wanting.get(stack.pop(), ()):
                entry.missing -= 1
                if entry.missing == 0:
                    self.future.discard(entry)
                    became.append(entry)
                    stack.extend(entry.provides)
        return became

    def _demote(self, tags: Iterable[bytes], only: Waiting | None = None) -> list[Waiting]:
        """Count tags as no longer provided (to `only` this one); return what became future."""
        became, stack = [], list(tags)
        while stack:
            wanting = self._wanting.get(stack.pop(), ())
            for entry in wanting if only is None else [only]:
                entry.missing += 1
                if entry.missing == 1:
                    self.future.add(entry)
                    became.append(entry)
                    stack.extend(entry.provides)
            only = None
        return became
