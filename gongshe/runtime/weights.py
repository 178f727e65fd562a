"""What each call costs: picoseconds of one reference core, and bytes of proof.

`benchmarks/weights.py` measures kinds of calls, holds these figures against them and proposes new
ones; a person writes them here, with room to spare, since weights change only with a spec version.
A call's weight covers its dispatch with cold reads, without its signature and without what every
extrinsic costs (BASE_EXTRINSIC).
"""

from __future__ import annotations

from gongshe.primitives.types import Weight

MICROSECOND = 1_000_000
"""Picoseconds in a microsecond."""

PROOF_PER_READ = 128
"""Bytes of proof counted for each value a call reads: mostly shared branches, amortised."""


def cost(microseconds: int, reads: int = 0) -> Weight:
    """Return the weight of a call by its measured time and the values it reads."""
    return Weight(microseconds * MICROSECOND, reads * PROOF_PER_READ)


READ = cost(8, reads=1)
WRITE = cost(12)
BASE_BLOCK = cost(2_000)
BASE_EXTRINSIC = cost(40, reads=1)
NESTED_CALL = cost(6)
"""Reading a call inside another, asking what it may cost, and writing it again to be hashed."""
