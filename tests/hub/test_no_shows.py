"""Whose car has not come loses the spot: at the end of the grace period, or later while a gate is silent."""

import pytest

from cloud_sync.link.v1.facts import PolicyChanged, ReservationChanged
from domain.now import Now
from domain.policy import Policy, Tariff
from domain.reservation import Status
from domain.stay import Conflict
from hub.no_shows import RELEASED_AT_ONCE_MAX
from tests.hub.riverside import (
    GATES,
    HOUR_MS,
    LARGE_SPOT,
    MINUTE_MS,
    NOW,
    OTHER_SPOT,
    SPOT,
    SPOTS,
    Riverside,
    at,
    hold_request,
    rid,
)
from tests.parts import ENTRY, EXIT

GRACE_MS, WAIT_MS = Policy().grace_s * 1_000, Policy().silent_gate_wait_s * 1_000
SECOND_ENTRY = "riverside.entry-2"
GRACE_H, WAIT_H = GRACE_MS / HOUR_MS, WAIT_MS / HOUR_MS
MS = 1 / HOUR_MS


@pytest.fixture
def heard(riverside: Riverside) -> Riverside:
    """A lot whose gates are all on the link."""
    riverside.heard(ENTRY, EXIT)
    return riverside


class TestRelease:
    def test_at_the_end_of_the_grace_period_and_not_before(self, heard: Riverside) -> None:
        heard.booked()
        assert heard.lot.next_wakeup_ms(NOW) == NOW.mono_ms + GRACE_MS
        assert not heard.woken(GRACE_H - MS)
        assert heard.woken(GRACE_H)
        assert heard.status() is Status.NO_SHOW
        told = heard.told(ReservationChanged)[-1]
        assert (told.status, told.revision, told.cause) == (Status.NO_SHOW, 3, "no_show")
        assert heard.reservation().no_show_at == at(GRACE_H)

    def test_it_is_told_once(self, heard: Riverside) -> None:
        heard.booked()
        assert heard.woken(GRACE_H)
        before = heard.facts()
        assert not heard.woken(GRACE_H)
        assert not heard.woken(GRACE_H + WAIT_H)
        assert heard.facts() == before

    def test_the_spot_is_free_at_once(self, heard: Riverside) -> None:
        heard.booked(1, hold_request(1, end=3))
        heard.woken(GRACE_H)
        heard.booked(2, hold_request(2, end=3), NOW.later(GRACE_MS))
        assert heard.status(2) is Status.CONFIRMED

    def test_whose_car_has_come_is_left_alone(self, heard: Riverside) -> None:
        heard.booked()
        heard.came_in(hours=GRACE_H - MS)
        assert not heard.woken(GRACE_H)
        assert heard.status() is Status.CHECKED_IN

    def test_who_confirmed_after_the_start_has_the_grace_from_then(self, heard: Riverside) -> None:
        heard.booked(1, hold_request(1, start=-0.5, end=2))
        assert heard.lot.next_wakeup_ms(NOW) == NOW.mono_ms + GRACE_MS
        assert not heard.woken(GRACE_H - MS)
        assert heard.woken(GRACE_H)
        assert heard.status() is Status.NO_SHOW

    def test_it_is_as_long_as_the_policy_says(self, heard: Riverside) -> None:
        changed = PolicyChanged(policy=Policy(grace_s=60), tariff=Tariff("EUR", 30, 250))
        heard.booked()
        heard.lot.book.set_policy(changed, NOW)
        assert heard.lot.next_wakeup_ms(NOW) == NOW.mono_ms + MINUTE_MS
        assert heard.woken(1 / 60)

    def test_more_than_one_transaction_takes(self, heard: Riverside) -> None:
        count = RELEASED_AT_ONCE_MAX + 2
        sql = heard.store.connection
        heard.booked(1)
        row = dict(sql.execute("SELECT * FROM reservation").fetchone())
        del row["expected_at"]
        for number in range(2, count + 1):
            spot = f"riverside.9-{number:04}"
            sql.execute("INSERT INTO spot VALUES (?, 'standard', 1)", (spot,))
            row |= {"reservation_id": rid(number), "spot_id": spot}
            marks = ", ".join("?" * len(row))
            sql.execute(f"INSERT INTO reservation ({', '.join(row)}) VALUES ({marks})", [*row.values()])  # noqa: S608
        late = NOW.later(GRACE_MS)
        assert heard.lot.no_shows.release(late) == RELEASED_AT_ONCE_MAX
        assert heard.lot.next_wakeup_ms(late) == late.mono_ms
        assert heard.lot.woken(late)
        assert {heard.status(number) for number in range(1, count + 1)} == {Status.NO_SHOW}

    @pytest.mark.parametrize("microsecond", [0, 1, 499, 999, 1_001])
    def test_who_wakes_then_never_wakes_in_vain(self, heard: Riverside, microsecond: int) -> None:
        heard.booked()
        now = Now(5, NOW.utc.replace(microsecond=microsecond))
        wakeup = heard.lot.next_wakeup_ms(now)
        assert wakeup is not None
        assert heard.lot.woken(now.later(wakeup - now.mono_ms))


