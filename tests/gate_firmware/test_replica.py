"""The gate's copy of its lot: taken from facts alone, and sealed on disk."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.link.store import Store
from cloud_sync.link.v1.facts import (
    AlarmRaised,
    Direction,
    GateChanged,
    PaymentChanged,
    SpotChanged,
    TicketKeyPublished,
    WithdrawalNoted,
    WithdrawalSettled,
    WithdrawalVouched,
)
from domain.admission import Evidence
from domain.fact import FactRef
from domain.money import Money
from domain.now import Trust
from domain.plate import Plate
from domain.policy import Policy
from domain.reservation import Status
from domain.spot import SpotKind
from gate_firmware.replica import AHEAD, BEHIND, FORGOTTEN_AT_ONCE_MAX, Replica
from tests.gate_firmware.gate import (
    HOUR_MS,
    NOW,
    OTHER,
    PLATE,
    SEAL,
    SPOT,
    UNTRUSTED,
    Gate,
    at,
    policy,
    rid,
    right,
    stay,
)
from tests.parts import ENTRY

AHEAD_H, BEHIND_H = AHEAD.total_seconds() / 3_600, BEHIND.total_seconds() / 3_600


def expected(gate: Gate, hours: float = 0) -> set[str]:
    sealed = gate.replica.expected(NOW.later(int(hours * HOUR_MS)))
    return {SEAL.open(plate).open for plate in sealed}


class TestRights:
    def test_the_latest_revision_is_the_whole_truth(self, entry: Gate) -> None:
        entry.hub_says(right(revision=2), right(status=Status.CANCELLED, revision=3, spot_id="riverside.1-007"))
        known = entry.replica.right(rid(1))
        assert known is not None
        assert (known.status, known.revision, known.spot_id) == (Status.CANCELLED, 3, "riverside.1-007")

    @pytest.mark.parametrize("revision", [1, 2, 3])
    def test_an_older_one_changes_nothing(self, entry: Gate, revision: int) -> None:
        entry.hub_says(right(revision=3), right(status=Status.CANCELLED, revision=revision))
        known = entry.replica.right(rid(1))
        assert known is not None
        assert (known.status, known.revision) == (Status.CONFIRMED, 3)

    def test_it_is_all_there_after_a_restart(self, entry: Gate) -> None:
        entry.hub_says(right(), stay(), policy(early_s=60))
        before = entry.replica.right(rid(1))
        entry.crash()
        assert entry.replica.right(rid(1)) == before is not None
        assert entry.replica.spots.inside().keys() == {rid(1)}
        assert entry.replica.policy.early_s == 60

    def test_an_unknown_one(self, entry: Gate) -> None:
        assert entry.replica.right(rid(1)) is None
        assert entry.replica.rights_of(SEAL.mark(PLATE), NOW) == []

    def test_all_of_one_plate_and_of_no_other(self, entry: Gate) -> None:
        entry.hub_says(right(1), right(2, start=2, end=3), right(3, plate=OTHER))
        found = entry.replica.rights_of(SEAL.mark(PLATE), NOW)
        assert {known.reservation_id for known in found} == {rid(1), rid(2)}

    def test_found_whichever_way_zero_and_o_were_written(self, entry: Gate) -> None:
        entry.hub_says(right(plate=Plate("HHO0I11")))
        assert len(entry.replica.rights_of(SEAL.mark(Plate("HH0O1I1")), NOW)) == 1


class TestForgotten:
    """Rights that were over for long, by the hub's clock."""

    def known(self, gate: Gate) -> list[int]:
        return [number for number in range(1, 30) if gate.replica.right(rid(number)) is not None]

    def days_pass(self, gate: Gate, days: float) -> None:
        gate.now = NOW.later(int(days * 24 * HOUR_MS))

    def test_go_with_what_the_hub_tells_next(self, entry: Gate) -> None:
        entry.hub_says(right(1, end=1), right(2, end=24 * 9))
        self.days_pass(entry, 8)
        assert self.known(entry) == [1, 2]
        entry.hub_says(right(3, start=24 * 8, end=24 * 9))
        assert self.known(entry) == [2, 3]

    def test_go_a_few_at_a_time(self, entry: Gate) -> None:
        entry.hub_says(*[right(number, end=1) for number in range(1, FORGOTTEN_AT_ONCE_MAX + 3)])
        self.days_pass(entry, 8)
        entry.hub_says(right(20, end=24 * 9))
        assert self.known(entry) == [9, 10, 20]
        entry.hub_says(right(20, end=24 * 9))
        assert self.known(entry) == [20]

    def test_but_not_while_the_car_is_inside(self, exit_: Gate) -> None:
        exit_.hub_says(right(1, end=1), right(2, Status.CHECKED_IN, end=1), right(3, end=1), stay(1))
        self.days_pass(exit_, 8)
        exit_.hub_says(right(20, end=24 * 9))
        assert self.known(exit_) == [1, 2, 20]

    def test_and_not_by_a_clock_that_the_hub_does_not_trust(self, entry: Gate) -> None:
        entry.hub_says(right(1, end=1))
        self.days_pass(entry, 8)
        entry.now = replace(entry.now, trust=Trust.NONE)
        entry.hub_says(right(20, end=24 * 9))
        assert self.known(entry) == [1, 20]


