"""Pictures that a gate finds in its folder, and that are older than its lot's policy says."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloud_sync.link.v1.facts import Direction
from gate_firmware.frames import FrameFolder
from tests.gate_firmware.gate import SEAL, policy
from tests.gate_firmware.test_service import gate_settings, serving
from tests.parts import PATIENCE_S


@pytest.mark.usefixtures("nothing_is_read")
async def test_go_once_it_runs_and_those_that_are_younger_stay(tmp_path: Path) -> None:
    folder = gate_settings(tmp_path, Direction.EXIT).store.frames
    with closing(FrameFolder(folder, SEAL)) as kept:
        for passage_id, hours in (("old", 6), ("young", 4)):
            kept.add(passage_id, [b"\xff\xd8"], datetime.now(UTC) - timedelta(hours=hours))
    async with serving(tmp_path, Direction.EXIT, policy(frames_kept_h=5)), asyncio.timeout(PATIENCE_S):
        while (folder / "old-0.sealed").exists():  # noqa: ASYNC110  a thread that says nothing by itself
            await asyncio.sleep(0.01)
    assert (folder / "young-0.sealed").exists()