class TestSilentGate:
    def test_while_one_was_never_heard_it_is_later(self, riverside: Riverside) -> None:
        """Also after a restart: nothing is known of any gate then."""
        riverside.booked()
        assert riverside.lot.next_wakeup_ms(NOW) == NOW.mono_ms + GRACE_MS + WAIT_MS
        assert not riverside.woken(GRACE_H + WAIT_H - MS)
        assert riverside.woken(GRACE_H + WAIT_H)
        assert riverside.status() is Status.NO_SHOW

    def test_an_exit_gate_lets_nobody_in(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.heard(ENTRY)
        riverside.heard(EXIT, online=False)
        assert riverside.woken(GRACE_H)

    def test_every_entry_gate_counts(self, riverside: Riverside) -> None:
        riverside.lot.lay_out(SPOTS, {**GATES, SECOND_ENTRY: GATES[ENTRY]}, NOW)
        riverside.booked()
        riverside.heard(ENTRY)
        assert not riverside.woken(GRACE_H)
        assert riverside.lot.next_wakeup_ms(NOW.later(GRACE_MS)) == NOW.mono_ms + GRACE_MS + WAIT_MS

    def test_one_that_falls_silent_just_before(self, heard: Riverside) -> None:
        heard.booked()
        heard.heard(ENTRY, online=False, now=NOW.later(GRACE_MS - 1))
        assert not heard.woken(GRACE_H)
        assert heard.woken(GRACE_H + WAIT_H)

    def test_none_is_heard_once_the_hub_is_not_on_the_link_itself(self, heard: Riverside) -> None:
        heard.booked()
        heard.listens(up=False, now=NOW.later(GRACE_MS - 1))
        assert not heard.woken(GRACE_H)
        assert heard.woken(GRACE_H + WAIT_H)

    def test_one_that_comes_back_before_the_end_is_heard(self, heard: Riverside) -> None:
        heard.booked()
        heard.heard(ENTRY, online=False, now=NOW.later(MINUTE_MS))
        heard.heard(ENTRY, now=NOW.later(2 * MINUTE_MS))
        assert heard.lot.next_wakeup_ms(NOW) == NOW.mono_ms + GRACE_MS
        assert heard.woken(GRACE_H)

    def test_one_that_comes_back_after_it_makes_it_no_sooner(self, riverside: Riverside) -> None:
        """It is on the link before it has told whom it let in meanwhile."""
        riverside.booked()
        back = NOW.later(GRACE_MS + MINUTE_MS)
        riverside.heard(ENTRY, now=back)
        assert not riverside.lot.woken(back)
        riverside.take(riverside.crossed(ENTRY, at(0.1), number=1), now=back.later(100))
        assert riverside.status() is Status.CHECKED_IN
        assert not riverside.woken(GRACE_H + WAIT_H)

    def test_what_is_said_again_is_no_news(self, heard: Riverside) -> None:
        heard.booked()
        heard.heard(ENTRY, now=NOW.later(GRACE_MS + 1))
        assert heard.woken(GRACE_H + 2 * MS)

    def test_each_reservation_for_itself(self, riverside: Riverside) -> None:
        """One whose grace period ends after the gate is back does not wait for it."""
        riverside.booked(1)
        riverside.booked(2, hold_request(2, start=0.1, end=1, spot_id=OTHER_SPOT))
        riverside.heard(ENTRY, now=NOW.later(GRACE_MS + 1))
        soon = NOW.later(HOUR_MS // 10)
        assert riverside.lot.next_wakeup_ms(soon) == soon.mono_ms + GRACE_MS
        assert riverside.woken(GRACE_H + 0.1)
        assert [riverside.status(n) for n in (1, 2)] == [Status.CONFIRMED, Status.NO_SHOW]
        assert riverside.woken(GRACE_H + WAIT_H)
        assert riverside.status(1) is Status.NO_SHOW

    def test_without_entry_gates_there_is_none_to_wait_for(self, riverside: Riverside) -> None:
        riverside.lot.lay_out(SPOTS, {EXIT: GATES[EXIT]}, NOW)
        riverside.booked()
        assert riverside.woken(GRACE_H)


class TestWhoComesLate:
    def test_gets_the_spot_that_the_gate_named(self, heard: Riverside) -> None:
        heard.booked(1, hold_request(1, end=2))
        heard.woken(GRACE_H)
        heard.came_in(hours=0.5, sent_to=LARGE_SPOT)
        [stay] = heard.stays()
        assert (stay.conflict, stay.spot_id, stay.reservation_id) == (Conflict.AFTER_NO_SHOW, LARGE_SPOT, rid(1))
        assert heard.status() is Status.NO_SHOW
        assert not heard.alarms()

    def test_that_one_also_where_it_was_sold_again_and_the_next_driver_is_moved(self, heard: Riverside) -> None:
        """The gate could not know; the car stands there all the same."""
        heard.booked(1, hold_request(1, end=2))
        heard.woken(GRACE_H)
        heard.booked(2, hold_request(2, start=0.5, end=2), NOW.later(GRACE_MS))
        heard.came_in(hours=0.3, sent_to=SPOT)
        assert heard.stays()[0].spot_id == SPOT
        heard.woken(0.45)
        assert heard.reservation(2).spot_id == OTHER_SPOT

    def test_another_where_a_car_is_known_to_stand(self, heard: Riverside) -> None:
        heard.booked(1, hold_request(1, end=2))
        heard.woken(GRACE_H)
        heard.booked(2, hold_request(2, start=0.2, end=2), NOW.later(GRACE_MS))
        heard.came_in(number=2, hours=0.28)
        heard.came_in(hours=0.3, sent_to=SPOT)
        assert [stay.spot_id for stay in heard.stays()] == [SPOT, OTHER_SPOT]

    @pytest.mark.parametrize("named", [None, "riverside.9-999"])
    def test_another_where_the_gate_named_none_that_there_is(self, heard: Riverside, named: str | None) -> None:
        heard.booked(1, hold_request(1, end=2))
        heard.woken(GRACE_H)
        heard.came_in(hours=0.3, sent_to=named)
        assert heard.stays()[0].spot_id == SPOT
        assert not heard.set_aside()

    def test_a_passage_that_was_told_late_is_late_all_the_same(self, riverside: Riverside) -> None:
        """The gate was silent longer than anybody waits. The right stays, and so does the spot, while it is free."""
        riverside.booked(1, hold_request(1, end=2))
        riverside.woken(GRACE_H + WAIT_H)
        fact = riverside.crossed(ENTRY, at(0.1), number=1, spot_id=SPOT)
        riverside.take(fact, now=NOW.later(HOUR_MS))
        [stay] = riverside.stays()
        assert (stay.conflict, stay.spot_id, stay.entered_at) == (Conflict.AFTER_NO_SHOW, SPOT, at(0.1))