class TestExpected:
    def test_what_may_drive_up_now(self, entry: Gate) -> None:
        entry.hub_says(right(1, start=AHEAD_H + 1, end=AHEAD_H + 2))
        assert expected(entry) == set()
        assert expected(entry, 1.001) == {PLATE.open}
        assert expected(entry, AHEAD_H + 1.5) == {PLATE.open}
        assert expected(entry, AHEAD_H + 2 + BEHIND_H - 0.001) == {PLATE.open}
        assert expected(entry, AHEAD_H + 2 + BEHIND_H) == set()

    def test_who_is_inside_is_expected_for_ever(self, exit_: Gate) -> None:
        """Whoever leaves a car for a fortnight too long is still recognised, and billed."""
        exit_.hub_says(right(), right(status=Status.CHECKED_IN, revision=3), stay())
        weeks = 24 * 21
        assert expected(exit_, weeks) == {PLATE.open}
        assert len(exit_.replica.rights_of(SEAL.mark(PLATE), NOW.later(weeks * HOUR_MS))) == 1
        exit_.hub_says(stay(left=True))
        assert expected(exit_, weeks) == set()

    def test_each_plate_once_and_no_expired_hold(self, entry: Gate) -> None:
        entry.hub_says(right(1), right(2, start=2, end=3), right(3, Status.EXPIRED, plate=OTHER))
        assert len(entry.replica.expected(NOW)) == 1
        assert expected(entry) == {PLATE.open}

    def test_without_a_trusted_clock_all_that_is_booked(self, entry: Gate) -> None:
        entry.hub_says(right(1, start=24 * 90, end=24 * 90 + 1))
        assert len(entry.replica.expected(UNTRUSTED)) == 1
        assert len(entry.replica.rights_of(SEAL.mark(PLATE), UNTRUSTED)) == 1

    def test_one_right_alone(self, entry: Gate) -> None:
        entry.hub_says(right(1), right(2, Status.EXPIRED), right(3, start=AHEAD_H + 1, end=AHEAD_H + 2))
        assert [entry.replica.expects(rid(number), NOW) for number in (1, 2, 3, 4)] == [True, False, False, False]

    def test_a_change_is_noticed(self, entry: Gate) -> None:
        before = entry.replica.version
        entry.hub_says(right())
        assert entry.replica.version > before


class TestInside:
    def test_as_the_hub_says(self, entry: Gate) -> None:
        entry.hub_says(stay(1), stay(None, stay_id="s2"))
        assert entry.replica.spots.inside().keys() == {rid(1)}
        entry.hub_says(stay(1, left=True), stay(7, left=True, stay_id="s3"))
        assert entry.replica.spots.inside() == {}

    def test_as_this_gate_has_seen_itself(self, entry: Gate) -> None:
        for _ in range(2):
            entry.replica.spots.came_in(FactRef(ENTRY, 1, 7), rid(1), SPOT, Evidence.PLATE)
        assert entry.replica.spots.inside().keys() == {rid(1)}
        for _ in range(2):
            entry.replica.spots.went_out(rid(1))
        assert entry.replica.spots.inside() == {}


