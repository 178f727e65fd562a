"""The linters hold what pyproject.toml asks of them: each contract is seen to fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.sources import PACKAGE, ROOT

CONTRACTS = {
    "A room imports from rooms below it": {
        "primitives/planted.py": "from gongshe.node import planted",
        "node/planted.py": "",
    },
    "Nothing imports in a circle": {
        "chain/planted_egg.py": "from gongshe.chain import planted_hen",
        "chain/planted_hen.py": "def lay():\n    from gongshe.chain import planted_egg",
    },
    "Pure rooms know no clock": {"consensus/planted.py": "import time"},
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the package and its settings, free to be spoiled."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "gongshe", ignore=ignored)
    return tmp_path


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_planted_import_breaks_its_contract(copy: Path, contract: str) -> None:
    plant(copy, CONTRACTS[contract])
    result = lint_imports(copy)
    assert result.returncode != 0
    verdict = next(line for line in result.stdout.splitlines() if line.startswith(contract))
    assert verdict.endswith("BROKEN")


def test_a_room_without_a_layer_is_refused(copy: Path) -> None:
    plant(copy, {"attic/__init__.py": '"""A room that nobody placed."""'})
    result = lint_imports(copy)
    assert result.returncode != 0
    assert "attic" in result.stdout


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("D103", '"""Planted."""\n\n\ndef lay(egg: int) -> int:\n    return egg + 1\n'),
        ("D100", "EGG = 1\n"),
        ("T201", '"""Planted."""\n\nprint("egg")\n'),
        ("TID252", '"""Planted."""\n\nfrom . import pool\n'),
        ("DTZ005", '"""Planted."""\n\nimport datetime\n\nNOW = datetime.datetime.now()\n'),
    ],
)
def test_ruff_refuses_a_planted_line(copy: Path, code: str, text: str) -> None:
    plant(copy, {"chain/planted.py": text})
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "gongshe/chain/planted.py"]
    result = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert code in result.stdout


def plant(copy: Path, files: dict[str, str]) -> None:
    """Write files into the copied package."""
    for place, text in files.items():
        path = copy / "gongshe" / place
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")


def lint_imports(copy: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the copy, which the path puts before the installed package."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    return subprocess.run(
        [*command, "--no-cache", "--no-logo"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
