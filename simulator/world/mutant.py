"""A deliberate fault: a patch applied to a copy of the source tree, and the campaign played on that copy."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from domain.errors import OperatorError

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "lpr", "hardware", "gate_firmware", "hub", "cloud_sync", "simulator", "gatehouse.py")


def play_mutant(patch: Path, arguments: Sequence[str]) -> int:
    """The exit status of `gatehouse` with these arguments, where the patch is applied to its source.

    Raises OperatorError where the patch does not fit.
    """
    with tempfile.TemporaryDirectory(prefix="gatehouse-mutant-") as name:
        tree = Path(name)
        for package in PACKAGES:
            source = ROOT / package
            if source.is_dir():
                shutil.copytree(source, tree / package)
            else:
                shutil.copy(source, tree / package)
        git = ["git", "-C", str(tree), "apply", "--whitespace=nowarn", str(patch.resolve())]
        # Git would otherwise look for a repository around the folder, and apply the patch relative to that.
        applied = subprocess.run(  # noqa: S603  git, with a patch that the operator names
            git,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        if applied.returncode != 0:
            raise OperatorError("patch_unfit", f"{patch} does not apply: {applied.stderr.strip()}")
        command = [sys.executable, "-m", "gatehouse", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(tree)}
        return subprocess.run(command, cwd=tree, env=environment, check=False).returncode  # noqa: S603  our own
