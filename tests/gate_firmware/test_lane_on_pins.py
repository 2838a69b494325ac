"""What people, loops and barriers do on a street, by the contacts, and what the relays do: mock pins, moved time."""

import pytest

from cloud_sync.link.v1.facts import LaneNoted, Mode, Noted
from domain.admission import Reason
from gate_firmware.arm import CLOSE_TRIES_MAX
from gate_firmware.arrival_watch import MOMENT_MS
from gate_firmware.events import ById, Identified, ModeSet, OpenedBy, Sight
from gate_firmware.lane_states import State
from gate_firmware.under_arm import UNNOTICED_MAX
from hardware.wiring import InputName
from tests.gate_firmware.gate import MOTION_MS_MAX, OTHER, TIMING, Gate, rid, right
from tests.gate_firmware.on_pins import RISE_MS, STEP_MS, Built, Site

OPEN, CLOSE = "open_relay", "close_relay"


@pytest.fixture
def site(entry: Gate, built: Built) -> Site:
    """An entry that expects one car."""
    entry.hub_says(right(end=9))
    return built(entry)


@pytest.fixture
def out(exit_: Gate, built: Built) -> Site:
    """An exit."""
    return built(exit_)


def noted(site: Site) -> list[Noted]:
    return [said.what for said in site.gate.told(LaneNoted)]


def passed(site: Site) -> list[str | None]:
    return [said.reservation_id for said in site.gate.passages]


def test_a_car_comes_in_and_the_arm_closes_behind_it(site: Site) -> None:
    site.comes()
    site.pass_ms(RISE_MS + STEP_MS)
    site.drives_through()
    site.pass_ms(RISE_MS + 1_000)
    assert site.pulses == [OPEN, CLOSE]
    assert passed(site) == [rid(1)]
    assert site.gate.alarms == []


@pytest.mark.parametrize("name", ["safety_loop", "photocell"])
def test_it_never_closes_on_an_occupied_safety_loop_or_photocell(site: Site, name: InputName) -> None:
    site.comes()
    site.pass_ms(RISE_MS + STEP_MS)
    site.set("safety_loop", active=True)
    site.set("arrival_loop", active=False)
    site.set(name, active=True)
    if name != "safety_loop":
        site.set("safety_loop", active=False)
    site.pass_ms(2 * TIMING.drive_ms_max)
    assert site.pulses == [OPEN]
    assert site.gate.alarms == ["lane-blocked"]
    site.set(name, active=False)
    assert site.pulses == [OPEN, CLOSE]


