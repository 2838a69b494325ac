"""Write the API's OpenAPI document: `python -m cloud_sync.central.export_openapi docs/openapi.json`."""

import json
import sys
from pathlib import Path

from cloud_sync.central.app import api


def document() -> str:
    """The document as JSON, always the same for the same code."""
    return json.dumps(api().openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), encoding="utf-8")