class TestHasLeft:
    def has_left(self, gate: Gate) -> bool:
        known = gate.replica.right(rid(1))
        assert known is not None
        return known.has_left

    def test_as_the_hub_says(self, entry: Gate) -> None:
        entry.hub_says(right(status=Status.NO_SHOW), stay())
        assert not self.has_left(entry)
        entry.hub_says(stay(left=True), stay(None, stay_id="s2", left=True))
        assert self.has_left(entry)

    def test_as_this_gate_has_seen_itself(self, exit_: Gate) -> None:
        exit_.hub_says(right(), stay())
        exit_.replica.went_out(rid(1))
        assert self.has_left(exit_)
        assert exit_.replica.spots.inside() == {}

    def test_whatever_becomes_of_the_reservation(self, entry: Gate) -> None:
        entry.hub_says(right(), stay(), stay(left=True), right(revision=3, status=Status.NO_SHOW))
        entry.crash()
        assert self.has_left(entry)


def test_the_revision_that_was_last_confirmed(entry: Gate) -> None:
    assert entry.replica.confirmed_revision(rid(1)) == 0
    for status, revision, confirmed in (
        (Status.HELD, 1, 0),
        (Status.CONFIRMED, 2, 2),
        (Status.CONFIRMED, 4, 4),
        (Status.CONFIRMED, 3, 4),
        (Status.NO_SHOW, 5, 4),
    ):
        entry.hub_says(right(status=status, revision=revision))
        assert entry.replica.confirmed_revision(rid(1)) == confirmed


def test_the_store_of_the_version_before(tmp_path: Path) -> None:
    """It knew of no revision but the last, of no stay that ended, and of no ticket's end."""
    with closing(Store(tmp_path / "gate.db")) as store:
        Replica(store)
        store.connection.executescript("""
            ALTER TABLE rights DROP COLUMN confirmed_revision;
            ALTER TABLE rights DROP COLUMN has_left;
            ALTER TABLE used_ticket DROP COLUMN end_time;
            ALTER TABLE shown_ticket DROP COLUMN end_time;
            DELETE FROM _sqlite_migrations WHERE name = 'ended_stays_replaced_tickets_and_their_ends';
            INSERT INTO used_ticket VALUES ('t1');
            INSERT INTO shown_ticket VALUES (1, 'p2', 't2');
            INSERT INTO rights VALUES ('r1', 3, 'confirmed', 's', '', '2026-05-14T13:00:00.000Z', 'standard', '', '');
            INSERT INTO rights VALUES ('r2', 3, 'no_show', 's', '', '2026-05-14T12:00:00.000Z', 'standard', '', '');
        """)
    with closing(Store(tmp_path / "gate.db")) as store:
        replica = Replica(store)
        assert [replica.confirmed_revision(known) for known in ("r1", "r2")] == [3, 0]
        replica.use_noted_ticket("p2")
        replica.forget_used_tickets(NOW.later(int((BEHIND_H + 1) * HOUR_MS)))
        assert [replica.is_used(known) for known in ("t1", "t2")] == [False, True]


def test_the_policy(entry: Gate) -> None:
    assert entry.replica.policy == Policy()
    entry.hub_says(policy(early_s=60), policy(early_s=120, grace_s=0))
    assert entry.replica.policy == Policy(early_s=120, grace_s=0)


def test_ticket_keys_are_kept_all(entry: Gate) -> None:
    for digit in "ab":
        entry.hub_says(TicketKeyPublished(key_id=digit * 8, public_key=digit * 64))
    assert entry.replica.ticket_keys() == {"a" * 8: "a" * 64, "b" * 8: "b" * 64}


class TestUsedTickets:
    def test_as_this_gate_and_as_the_hub_says(self, entry: Gate) -> None:
        entry.replica.use_ticket("t1", None)
        entry.replica.use_ticket("t1", at(1))
        entry.hub_says(stay(ticket_id="t2"))
        assert [entry.replica.is_used(f"t{number}") for number in (1, 2, 3)] == [True, True, False]

    def test_the_one_that_the_arm_was_last_raised_for(self, entry: Gate) -> None:
        assert entry.replica.noted_ticket("p1") is None
        entry.replica.note_ticket("p1", "t1", at(1))
        entry.replica.note_ticket("p2", "t2", at(1))
        assert [entry.replica.noted_ticket(passage) for passage in ("p1", "p2")] == [None, "t2"]
        entry.replica.use_noted_ticket("p1")
        entry.replica.use_noted_ticket("p2")
        assert [entry.replica.is_used(f"t{number}") for number in (1, 2)] == [False, True]

    def test_are_forgotten_long_after_their_windows(self, entry: Gate) -> None:
        entry.hub_says(right(end=2), stay(ticket_id="t1"))
        entry.replica.note_ticket("p2", "t2", at(1))
        entry.replica.use_noted_ticket("p2")
        entry.hub_says(stay(None, stay_id="s3", ticket_id="t3"))
        for hours, used in ((1 - 0.001, [True, True, True]), (1, [True, False, True]), (2, [False, False, True])):
            entry.replica.forget_used_tickets(NOW.later(int((BEHIND_H + hours) * HOUR_MS)))
            assert [entry.replica.is_used(f"t{number}") for number in (1, 2, 3)] == used


