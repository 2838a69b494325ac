"""What is asked of the real machine, and of a battery-backed clock as the kernel shows it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloud_sync.link.machine import RTC_OFF_S_MAX, Machine

NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)


def test_it_shows_the_machines_clocks() -> None:
    machine = Machine()
    before, one, other, after = datetime.now(UTC), machine.utc(), machine.utc(), datetime.now(UTC)
    assert before <= one <= other <= after
    assert 0 <= machine.mono_ms() <= machine.mono_ms()


def test_a_boot_has_one_name() -> None:
    assert Machine().boot == Machine().boot
    assert len(Machine().boot) == 36


def test_the_kernel_answers_whether_a_time_server_disciplines_it() -> None:
    assert Machine().is_disciplined() in (True, False)


@pytest.mark.parametrize(("answer", "disciplined"), [(0, True), (1, True), (4, True), (5, False), (-1, False)])
def test_all_that_it_says_but_error_means_yes(answer: int, disciplined: bool) -> None:
    assert Machine(kernel=lambda _timex: answer).is_disciplined() is disciplined


def test_a_kernel_that_may_not_be_asked_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine(kernel=lambda _timex: -1)
    assert not any(machine.is_disciplined() for _ in range(3))
    assert [record.message for record in caplog.records] == ["clock.kernel_silent"]


def rtc(folder: Path, *shows: str) -> Machine:
    for number, text in enumerate(shows):
        (folder / f"rtc{number}").mkdir()
        (folder / f"rtc{number}" / "since_epoch").write_text(text, encoding="ascii")
    return Machine(rtcs=folder)


class TestABatteryBackedClock:
    @pytest.mark.parametrize("off_s", [-RTC_OFF_S_MAX, 0, RTC_OFF_S_MAX])
    def test_agrees(self, tmp_path: Path, off_s: int) -> None:
        assert rtc(tmp_path, f"{int(NOON.timestamp()) + off_s}\n").has_rtc_at(NOON)

    @pytest.mark.parametrize("shows", ["0\n", "946684800\n", f"{int((NOON + timedelta(days=1)).timestamp())}\n", ""])
    def test_that_has_lost_its_time_or_never_had_it_does_not(self, tmp_path: Path, shows: str) -> None:
        assert not rtc(tmp_path, shows).has_rtc_at(NOON)

    def test_of_two_one_is_enough(self, tmp_path: Path) -> None:
        assert rtc(tmp_path, "0\n", f"{int(NOON.timestamp())}\n").has_rtc_at(NOON)

    def test_that_answers_with_an_error_does_not(self, tmp_path: Path) -> None:
        (tmp_path / "rtc0" / "since_epoch").mkdir(parents=True)
        assert not Machine(rtcs=tmp_path).has_rtc_at(NOON)

    def test_is_not_there(self, tmp_path: Path) -> None:
        assert not Machine(rtcs=tmp_path / "none").has_rtc_at(NOON)
