"""Records: immutable values with named fields, built at C speed.

The only file that imports msgspec for the chain's own types; RPC messages have their own.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec import Struct, StructMeta

R = TypeVar("R", bound="Record")


class RecordMeta(StructMeta):
    """Makes every record frozen and gives it the facts that SCALE metadata needs."""

    def __new__(  # noqa: D102 - the class docstring says it
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        /,
        *,
        path: str = "",
        index: int | None = None,
        variant: str = "",
        unnamed: bool = False,
        **options: Any,
    ) -> RecordMeta:
        cls = super().__new__(mcls, name, bases, namespace, frozen=True, **options)
        facts: Any = cls
        facts.scale_path = path
        facts.scale_index = index
        facts.scale_variant = variant or name
        facts.scale_unnamed = unnamed
        return cls


class Record(Struct, metaclass=RecordMeta):
    """An immutable value with named fields, compared and hashed by content.

    Class arguments: `path` names the type in client metadata (`frame_system::AccountInfo`);
    `unnamed` says that clients see positional fields; `index` and `variant` are for variants.
    """

    scale_path: ClassVar[str]
    scale_index: ClassVar[int | None]
    scale_variant: ClassVar[str]
    scale_unnamed: ClassVar[bool]

    def __init_subclass__(
        cls, *, path: str = "", index: int | None = None, variant: str = "", unnamed: bool = False
    ) -> None:
        """Declare the class arguments for type checkers; the metaclass consumes them."""


class Variants(Record):
    """The parent of an enumeration's cases: each direct subclass with an `index` is one case.

    `class Signature(Variants, path="..."): ...` then
    `class Ed25519(Signature, index=0, unnamed=True): value: Bytes64`.
    """


def replace(record: R, **changes: Any) -> R:
    """Return a copy of `record` with the named fields changed."""
    return msgspec.structs.replace(record, **changes)