@pytest.mark.parametrize("name", ["safety_loop", "photocell"])
def test_a_closing_arm_goes_up_again_over_whoever_comes_under_it(site: Site, name: InputName) -> None:
    site.comes()
    site.pass_ms(RISE_MS + STEP_MS)
    site.drives_through()
    site.pass_ms(RISE_MS // 2)
    site.set(name, active=True)
    site.pass_ms(2 * RISE_MS)
    assert site.pulses == [OPEN, CLOSE, OPEN]
    assert site.devices.barrier.position.value == "up"
    site.set(name, active=False)
    assert site.pulses == [OPEN, CLOSE, OPEN, CLOSE]


class TestALimitSwitchThatIs:
    """Stuck, or whose cable is cut. The arm is where the relays have sent it, whatever they say."""

    @pytest.fixture(params=["site", "out"])
    def lane(self, request: pytest.FixtureRequest) -> Site:
        """An entry and an exit."""
        site: Site = request.getfixturevalue(request.param)
        return site

    @pytest.mark.parametrize("guard", ["safety_loop", "photocell"])
    @pytest.mark.parametrize("broken", ["limit_up", "limit_down"])
    @pytest.mark.parametrize("active", [True, False], ids=["welded", "cut"])
    def test_broken_lets_no_arm_down_on_who_comes_under_it(
        self, lane: Site, broken: InputName, active: bool, guard: InputName
    ) -> None:
        """The one before has passed, and its arm is half-way down."""
        lane.stick(broken, active=active)
        lane.comes()
        lane.pass_ms(RISE_MS + STEP_MS)
        lane.drives_through()
        while lane.pulses[-1] is not CLOSE:
            lane.pass_ms(STEP_MS)
        lane.pass_ms(RISE_MS // 2)
        before = len(lane.pulses)
        lane.set(guard, active=True)
        lane.pass_ms(STEP_MS)
        assert lane.pulses[before:] == [OPEN]
        lane.pass_ms(10 * MOTION_MS_MAX)
        assert set(lane.pulses[before:]) == {OPEN}
        assert lane.arm_is_up

    @pytest.mark.parametrize("broken", ["limit_up", "limit_down"])
    def test_welded_is_an_alarm_that_names_it_once(self, lane: Site, broken: InputName) -> None:
        for _ in range(3):
            if broken == "limit_down":
                lane.stick(broken, active=True)
            lane.comes()
            lane.pass_ms(MOTION_MS_MAX)
            lane.stick(broken, active=True)
            lane.drives_through()
            lane.pass_ms(10 * MOTION_MS_MAX)
        told = dict(zip(lane.gate.alarms, lane.gate.alarm_details, strict=True))
        assert lane.gate.alarms.count("limit-switch") == 1
        assert told["limit-switch"].startswith(f"{broken} has not opened")

    @pytest.mark.parametrize("broken", ["limit_up", "limit_down"])
    def test_cut_is_an_arm_that_does_not_arrive(self, lane: Site, broken: InputName) -> None:
        lane.stick(broken, active=False)
        lane.comes()
        lane.pass_ms(MOTION_MS_MAX)
        lane.drives_through()
        lane.pass_ms(10 * MOTION_MS_MAX)
        assert set(lane.gate.alarms) == {"arm-stuck"}
        assert len(lane.gate.passages) == 1

    def test_mended_serves_the_lane_again(self, site: Site) -> None:
        site.stick("limit_down", active=True)
        site.comes()
        site.pass_ms(RISE_MS + STEP_MS)
        site.drives_through()
        site.pass_ms(10 * MOTION_MS_MAX)
        site.stick("limit_down", active=False)
        del site.stuck["limit_down"]
        site.pass_ms(MOTION_MS_MAX)
        assert site.gate.lane.state is State.IDLE
        before = len(site.pulses)
        site.set("safety_loop", active=True)
        site.pass_ms(1_000)
        assert site.pulses[before:] == [], "nobody opens it by driving up to it"


def test_a_car_that_backs_out(site: Site) -> None:
    site.comes()
    site.pass_ms(RISE_MS + STEP_MS)
    site.set("arrival_loop", active=False)
    site.pass_ms(TIMING.gap_ms_max)
    assert site.pulses == [OPEN, CLOSE]
    assert noted(site) == [Noted.BACKED_OUT]
    assert passed(site) == []


def test_a_car_that_rolls_onto_the_safety_loop_and_back_before_the_arm_has_risen(site: Site) -> None:
    site.comes()
    site.set("safety_loop", active=True)
    site.set("safety_loop", active=False)
    assert passed(site) == []
    site.pass_ms(RISE_MS + STEP_MS)
    site.drives_through()
    assert passed(site) == [rid(1)]


def test_a_second_car_on_the_arrival_loop_while_the_arm_is_up(site: Site) -> None:
    site.comes()
    site.pass_ms(RISE_MS + STEP_MS)
    site.set("safety_loop", active=True)
    site.set("arrival_loop", active=False)
    site.set("arrival_loop", active=True)
    site.set("safety_loop", active=False)
    site.read(Sight.STRANGER, OTHER)
    site.pass_ms(RISE_MS + 1_000)
    assert site.pulses == [OPEN, CLOSE]
    assert passed(site) == [rid(1)]
    assert [said.reason.value for said in site.gate.decisions] == ["booked", "no_booking"]


def test_a_second_passage_on_one_opening(site: Site) -> None:
    site.comes()
    site.pass_ms(RISE_MS + STEP_MS)
    site.drives_through()
    site.pass_ms(2 * STEP_MS)
    site.set("arrival_loop", active=True)
    site.drives_through()
    site.pass_ms(RISE_MS + 1_000)
    assert site.pulses == [OPEN, CLOSE, OPEN, CLOSE]
    assert passed(site) == [rid(1), None]
    assert noted(site) == [Noted.TAILGATED]


def test_an_arrival_loop_that_is_stuck_on(site: Site, out: Site) -> None:
    site.comes(Sight.UNSURE)
    site.pass_ms(TIMING.stuck_ms + TIMING.retry_ms)
    assert site.pulses == []
    out.set("arrival_loop", active=True)
    out.pass_ms(5 * TIMING.drive_ms_max)
    assert out.pulses == [OPEN, CLOSE, OPEN, CLOSE, OPEN], "and stays up"
    assert site.gate.alarms == out.gate.alarms == ["arrival-loop-stuck"]


def test_an_arrival_loop_that_is_stuck_off(site: Site, out: Site) -> None:
    for lane in (site, out):
        lane.set("safety_loop", active=True)
        lane.pass_ms(TIMING.exit_identify_ms_max + RISE_MS)
    assert (site.pulses, out.pulses) == ([], [OPEN])
    assert (site.gate.alarms, out.gate.alarms) == (["uninvited-car"], ["arrival-loop-silent"])
    out.set("safety_loop", active=False)
    assert len(out.gate.passages) == 1


def test_a_safety_loop_that_is_stuck_on(site: Site) -> None:
    site.comes()
    site.pass_ms(RISE_MS + STEP_MS)
    site.set("safety_loop", active=True)
    site.set("arrival_loop", active=False)
    site.pass_ms(2 * TIMING.drive_ms_max)
    site.comes(Sight.STRANGER)
    site.pass_ms(MOMENT_MS)
    site.set("arrival_loop", active=False)
    assert site.pulses == [OPEN]
    assert passed(site) == [rid(1), None]
    assert site.gate.alarms == ["lane-blocked"]


def test_a_safety_loop_that_is_stuck_off(site: Site) -> None:
    for _ in range(UNNOTICED_MAX):
        site.comes()
        site.pass_ms(RISE_MS + STEP_MS)
        site.set("arrival_loop", active=False)
        site.pass_ms(TIMING.gap_ms_max + RISE_MS + 1_000)
    assert site.pulses == [OPEN, CLOSE] * UNNOTICED_MAX
    assert passed(site) == [rid(1)]
    assert site.gate.alarms == ["safety-loop-silent", "passage-unseen"]


def test_and_where_the_photocell_sees_what_it_does_not(site: Site) -> None:
    site.comes()
    site.pass_ms(RISE_MS + STEP_MS)
    site.set("arrival_loop", active=False)
    site.set("photocell", active=True)
    site.pass_ms(1_000)
    site.set("photocell", active=False)
    site.pass_ms(TIMING.gap_ms_max + STEP_MS)
    assert passed(site) == [rid(1)]
    assert site.gate.alarms == ["safety-loop-silent"]


def test_an_arm_that_does_not_reach_its_upper_limit(site: Site) -> None:
    site.jammed = True
    site.comes()
    site.pass_ms(3 * MOTION_MS_MAX)
    assert site.gate.alarms == ["arm-stuck"]
    assert set(site.pulses) == {OPEN}
    site.jammed = False
    site.pass_ms(MOTION_MS_MAX)
    site.drives_through()
    assert passed(site) == [rid(1)]


def test_an_arm_that_does_not_reach_its_lower_limit(site: Site) -> None:
    site.comes()
    site.pass_ms(RISE_MS + STEP_MS)
    site.jammed = True
    site.drives_through()
    site.pass_ms(10 * MOTION_MS_MAX)
    assert site.pulses == [OPEN] + [CLOSE] * CLOSE_TRIES_MAX
    assert site.gate.alarms == ["arm-stuck"]


def test_a_car_that_gets_its_arm_and_does_not_drive(site: Site) -> None:
    site.comes()
    site.pass_ms(RISE_MS + STEP_MS + TIMING.drive_ms_max)
    assert site.pulses == [OPEN, CLOSE]
    assert noted(site) == [Noted.NOT_DRIVEN]
    site.pass_ms(RISE_MS)
    site.read()
    assert site.pulses == [OPEN, CLOSE, OPEN], "and is decided on anew"


def test_a_fire(site: Site) -> None:
    site.set("fire", active=True)
    site.pass_ms(10 * TIMING.drive_ms_max)
    assert site.pulses == [OPEN]
    site.comes()
    site.drives_through()
    site.pass_ms(10_000)
    assert site.pulses == [OPEN]
    site.set("fire", active=False)
    site.pass_ms(RISE_MS + 1_000)
    assert site.pulses == [OPEN, CLOSE]
    assert site.gate.alarms == ["fire"]


def test_a_call_and_a_cabinet_that_is_opened(site: Site) -> None:
    site.set("call_button", active=True)
    site.set("cabinet", active=True)
    assert site.gate.alarms == ["call", "cabinet-open"]
    assert site.pulses == []


class TestModes:
    def test_held_open_and_automatic_again(self, site: Site) -> None:
        site.happens(ModeSet(Mode.HELD_OPEN, "Anna"))
        site.pass_ms(RISE_MS + STEP_MS)
        site.comes(Sight.STRANGER)
        site.drives_through()
        site.pass_ms(TIMING.drive_ms_max)
        assert (site.pulses, site.arm_is_up, passed(site)) == ([OPEN], True, [None])
        site.happens(ModeSet(Mode.AUTOMATIC, "Anna"))
        site.pass_ms(RISE_MS + 1_000)
        assert site.pulses == [OPEN, CLOSE]

    def test_automatic_again_lowers_nothing_onto_a_car(self, site: Site) -> None:
        site.happens(ModeSet(Mode.HELD_OPEN, "Anna"))
        site.pass_ms(RISE_MS + STEP_MS)
        site.set("safety_loop", active=True)
        site.happens(ModeSet(Mode.AUTOMATIC, "Anna"))
        site.pass_ms(TIMING.drive_ms_max)
        assert site.pulses == [OPEN]
        site.set("safety_loop", active=False)
        assert site.pulses == [OPEN, CLOSE]

    def test_closed(self, site: Site) -> None:
        site.happens(ModeSet(Mode.CLOSED, "Anna"))
        site.comes()
        site.pass_ms(TIMING.drive_ms_max)
        assert (site.pulses, site.gate.reasons) == ([], [Reason.LANE_CLOSED])


class TestPeople:
    def test_an_attendant_opens_for_a_car_that_is_held_back(self, site: Site) -> None:
        site.comes(Sight.UNSURE)
        site.pass_ms(1_000)
        assert site.pulses == []
        site.happens(OpenedBy("Anna"))
        site.pass_ms(RISE_MS + STEP_MS)
        site.drives_through()
        site.pass_ms(RISE_MS + 1_000)
        assert (site.pulses, site.gate.reasons[-1]) == ([OPEN, CLOSE], Reason.ATTENDANT)

    @pytest.mark.parametrize("comes", [True, False])
    def test_who_is_let_in_from_afar_comes_or_does_not(self, site: Site, comes: bool) -> None:
        site.happens(Identified(ById(rid(1)), car_required=False))
        site.pass_ms(RISE_MS + STEP_MS)
        assert site.arm_is_up
        if comes:
            site.set("arrival_loop", active=True)
            site.drives_through()
        site.pass_ms(TIMING.drive_ms_max + RISE_MS)
        assert site.pulses == [OPEN, CLOSE]
        assert (passed(site), noted(site)) == (([rid(1)], []) if comes else ([], [Noted.NOT_COME]))


def test_a_loop_that_chatters_moves_nothing(site: Site) -> None:
    for _ in range(50):
        site.set("arrival_loop", active=True)
        site.pass_ms(STEP_MS)
        site.set("arrival_loop", active=False)
        site.pass_ms(STEP_MS)
    assert (site.pulses, passed(site)) == ([], [])
