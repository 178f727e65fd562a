"""Who gives way to whom: replacement of the same nonce, and room in a full pool.

Everything is decided before anything is removed, so that an extrinsic which does not enter has
pushed nobody out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gongshe.chain.pool_entries import Queue, Waiting
from gongshe.chain.pool_graph import PoolGraph
from gongshe.chain.pool_records import (
    REPLACEMENT_PERCENT,
    PoolLimits,
    PoolRefused,
    RefusalKind,
)


def demand_more(entry: Waiting, rivals: Sequence[Waiting]) -> None:
    """Refuse a replacement that is not worth enough more than what it replaces."""
    present = sum(rival.priority for rival in rivals)
    needed = max(-(-present * REPLACEMENT_PERCENT // 100), present + 1)
    if entry.priority < needed:
        raise PoolRefused(
            RefusalKind.PRIORITY_TOO_LOW,
            "TooLowPriority",
            expected=f"priority {needed}, a tenth more than what it replaces",
            found=f"priority {entry.priority}",
            hint=f"nonce {entry.nonce} is taken by a waiting extrinsic: use the next nonce, "
            f"or replace it, which {tip_needed(entry, needed)}",
        )


def make_room(
    graph: PoolGraph, limits: PoolLimits, entry: Waiting, rivals: Sequence[Waiting]
) -> Iterable[Waiting]:
    """Return those that must go for the new one; PoolRefused if they are worth as much."""
    held = graph.all
    if not entry.missing and len(held) < limits.count and held.size + entry.charge <= limits.size:
        return ()
    victims: dict[int, Waiting] = {}
    if entry.missing:
        waiting = [rival for rival in rivals if rival.missing]
        share = (graph.future, limits.future_count, limits.future_size)
        _choose(graph, share, entry, waiting, victims)
    _choose(graph, (held, limits.count, limits.size), entry, rivals, victims)
    return reversed(victims.values())  # dependants before what they depend on


def _choose(
    graph: PoolGraph,
    share: tuple[Queue, int, int],
    entry: Waiting,
    rivals: Sequence[Waiting],
    victims: dict[int, Waiting],
) -> None:
    """Add to `victims` until a queue has room for the new one in the place of its rivals."""
    queue, count, size = share
    over_count = len(queue) + 1 - len(rivals) - len(victims) - count
    if over_count <= 0 and queue.size + entry.charge <= size:
        return
    leaving = sum(each.charge for each in (*rivals, *victims.values()))
    over_size = queue.size + entry.charge - leaving - size
    if over_count <= 0 and over_size <= 0:
        return
    order = queue.least_first()
    try:
        for least in order:
            if least in rivals or least.rank[2] in victims:
                continue
            if least.priority >= entry.priority:
                raise pool_full(graph, entry, least.priority, queue)
            for victim in graph.with_dependants(least):
                if victim in rivals or any(tag in entry.needs for tag in victim.provides):
                    raise pool_full(graph, entry, least.priority, queue)
                if victim.rank[2] not in victims:
                    victims[victim.rank[2]] = victim
                    over_count, over_size = over_count - 1, over_size - victim.charge
            if over_count <= 0 and over_size <= 0:
                return
    finally:
        order.close()
    raise PoolRefused(
        RefusalKind.POOL_FULL,
        "ImmediatelyDropped",
        expected=f"at most {size} bytes, memory of nested calls included",
        found=f"{entry.charge} bytes",
        hint="split it; no pool of this size can hold it",
    )


def pool_full(graph: PoolGraph, entry: Waiting, least: int, queue: Queue) -> PoolRefused:
    """Return the refusal of an extrinsic that is worth no more than the least in a full pool."""
    place, way = "pool", "try again in some blocks"
    if queue is graph.future:
        place = "part of the pool for extrinsics whose nonce has not come"
        way = "send the earlier nonces first"
    return PoolRefused(
        RefusalKind.POOL_FULL,
        "ImmediatelyDropped",
        expected=f"priority above {least}, the least in a full {place}",
        found=f"priority {entry.priority}",
        hint=f"{way}, or pay for the place: it {tip_needed(entry, least + 1)}",
    )


def tip_needed(entry: Waiting, priority: int) -> str:
    """Say which tip would give this priority (FRAME's is a factor times the tip plus one)."""
    signature = entry.extrinsic.signature
    tip = signature.tip if signature else 0
    factor = entry.priority // (tip + 1)
    if factor == 0 or factor * (tip + 1) != entry.priority:
        return f"needs priority >= {priority}"
    return f"needs tip >= {-(-priority // factor) - 1}"
