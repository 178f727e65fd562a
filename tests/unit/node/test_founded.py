"""A directory's chain: founded once, known again by its note, and by building where that fails."""

from pathlib import Path

import pytest

from gongshe.genesis.presets import dev, local
from gongshe.genesis.spec import ChainSpec
from gongshe.node import founded
from gongshe.node.config import NodeConfig
from gongshe.node.founded import NOTE, digest, noted, open_chain
from gongshe.primitives.records import replace
from gongshe.storage.blocks import Blocks
from gongshe.storage.database import StoreMismatch


def settings(place: Path, chain: ChainSpec) -> NodeConfig:
    return NodeConfig(replace(chain, id="same"), place)


def genesis_of(config: NodeConfig) -> bytes:
    database = open_chain(config)
    found = Blocks(database).canonical(0)
    database.close()
    assert found is not None
    return found


def test_a_chain_is_found_again_without_being_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings(tmp_path, dev())
    first = genesis_of(config)

    monkeypatch.delattr(founded, "build")
    assert genesis_of(config) == first


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"source": "00", "genesis": "00"}'])
def test_a_note_that_does_not_fit_is_written_again(tmp_path: Path, text: str | None) -> None:
    config = settings(tmp_path, dev())
    first = genesis_of(config)
    file = config.directory / NOTE
    if text is None:
        file.unlink()
    else:
        file.write_text(text)

    assert genesis_of(config) == first
    assert noted(config.directory, digest(config.chain)) == first


def test_another_spec_is_refused(tmp_path: Path) -> None:
    genesis_of(settings(tmp_path, dev()))
    with pytest.raises(StoreMismatch, match="holds the chain with genesis"):
        open_chain(settings(tmp_path, local()))


def test_a_digest_names_the_spec() -> None:
    assert digest(dev()) == digest(dev())
    assert digest(dev()) != digest(local())
