"""How often Python looks for cycles of garbage: seldom, since a node hardly makes any."""

from __future__ import annotations

import gc

FIRST_THRESHOLD = 50_000
"""Objects made and not freed before the youngest are looked at: 10 MB of small ones. With
Python's 700 the thousands of records of a block are walked again and again while it is executed,
which takes a tenth of an import."""

LATER_THRESHOLDS = (10, 10)
"""Collections of one generation before the next older one is looked at; as Python has them."""


def settle() -> None:
    """Leave aside what start-up built, for it lives for ever, and collect seldom from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(FIRST_THRESHOLD, *LATER_THRESHOLDS)
