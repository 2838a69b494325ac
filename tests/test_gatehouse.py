"""The `gatehouse` command itself."""

import tomllib
from pathlib import Path

from typer.testing import CliRunner

import gatehouse

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def test_it_says_which_version_it_is() -> None:
    said = CliRunner().invoke(gatehouse.app, ["--version"])
    declared = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["version"]
    assert (said.exit_code, said.output) == (0, f"gatehouse {declared}\n")
