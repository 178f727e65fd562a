"""Walks over sets, found in source text.

No type checker runs here; a name counts as a set where it is annotated as one or where a set is
assigned to it. That is what a person sees too: an alias that hides a set would not be seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

SET_TYPES = {"set", "frozenset", "Set", "FrozenSet", "AbstractSet", "MutableSet"}
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference"}
SET_OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)

ORDER_BLIND = {"sorted", "len", "sum", "min", "max", "any", "all", "set", "frozenset", "bool"}
"""Calls that give the same answer in whatever order a set is walked."""

ORDER_KEEPING = {"list", "tuple", "iter", "enumerate", "zip", "map", "filter", "dict", "deque"}
"""Calls that carry the order of a set into their answer."""

ORDER_KEEPING_METHODS = {"join", "fromkeys", "extend", "from_iterable"}


def iterations_over_sets(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield every place where the order of a set could reach a result."""
    names = _names_of_sets(tree)
    blind = _inside_order_blind_calls(tree)
    for node in ast.walk(tree):
        if any(_is_set(walked, names) for walked in _walked_by(node)) and id(node) not in blind:
            yield node


def _walked_by(node: ast.AST) -> list[ast.expr]:
    """Return the expressions whose order `node` follows."""
    if isinstance(node, ast.For):
        return [node.iter]
    if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp):
        return [generator.iter for generator in node.generators]
    if isinstance(node, ast.Starred | ast.YieldFrom):
        return [node.value]
    if isinstance(node, ast.Call):
        return _walked_by_call(node)
    return []


def _walked_by_call(call: ast.Call) -> list[ast.expr]:
    if isinstance(call.func, ast.Name) and call.func.id in ORDER_KEEPING:
        return list(call.args)
    if isinstance(call.func, ast.Attribute):
        if call.func.attr in ORDER_KEEPING_METHODS:
            return list(call.args)
        if call.func.attr == "pop" and not call.args:
            return [call.func.value]
    return []


def _is_set(node: ast.expr, names: set[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in names
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.Call(func=ast.Attribute(attr=method)):
            return method in SET_METHODS
        case ast.BinOp(left=left, op=operator, right=right) if isinstance(operator, SET_OPERATORS):
            return any(_is_set(side, names) or _is_keys(side) for side in (left, right))
    return False


def _is_keys(node: ast.expr) -> bool:
    """Tell whether this is `mapping.keys()`, which set operators turn into a set."""
    return isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"keys", "items"}


def _names_of_sets(tree: ast.Module) -> set[str]:
    """Return the variables, parameters and attributes that hold sets anywhere in the file."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and _is_set_type(node.annotation):
            names.add(_name(node.target))
        elif isinstance(node, ast.arg) and node.annotation and _is_set_type(node.annotation):
            names.add(node.arg)
        elif isinstance(node, ast.Assign) and _is_set(node.value, names):
            names.update(_name(target) for target in node.targets)
    return names - {""}


def _is_set_type(annotation: ast.expr) -> bool:
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    return _name(annotation) in SET_TYPES


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _inside_order_blind_calls(tree: ast.Module) -> set[int]:
    """Return the arguments of calls that do not care for order, such as `sorted(x for x in s)`."""
    return {
        id(argument)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ORDER_BLIND
        for argument in node.args
    }
