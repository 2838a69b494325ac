"""What the tests of the link share."""

from pathlib import Path

import pytest

from tests.cloud_sync.link.ends import Ends


@pytest.fixture
def ends(tmp_path: Path) -> Ends:
    return Ends(tmp_path)
