"""Extrinsics waiting for a block, and why the others are not.

The pool knows no clock, network or state: the caller judges validity on the best block, gives
block numbers and milliseconds, and passes on what is returned. An account's extrinsics are told
apart by nonce, not by hash: a signer can make any number of valid signatures of the same words.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable

from gongshe.chain.pool_entries import ReadyOrder, Waiting
from gongshe.chain.pool_graph import PoolGraph
from gongshe.chain.pool_records import (
    Admission,
    Dropped,
    Future,
    Invalid,
    PoolLimits,
    PoolRefused,
    Ready,
    RefusalKind,
    Told,
    Usurped,
)
from gongshe.chain.pool_room import demand_more, make_room
from gongshe.chain.pool_watch import Watch
from gongshe.runtime.validity import (
    FOREVER,
    DecodedExtrinsic,
    ValidTransaction,
    nonce_tag,
)

USUAL_LIMITS = PoolLimits()


class Pool:
    """Ready and future extrinsics under limits, each watched to its end if somebody asked.

    What is returned as `Told` concerns watched extrinsics only; `submit(watched=True)` starts the
    watch, a last status or `unwatch` ends it.
    """

    def __init__(self, limits: PoolLimits = USUAL_LIMITS) -> None:
        self.limits = limits
        self._graph = PoolGraph()
        self._watch = Watch()
        self._banned: OrderedDict[bytes, int] = OrderedDict()
        self._arrivals = 0

    # ---------------------------------------------------------------------------- entering

    def screen(self, extrinsic_hash: bytes, now_ms: int) -> None:
        """Refuse what is here already or banned, before anybody checks its signature."""
        if extrinsic_hash in self._graph.all.entries:
            raise PoolRefused(
                RefusalKind.ALREADY_IMPORTED,
                "AlreadyImported",
                expected="an extrinsic the pool does not hold",
                found=f"0x{extrinsic_hash.hex()}",
                hint="nothing to do: it waits for a block already",
            )
        until = self._banned.get(extrinsic_hash)
        if until is None:
            return
        if until <= now_ms:
            del self._banned[extrinsic_hash]
            return
        raise PoolRefused(
            RefusalKind.BANNED,
            "TemporarilyBanned",
            expected="an extrinsic that was not found invalid of late",
            found=f"a ban for {(until - now_ms + 999) // 1000} s more",
            hint="mend what made it invalid and sign it again; a new signature is not banned",
        )

    def submit(
        self,
        extrinsic: DecodedExtrinsic,
        valid: ValidTransaction,
        best_number: int,
        now_ms: int,
        *,
        watched: bool = False,
    ) -> Admission:
        """Take an extrinsic whose signature holds and which is valid on the best block.

        `best_number` is that block's. PoolRefused says why it did not enter; nothing changed then.
        """
        self.screen(extrinsic.hash, now_ms)
        graph, watch = self._graph, self._watch
        entry = self._entry(extrinsic, valid, best_number)
        rivals = graph.rivals(entry)
        if rivals:
            demand_more(entry, rivals)
        elif graph.of_account(entry.account) >= self.limits.per_account:
            raise PoolRefused(
                RefusalKind.POOL_FULL,
                "ImmediatelyDropped",
                expected=f"fewer than {self.limits.per_account} waiting extrinsics of one account",
                found=graph.of_account(entry.account),
                hint="wait until some are in a block, or send several calls in one batch",
            )
        for victim in make_room(graph, self.limits, entry, rivals):
            self._told_future(graph.remove(victim))
            watch.tell(victim.hash, Dropped())
        if watched:
            watch.watched.add(extrinsic.hash)
        for rival in rivals:
            watch.tell(rival.hash, Usurped(entry.hash))
        watch.tell(entry.hash, Future() if entry.missing else Ready())
        promoted, demoted = graph.replace(rivals, entry)
        if demoted:
            self._told_future(demoted)
            self._trim_future()
        if entry.missing:
            return Admission((), watch.news())
        ready = (extrinsic, *self._told_ready(promoted)) if promoted else (extrinsic,)
        return Admission(ready, watch.news())

    def _entry(
        self, extrinsic: DecodedExtrinsic, valid: ValidTransaction, best_number: int
    ) -> Waiting:
        """Return the entry an extrinsic would have."""
        signature = extrinsic.signature
        if signature is None:
            raise PoolRefused(
                RefusalKind.UNKNOWN_VALIDITY,
                "NoUnsignedValidator",
                expected="a signed extrinsic",
                found="an unsigned one",
                hint="sign it; only a block's author adds unsigned extrinsics",
            )
        if not valid.provides:
            raise PoolRefused(
                RefusalKind.NO_TAGS, "NoTags", expected="tags it provides", found="none"
            )
        if valid.longevity == 0:
            raise PoolRefused(
                RefusalKind.INVALID,
                "AncientBirthBlock",
                expected="an era that covers the next block",
                found=f"an era that ended before block {best_number + 1}",
                hint="sign again with a fresh era",
            )
        for tag in valid.requires:
            if tag in valid.provides:
                raise PoolRefused(
                    RefusalKind.CYCLE,
                    "CycleDetected",
                    expected="tags that something else provides",
                    found=f"it requires 0x{tag.hex()}, which it provides",
                )
        self._arrivals += 1
        return Waiting(
            extrinsic,
            signature,
            valid.priority,
            FOREVER if valid.longevity == FOREVER else best_number + valid.longevity,
            self._arrivals,
            list(valid.requires),
            valid.provides,
            self._graph.missing(valid.requires),
        )

    # ----------------------------------------------------------------------------- reading

    def ready(self) -> ReadyOrder:
        """Return the ready extrinsics in the order of a block; see `ReadyOrder.leave_out`."""
        return self._graph.ready()

    def pending(self) -> list[bytes]:
        """Return the bytes of all ready extrinsics, in that order."""
        return [extrinsic.raw for extrinsic in self.ready()]

    def next_index(self, account: bytes, chain_nonce: int) -> int:
        """Return the nonce that follows those of the account's ready extrinsics."""
        graph = self._graph
        most = chain_nonce + graph.of_account(account)
        provider = graph.providers.get(nonce_tag(account, most - 1)) if most else None
        if provider is not None and not provider.missing:
            return most
        for nonce in range(chain_nonce, most):
            provider = graph.providers.get(nonce_tag(account, nonce))
            if provider is None or provider.missing:
                return nonce
        return most

    def find(self, extrinsic_hash: bytes) -> DecodedExtrinsic | None:
        """Return an extrinsic of the pool, ready or not."""
        entry = self._graph.all.entries.get(extrinsic_hash)
        return entry.extrinsic if entry else None

    def outdated(self, spec_version: int) -> list[bytes]:
        """Return the hashes of those that were read, and signed, under another spec version."""
        return [
            extrinsic_hash
            for extrinsic_hash, entry in self._graph.all.entries.items()
            if entry.extrinsic.spec_version != spec_version
        ]

    @property
    def ready_count(self) -> int:
        """How many may enter a block."""
        return len(self._graph.all) - len(self._graph.future)

    @property
    def future_count(self) -> int:
        """How many wait for an earlier one."""
        return len(self._graph.future)

    @property
    def size(self) -> int:
        """Bytes that all of them are charged with."""
        return self._graph.all.size

    # --------------------------------------------------------------------------- the chain

    def block_imported(
        self, block_hash: bytes, number: int, included: Iterable[DecodedExtrinsic]
    ) -> Admission:
        """Take notice of a block that joined the best chain, with its extrinsics in order.

        Returns what became ready by it and what watchers hear; eras that ended are removed.
        """
        graph, watch = self._graph, self._watch
        promoted: list[Waiting] = []
        watched_here: dict[bytes, int] = {}
        for index, extrinsic in enumerate(included):
            signature = extrinsic.signature
            if signature is None:
                continue
            if extrinsic.hash in watch.watched:
                watched_here[extrinsic.hash] = index
            left, became = graph.provide(nonce_tag(signature.signer, signature.nonce))
            if left is not None and left.hash != extrinsic.hash:
                watch.tell(left.hash, Usurped(extrinsic.hash))
            promoted += became
        if watched_here:
            watch.enter_block(block_hash, number, watched_here)
        self._told_ready([each for each in promoted if not each.gone])
        for entry in graph.dying(number):
            reason = f"its era ended at block {entry.dies_at}; sign again with a fresh era"
            self._drop_invalid(entry, reason)
        self._trim_future()
        watch.time_out(number)
        ready = tuple(each.extrinsic for each in promoted if not each.gone)
        return Admission(ready, watch.news())

    def retracted(
        self, block_hash: bytes, extrinsics: Iterable[DecodedExtrinsic]
    ) -> tuple[Told, ...]:
        """Take notice of a block that left the best chain.

        Call it for each such block, then `block_imported` for those that joined; then submit the
        retracted extrinsics that are not among these again, judged on the new best block, and
        `give_up` those refused.
        """
        self._watch.retract(block_hash)
        for extrinsic in extrinsics:
            signature = extrinsic.signature
            if signature is not None:
                account, nonce = signature.signer, signature.nonce
                demoted = self._graph.withdraw(
                    nonce_tag(account, nonce), nonce_tag(account, nonce + 1)
                )
                self._told_future(demoted)
        self._trim_future()
        return self._watch.news()

    def finalized(self, block_hashes: Iterable[bytes]) -> tuple[Told, ...]:
        """Take notice of blocks that became final."""
        self._watch.finalize(block_hashes)
        return self._watch.news()

    # ---------------------------------------------------------------------------- removing

    def remove_invalid(
        self, extrinsic_hash: bytes, reason: str, now_ms: int, *, ban: bool = True
    ) -> tuple[Told, ...]:
        """Remove and ban an extrinsic that turned out to be invalid.

        What depends on it waits for another in its place.
        """
        if ban:
            self.ban(extrinsic_hash, now_ms)
        entry = self._graph.all.entries.get(extrinsic_hash)
        if entry is not None:
            self._drop_invalid(entry, reason)
            self._trim_future()
        return self._watch.news()

    def remove(
        self, extrinsic_hashes: Collection[bytes], now_ms: int
    ) -> tuple[list[bytes], tuple[Told, ...]]:
        """Remove and ban at an operator's wish; return those that were here, and the news."""
        found = [each for each in extrinsic_hashes if each in self._graph.all.entries]
        told: list[Told] = []
        for extrinsic_hash in extrinsic_hashes:
            told += self.remove_invalid(extrinsic_hash, "removed by the node's operator", now_ms)
        return found, tuple(told)

    def give_up(self, extrinsic_hash: bytes, reason: str) -> tuple[Told, ...]:
        """Tell the watcher of an extrinsic outside the pool that it will not come back."""
        if extrinsic_hash not in self._graph.all.entries:
            self._watch.tell(extrinsic_hash, Invalid(reason))
        return self._watch.news()

    def ban(self, extrinsic_hash: bytes, now_ms: int) -> None:
        """Refuse an extrinsic for a while."""
        self._banned[extrinsic_hash] = now_ms + self.limits.ban_ms
        self._banned.move_to_end(extrinsic_hash)
        if len(self._banned) > self.limits.banned:
            self._banned.popitem(last=False)

    def unwatch(self, extrinsic_hash: bytes) -> None:
        """Stop telling of an extrinsic."""
        self._watch.watched.discard(extrinsic_hash)

    def _drop_invalid(self, entry: Waiting, reason: str) -> None:
        self._watch.tell(entry.hash, Invalid(reason))
        self._told_future(self._graph.remove(entry))

    def _trim_future(self) -> None:
        """Drop the least of the future queue until it is within its limits."""
        limits, future = self.limits, self._graph.future
        while len(future) > limits.future_count or future.size > limits.future_size:
            order = future.least_first()
            least = next(order)
            order.close()
            for victim in reversed(self._graph.with_dependants(least)):
                self._graph.remove(victim)
                self._watch.tell(victim.hash, Dropped())

    # -------------------------------------------------------------------------------- news

    def _told_ready(self, entries: Iterable[Waiting]) -> tuple[DecodedExtrinsic, ...]:
        ready = tuple(entry.extrinsic for entry in entries)
        if self._watch.watched:
            for extrinsic in ready:
                self._watch.tell(extrinsic.hash, Ready())
        return ready

    def _told_future(self, entries: Iterable[Waiting]) -> None:
        for entry in entries:
            self._watch.tell(entry.hash, Future())
