"""What is shown in words is read back as the same value, for every call there is."""

from __future__ import annotations

import enum
import json
from functools import cache
from typing import Annotated, Any, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongshe.primitives.records import Record, Variants
from gongshe.primitives.scale import AtMost, Compact, FixedBytes, SInt, UInt
from gongshe.primitives.schema import cases_of
from gongshe.runtime.arguments import ArgumentRefused, read_call, read_value
from gongshe.runtime.display import hints_of, show, show_call
from gongshe.runtime.pallet import Call, CallDefinition, RuntimeCall
from gongshe.runtime.versions import SHIPPED

RULES = SHIPPED[max(SHIPPED)]
CALLS = {
    f"{pallet.name}.{call.name}": call
    for pallet in RULES.pallets
    for call in pallet.declared.calls.values()
}
LEAVES = [call for call in CALLS.values() if "Call" not in str(call.arguments)]


@cache
def values(hint: Any) -> st.SearchStrategy[Any]:
    """Every value of an annotated type, lists kept short."""
    arguments = get_args(hint)
    if hint is RuntimeCall:
        return st.sampled_from(LEAVES).flatmap(calls)
    if get_origin(hint) is Annotated:
        return marked(arguments[0], arguments[1])
    if type(None) in arguments:
        return st.none() | values(next(each for each in arguments if each is not type(None)))
    if hint is bool:
        return st.booleans()
    if get_origin(hint) is tuple:
        return st.tuples(*map(values, arguments))
    if issubclass(hint, enum.IntEnum):
        return st.sampled_from(list(hint))
    if issubclass(hint, Variants):
        return st.deferred(lambda: st.one_of([records(case) for case in cases_of(hint)]))
    return records(hint)


def marked(base: Any, mark: Any) -> st.SearchStrategy[Any]:
    match mark:
        case UInt(size) | Compact(size):
            return st.integers(0, (1 << 8 * size) - 1)
        case SInt(size):
            return st.integers(-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1)
        case FixedBytes(length, _):
            return st.binary(min_size=length, max_size=length)
        case AtMost(most) if base is bytes:
            return st.binary(max_size=min(most, 40))
        case AtMost(most) if base is str:
            return st.text(max_size=min(most, 10))
        case AtMost(most):
            return st.lists(values(get_args(base)[0]), max_size=min(most, 3)).map(tuple)
    return st.integers(0, (1 << 60) - 1)


def records(record: type[Record]) -> st.SearchStrategy[Any]:
    hints = hints_of(record)
    parts = [values(hints[name]) for name in record.__struct_fields__]
    return st.tuples(*parts).map(lambda given: record(*given))


def calls(definition: CallDefinition) -> st.SearchStrategy[Call]:
    parts = [values(hint) for _, hint in definition.arguments]
    return st.tuples(*parts).map(lambda given: Call(definition, given))


@pytest.mark.parametrize("name", list(CALLS))
@settings(max_examples=15)
@given(data=st.data())
def test_a_call_shown_is_read_back(name: str, data: st.DataObject) -> None:
    call = data.draw(calls(CALLS[name]))
    shown = json.loads(json.dumps(show_call(RULES, call)))
    assert f"{shown['pallet']}.{shown['call']}" == name
    again = read_call(RULES, name, shown["args"])
    assert RULES.call_codec.encode(again) == RULES.call_codec.encode(call)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["pallet", "call", "args", "Id", "System", "remark"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(
    hint=st.sampled_from([hint for each in CALLS.values() for _, hint in each.arguments]), word=JSON
)
def test_other_words_are_refused_or_mean_something(hint: Any, word: Any) -> None:
    """Whatever stands there, the answer is a value that shows itself again, or a refusal."""
    try:
        value = read_value(RULES, word, hint, "argument")
    except ArgumentRefused as refused:
        assert "expected" in str(refused)  # noqa: PT017 - either outcome is right
    else:
        show(RULES, value, hint)
