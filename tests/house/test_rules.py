"""The house rules hold in every file, and each rule is able to fail."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable, Iterator

import pytest

from tests.house import rules
from tests.house.doors import DOORS
from tests.house.sources import PACKAGE, ROOT, Source, package_sources, read_source

Rule = Callable[[Source], Iterator[str]]


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: Rule) -> None:
    complaints = [complaint for source in package_sources() for complaint in rule(source)]
    assert not complaints, "\n".join([str(rule.__doc__), *complaints])


VIOLATIONS = [
    (rules.floats, "runtime/fees.py", "RATE = 0.5"),
    (rules.floats, "consensus/slots.py", "half = slot / 2"),
    (rules.floats, "primitives/arithmetic.py", "total /= 3"),
    (rules.floats, "runtime/fees.py", "from operator import truediv\ntruediv(1, 2)"),
    (rules.unstable_calls, "runtime/overlay.py", "bucket = hash(key) % 16"),
    (rules.unstable_calls, "runtime/overlay.py", "file = open('state')"),
    (rules.unstable_calls, "consensus/slots.py", "mark = id(slot)"),
    (rules.set_iteration, "runtime/sessions.py", "for who in {1, 2}: pass"),
    (rules.set_iteration, "runtime/sessions.py", "seen = set()\nnames = [who for who in seen]"),
    (rules.set_iteration, "runtime/sessions.py", "def f(seen: set[int]):\n    return list(seen)"),
    (rules.set_iteration, "runtime/sessions.py", "first = frozenset(names).pop()"),
    (rules.set_iteration, "runtime/sessions.py", "for key in old.keys() - new.keys(): pass"),
    (rules.set_iteration, "consensus/votes.py", "text = b''.join({b'a', b'b'})"),
    (rules.pure_imports, "runtime/overlay.py", "import time"),
    (rules.pure_imports, "primitives/keys.py", "def entropy():\n    import secrets"),
    (rules.pure_imports, "consensus/slots.py", "from os.path import join"),
    (rules.doors, "storage/states.py", "import plyvel"),
    (rules.doors, "rpc/methods_chain.py", "from h11 import Request"),
    (rules.doors, "node/service.py", "import some_new_library"),
    (rules.type_checking, "chain/pool.py", "import typing\nif typing.TYPE_CHECKING: pass"),
    (rules.bare_packages, "chain/__init__.py", '"""The chain."""\nfrom gongshe import node'),
    (rules.lengths, "chain/pool.py", "def long():\n" + "    pass\n" * rules.FUNCTION_LINES),
    (rules.lengths, "chain/pool.py", "#\n" * (rules.FILE_LINES + 1)),
    (rules.plain_names, "chain/pool.py", "class PoolManager: ..."),
    (rules.plain_names, "chain/pool.py", "def get_block(): ..."),
    (rules.plain_names, "chain/utils.py", ""),
    (rules.unfinished, "chain/pool.py", "# TO" + "DO: bound this"),
]


@pytest.mark.parametrize(
    ("rule", "place", "text"), VIOLATIONS, ids=lambda value: getattr(value, "__name__", "")
)
def test_each_rule_catches_a_planted_violation(rule: Rule, place: str, text: str) -> None:
    assert list(rule(read_source(place, text)))


INNOCENT = [
    (rules.floats, "node/metrics.py", "RATE = 0.5"),
    (rules.floats, "runtime/fees.py", "half = total // 2"),
    (rules.unstable_calls, "runtime/overlay.py", "name = pallet.id(key)"),
    (rules.set_iteration, "runtime/sessions.py", "seen = {1, 2}\nfor who in sorted(seen): pass"),
    (
        rules.set_iteration,
        "runtime/sessions.py",
        "seen = {1}\nknown = all(who in seen for who in x)",
    ),
    (rules.set_iteration, "runtime/sessions.py", "seen = {1}\nlow = sorted(who for who in seen)"),
    (rules.set_iteration, "runtime/sessions.py", "for key in {1: 2}: pass"),
    (rules.pure_imports, "runtime/items.py", "from collections.abc import Iterator"),
    (rules.pure_imports, "node/clock.py", "import time"),
    (rules.doors, "storage/leveldb.py", "import plyvel"),
    (rules.lengths, "runtime/weights.py", "#\n" * (rules.FILE_LINES + 1)),
    (rules.plain_names, "storage/database.py", '"""Database."""\nclass Database: ...'),
]


@pytest.mark.parametrize(
    ("rule", "place", "text"), INNOCENT, ids=lambda value: getattr(value, "__name__", "")
)
def test_no_rule_complains_of_what_is_right(rule: Rule, place: str, text: str) -> None:
    assert not list(rule(read_source(place, text)))


def test_every_rule_has_a_planted_violation() -> None:
    assert {rule for rule, _, _ in VIOLATIONS} == set(rules.RULES)


def test_every_library_behind_a_door_is_a_declared_dependency() -> None:
    """Something that only the development extras bring would break an installed node."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = " ".join(project["dependencies"]).lower()
    assert [name for name, door in DOORS.items() if door.distribution not in declared] == []


def test_every_file_can_be_read() -> None:
    """A rule that reads nothing holds nothing."""
    assert len(package_sources()) == len(list(PACKAGE.rglob("*.py")))
    assert all(isinstance(source.tree, ast.Module) for source in package_sources())
