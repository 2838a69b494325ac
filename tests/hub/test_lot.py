"""The lot as a whole: its layout, its requests by name, and whose facts it listens to."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.link.journal import Journal
from cloud_sync.link.store import Store
from cloud_sync.link.ticket import TicketKey
from cloud_sync.link.v1.facts import (
    AlarmRaised,
    Direction,
    GateChanged,
    GatePassed,
    Payload,
    PaymentChanged,
    PolicyChanged,
    SpotChanged,
    TicketKeyPublished,
)
from cloud_sync.link.v1.messages import (
    CancelRequest,
    ConfirmAnswer,
    ConfirmRequest,
    HoldAnswer,
    ReleaseRequest,
    Reply,
)
from cloud_sync.link.v1.wire import Envelope
from domain.errors import BadInput, NotFound, PeerError, Refused, UnknownVersion
from domain.money import Money
from domain.policy import Policy, Tariff
from domain.reservation import Status
from domain.spot import SpotKind
from hub.lot import Lot
from tests.hub.riverside import GATES, KEY, NOW, SPOT, SPOTS, Riverside, decided, hold_request, rid
from tests.parts import ENTRY, EXIT, LOT, NOON

CENTRAL = f"central:{LOT}"
POLICY = PolicyChanged(policy=Policy(hold_s=60), tariff=Tariff("EUR", 30, 250, 2000))
DECIDED = decided()
PASSED = GatePassed(passage_id="p1", direction=Direction.ENTRY, reservation_id=None, plate=None)
PAID = PaymentChanged(reservation_id=rid(1), paid=Money(1250, "EUR"), refunded=Money(250, "EUR"))


class TestLayout:
    def test_is_told_at_first(self, riverside: Riverside) -> None:
        spots = {told.spot_id: told.spot_kind for told in riverside.told(SpotChanged)}
        assert spots == SPOTS
        assert all(told.in_service for told in riverside.told(SpotChanged))
        assert {told.gate_id: told.direction for told in riverside.told(GateChanged)} == GATES
        [key] = riverside.told(TicketKeyPublished)
        assert (key.key_id, key.public_key) == (KEY.key_id, KEY.public_key)

    def test_a_restart_tells_nothing_anew(self, riverside: Riverside, tmp_path: Path) -> None:
        riverside.booked()
        before = riverside.facts()
        with closing(Store(tmp_path / "riverside.db")) as store:
            lot = Lot(store, Journal(store, LOT, "boot-2"), KEY)
            lot.lay_out(SPOTS, GATES, NOW)
            found = lot.book.find(rid(1))
            assert found is not None
            assert found.status is Status.CONFIRMED
        assert riverside.facts() == before

    def test_only_changes_are_told(self, riverside: Riverside) -> None:
        before = len(riverside.facts())
        riverside.lot.lay_out({**SPOTS, SPOT: SpotKind.EV, "riverside.3-001": SpotKind.COMPACT}, GATES, NOW)
        changes = riverside.told(SpotChanged)[len(SPOTS) :]
        assert [(told.spot_id, told.spot_kind) for told in changes] == [
            (SPOT, SpotKind.EV),
            ("riverside.3-001", SpotKind.COMPACT),
        ]
        assert len(riverside.facts()) == before + 2

    def test_a_spot_that_is_gone_goes_out_of_service_and_may_come_back(self, riverside: Riverside) -> None:
        riverside.booked()
        fewer = {spot: kind for spot, kind in SPOTS.items() if spot != SPOT}
        for _ in range(2):
            riverside.lot.lay_out(fewer, GATES, NOW)
        gone = riverside.told(SpotChanged)[-1]
        assert (gone.spot_id, gone.spot_kind, gone.in_service) == (SPOT, SpotKind.STANDARD, False)
        assert riverside.status() is Status.CONFIRMED
        riverside.lot.lay_out(SPOTS, GATES, NOW)
        assert [told.in_service for told in riverside.told(SpotChanged) if told.spot_id == SPOT] == [True, False, True]

    def test_a_gate_that_turns_round_is_told(self, riverside: Riverside) -> None:
        riverside.lot.lay_out(SPOTS, {ENTRY: Direction.EXIT, EXIT: Direction.EXIT}, NOW)
        assert riverside.told(GateChanged)[-1] == GateChanged(gate_id=ENTRY, direction=Direction.EXIT)
        assert len(riverside.told(GateChanged)) == 3

    def test_a_new_ticket_key_is_published(self, riverside: Riverside, tmp_path: Path) -> None:
        key = TicketKey(Ed25519PrivateKey.generate())
        with closing(Store(tmp_path / "riverside.db")) as store:
            lot = Lot(store, Journal(store, LOT, "boot-2"), key)
            for _ in range(2):
                lot.lay_out(SPOTS, GATES, NOW)
        assert [told.key_id for told in riverside.told(TicketKeyPublished)] == [KEY.key_id, key.key_id]

    def test_is_all_or_nothing(self, riverside: Riverside) -> None:
        before = riverside.facts()
        with pytest.raises(AttributeError):
            riverside.lot.lay_out({**SPOTS, "riverside.3-001": SpotKind.EV}, {"riverside.x": None}, NOW)  # type: ignore[dict-item]
        assert riverside.facts() == before


class TestRequest:
    def ask(self, riverside: Riverside, name: str, message: Envelope) -> Reply:
        return riverside.lot.request(name, message.encode(), NOW)

    def test_a_booking(self, riverside: Riverside) -> None:
        held = self.ask(riverside, "hold", hold_request())
        assert held.ok
        assert HoldAnswer.model_validate(held.result).hold_expires_at == NOW.later(600_000).utc
        confirmed = self.ask(riverside, "confirm", ConfirmRequest(reservation_id=rid(1)))
        assert ConfirmAnswer.model_validate(confirmed.result).revision == 2
        cancel = CancelRequest(reservation_id=rid(1), cause="driver", requested_at=NOON)
        assert (self.ask(riverside, "cancel", cancel).result or {})["revision"] == 3
        assert self.ask(riverside, "release", ReleaseRequest(reservation_id=rid(9))).ok

    def test_an_answer_that_is_given_again_is_the_same_on_the_wire(self, riverside: Riverside) -> None:
        request = hold_request()
        assert self.ask(riverside, "hold", request) == self.ask(riverside, "hold", request)

    def test_what_the_rules_refuse(self, riverside: Riverside) -> None:
        with pytest.raises(NotFound):
            self.ask(riverside, "confirm", ConfirmRequest(reservation_id=rid(1)))
        backwards = hold_request().model_copy(update={"end_time": NOON})
        with pytest.raises(BadInput):
            self.ask(riverside, "hold", backwards)

    @pytest.mark.parametrize("name", ["hold", "release", "confirm", "cancel"])
    @pytest.mark.parametrize(
        "payload", [b"", b"\xff\xfe", b"null", b"[]", b"{}", b'{"reservation_id": 7}', b"{" * 9_999]
    )
    def test_what_cannot_be_understood(self, riverside: Riverside, name: str, payload: bytes) -> None:
        before = riverside.facts()
        with pytest.raises(PeerError):
            riverside.lot.request(name, payload, NOW)
        assert riverside.facts() == before

    def test_another_version(self, riverside: Riverside) -> None:
        message = json.loads(ConfirmRequest(reservation_id=rid(1)).encode()) | {"v": 2}
        with pytest.raises(UnknownVersion):
            riverside.lot.request("confirm", json.dumps(message).encode(), NOW)

    @pytest.mark.parametrize("name", ["admit", "", "Hold", "hold/../confirm"])
    def test_an_unknown_request(self, riverside: Riverside, name: str) -> None:
        with pytest.raises(Refused) as refused:
            riverside.lot.request(name, hold_request().encode(), NOW)
        assert refused.value.code == "request_unknown"


class TestFacts:
    def test_the_policy_is_passed_on_to_the_gates(self, riverside: Riverside) -> None:
        riverside.tells(CENTRAL, POLICY)
        assert riverside.told(PolicyChanged) == [POLICY]
        assert riverside.lot.book.policy == POLICY.policy

    def test_before_central_has_said_anything_the_defaults_hold(self, riverside: Riverside) -> None:
        assert riverside.lot.book.policy == Policy()

    def test_what_was_paid_is_kept(self, riverside: Riverside) -> None:
        riverside.booked()
        riverside.tells(CENTRAL, PAID)
        row = riverside.store.connection.execute("SELECT paid_minor, refunded_minor FROM reservation").fetchone()
        assert tuple(row) == (1250, 250)

    def test_a_gates_alarm_is_passed_on(self, riverside: Riverside) -> None:
        riverside.tells(ENTRY, AlarmRaised(alarm="arm-stuck", detail="x" * 400))
        [alarm] = riverside.told(AlarmRaised)
        assert alarm.alarm == "arm-stuck"
        assert alarm.detail == f"{ENTRY}: {'x' * 400}"[:400]

    def test_a_decision_changes_nothing(self, riverside: Riverside) -> None:
        before = riverside.facts()
        riverside.tells(ENTRY, DECIDED)
        assert riverside.facts() == before
        assert not riverside.set_aside()

    @pytest.mark.parametrize(
        ("unit", "payload"),
        [
            (ENTRY, POLICY),
            (ENTRY, PAID),
            (CENTRAL, PASSED),
            (CENTRAL, DECIDED),
            (ENTRY, SpotChanged(spot_id=SPOT, spot_kind=SpotKind.EV, in_service=True)),
            ("hillside.entry-1", PASSED),
        ],
    )
    def test_whoever_has_no_business_to_tell_it_is_set_aside(
        self, riverside: Riverside, unit: str, payload: Payload
    ) -> None:
        """A gate that was stolen can say what its lane saw, and nothing else."""
        before = riverside.facts()
        riverside.tells(unit, payload)
        [why] = riverside.set_aside()
        assert why.startswith("fact_misplaced")
        assert riverside.facts() == before

    def test_what_cannot_be_understood_is_set_aside_and_the_next_is_taken(self, riverside: Riverside) -> None:
        class Strange(Payload):
            kind = "gate.levitated/1"

        class Broken(Payload):
            kind = "gate.passed/1"
            direction: str = "sideways"

        riverside.tells(ENTRY, Strange())
        riverside.tells(ENTRY, Broken())
        assert [why.partition(":")[0] for why in riverside.set_aside()] == ["fact_unknown", "fact_invalid"]
        riverside.tells(ENTRY, PASSED)
        assert len(riverside.stays()) == 1
