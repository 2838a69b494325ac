from datetime import UTC, datetime

import pytest

from cloud_sync.link.clock import boot_id, system_clock
from domain.now import Trust


@pytest.mark.parametrize("trust", Trust)
def test_it_shows_the_machines_clocks_and_the_trust_it_was_given(trust: Trust) -> None:
    clock = system_clock(trust)
    before, one, other, after = datetime.now(UTC), clock(), clock(), datetime.now(UTC)
    assert before <= one.utc <= other.utc <= after
    assert 0 <= one.mono_ms <= other.mono_ms
    assert one.trust is trust


def test_a_boot_has_one_name() -> None:
    assert boot_id() == boot_id()
    assert len(boot_id()) == 36
