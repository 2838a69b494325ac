"""The committed OpenAPI document is the app's."""

import subprocess
import sys
from pathlib import Path

from cloud_sync.central.export_openapi import document

COMMITTED = Path(__file__).parents[3] / "docs" / "openapi.json"


def test_the_committed_document_is_the_apps() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == document(), (
        "run python -m cloud_sync.central.export_openapi docs/openapi.json"
    )


def test_the_command_writes_it(tmp_path: Path) -> None:
    written = tmp_path / "openapi.json"
    subprocess.run([sys.executable, "-m", "cloud_sync.central.export_openapi", str(written)], check=True)
    assert written.read_text(encoding="utf-8") == document()
