"""Calls inside calls: how many there are, and what it costs to read them.

A batch names thousands of calls in a few bytes each, and a call whose sender states its weight
hides what its inner calls weigh. Reading them takes time before anybody can refuse to make them,
so it is charged with every extrinsic.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, get_args

from gongshe.primitives.types import ZERO_WEIGHT, Weight
from gongshe.runtime.pallet import Call, CallDefinition
from gongshe.runtime.weights import NESTED_CALL

DEFINITIONS_KEPT = 1_024
"""Calls of all spec versions of a program; each is looked at once."""


def nested_calls(call: Call) -> int:
    """Return the number of calls inside a call, at any depth."""
    count, stack = 0, [call]
    while stack:
        top = stack.pop()
        if not holds_calls(top.definition):
            continue
        for argument in top.arguments:
            if type(argument) is Call:
                stack.append(argument)
                count += 1
            elif type(argument) is tuple and argument and type(argument[0]) is Call:
                stack.extend(argument)
                count += len(argument)
    return count


def reading_weight(call: Call) -> Weight:
    """Return what it costs to read the calls inside a call."""
    count = nested_calls(call)
    return Weight(count * NESTED_CALL.ref_time, 0) if count else ZERO_WEIGHT


@lru_cache(maxsize=DEFINITIONS_KEPT)
def holds_calls(definition: CallDefinition) -> bool:
    """Tell whether calls of this kind have calls among their arguments."""
    return any(names_call(annotation) for _, annotation in definition.arguments)


def names_call(annotation: Any) -> bool:
    """Tell whether an annotation is a call, or a list or option of calls."""
    return annotation is Call or any(names_call(part) for part in get_args(annotation))