class TestWithdrawn:
    """What an entry gate answers to a right that nobody may come in on any more."""

    def noted(self, gate: Gate) -> list[tuple[str, int]]:
        return [(said.reservation_id, said.revision) for said in gate.told(WithdrawalNoted)]

    @pytest.mark.parametrize("status", Status)
    def test_is_noted_in_the_gates_own_log(self, entry: Gate, status: Status) -> None:
        withdrawn = status in (Status.CANCELLED, Status.NO_SHOW)
        entry.hub_says(right(revision=2), right(status=status, revision=3))
        assert self.noted(entry) == ([(rid(1), 3)] if withdrawn else [])

    def test_also_where_the_right_was_never_known(self, entry: Gate) -> None:
        entry.hub_says(right(status=Status.NO_SHOW, revision=3))
        assert self.noted(entry) == [(rid(1), 3)]

    def test_each_revision_once(self, entry: Gate) -> None:
        entry.hub_says(
            right(status=Status.NO_SHOW, revision=3),
            right(status=Status.NO_SHOW, revision=3),
            right(status=Status.CANCELLED, revision=2),
            right(status=Status.CANCELLED, revision=4),
        )
        assert self.noted(entry) == [(rid(1), 3), (rid(1), 4)]

    def test_after_every_car_that_this_gate_let_in_before(self, entry: Gate) -> None:
        entry.hub_says(right())
        entry.admitted()
        entry.through()
        entry.hub_says(right(status=Status.CANCELLED, revision=3))
        assert entry.stored() == ["gate.decided/1", "gate.passed/1", "withdrawal.noted/1"]

    def test_in_the_transaction_of_the_fact(self, entry: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_args: object) -> None:
            raise OSError("the disk is full")

        monkeypatch.setattr(entry.journal, "append", full)
        with pytest.raises(OSError, match="full"):
            entry.hub_says(right(status=Status.CANCELLED, revision=3))
        assert entry.replica.right(rid(1)) is None

    def test_an_exit_has_nothing_to_say_to_it(self, exit_: Gate) -> None:
        exit_.hub_says(right(status=Status.CANCELLED, revision=3))
        assert exit_.stored() == []


def test_what_a_lane_need_not_know_is_passed_over(entry: Gate) -> None:
    entry.hub_says(
        SpotChanged(spot_id=SPOT, spot_kind=SpotKind.EV, in_service=True),
        GateChanged(gate_id=ENTRY, direction=Direction.ENTRY),
        AlarmRaised(alarm="x", detail="y"),
        WithdrawalSettled(reservation_id=rid(1), revision=3, complete=True),
        WithdrawalVouched(reservation_id=rid(1), revision=3, gate_id="riverside.entry-2", by="Ruth"),
    )
    assert entry.set_aside() == []


def test_what_does_not_come_down_to_a_gate_is_set_aside(entry: Gate) -> None:
    entry.hub_says(PaymentChanged(reservation_id=rid(1), paid=Money(1, "EUR"), refunded=Money(0, "EUR")), right())
    assert [why.partition(":")[0] for why in entry.set_aside()] == ["fact_misplaced"]
    assert entry.replica.right(rid(1)) is not None


def test_plates_are_sealed_on_disk(entry: Gate, tmp_path: Path) -> None:
    """Neither the database nor its log on the side holds one in clear, in whatever form it came."""
    entry.hub_says(right(plate=Plate("HHAB1230")), right(2, plate=OTHER), stay())
    passage_id = entry.car_comes()
    entry.seen(passage_id, plate=Plate("HHAB1230"))
    entry.through()
    entry.store.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    files = [path for path in (tmp_path / "entry").iterdir() if path.is_file()]
    assert {"gate.db", "gate.db-wal"} <= {path.name for path in files}
    everything = b"".join(path.read_bytes() for path in files).upper()
    assert rid(1).encode() in everything
    for clear in (b"HHAB1230", b"HHAB123", OTHER.open.encode(), b"HHAB1230".hex().upper().encode()):
        assert clear not in everything
