"""The page about pallets says what the code says."""

from __future__ import annotations

from gongshe.runtime.versions import SHIPPED
from tests.house.pallet_docs import PAGE, page


def test_the_page_about_pallets_is_fresh() -> None:
    latest = SHIPPED[max(SHIPPED)]
    assert PAGE.read_text("utf-8") == page(latest), (
        "docs/pallets.md is stale: run .venv/bin/python -m tests.house.pallet_docs"
    )


def test_every_call_is_on_the_page() -> None:
    text = PAGE.read_text("utf-8")
    for pallet in SHIPPED[max(SHIPPED)].pallets:
        assert f"\n## {pallet.name}\n" in text
        for call in pallet.declared.calls.values():
            assert f"`{call.name}(" in text
