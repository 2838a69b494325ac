"""Opening a gate from afar: who may name what, what goes on to the lot, and what comes back."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.link.seal import Seal
from cloud_sync.link.ticket import Ticket, TicketKey
from cloud_sync.link.v1.facts import Direction, TicketKeyPublished
from cloud_sync.link.v1.messages import AdmitAnswer, AdmitRequest
from domain.admission import Reason, Verdict
from domain.errors import Refused, TryLater
from domain.ids import shown
from domain.reservation import Status
from domain.spot import VehicleType
from domain.stay import Conflict
from domain.window import Window
from tests.cloud_sync.central.site import PLATE, Driver, Site
from tests.cloud_sync.central.street import END, EXIT_GATE, GATE, LOT, SPOT, START
from tests.parts import NOON

KEY = TicketKey(Ed25519PrivateKey.generate())


async def knock(driver: Driver, gate_id: str = GATE, way: str = "check-in", **said: str) -> httpx.Response:
    return await driver.post(f"/gate/{way}", {"gate_id": gate_id, **said})


def admits(site: Site) -> list[AdmitRequest]:
    return [message for message in site.street.requests("admit") if isinstance(message, AdmitRequest)]


def answers(site: Site, reservation_id: str | None, verdict: Verdict = Verdict.ADMIT, **said: Any) -> None:
    fields = {"reason": Reason.BOOKED, "spot_id": SPOT, "at": NOON, "took_ms": 12, **said}
    site.street.answer = AdmitAnswer(verdict=verdict, reservation_id=reservation_id, **fields)


def signed(reservation_id: str, lot_id: str = LOT, key: TicketKey = KEY) -> str:
    window = Window(START, END)
    return key.sign(Ticket("t", lot_id, reservation_id, 2, SPOT, window, VehicleType.STANDARD, "ab" * 8))


async def test_a_driver_is_let_in_on_their_own_reservation(site: Site) -> None:
    reservation_id = await site.paid()
    answers(site, reservation_id)
    answer = await knock(site.me, reservation_id=shown(reservation_id).lower())
    assert answer.status_code == 200
    assert answer.json() == {
        "decision": "admit",
        "reason": "booked",
        "gate_id": GATE,
        "reservation_id": reservation_id,
        "spot_id": SPOT,
        "at": "2026-05-14T12:00:00.000Z",
        "took_ms": 12,
    }
    (asked,) = admits(site)
    assert (asked.gate_id, asked.direction, asked.reservation_id) == (GATE, Direction.ENTRY, reservation_id)
    assert asked.car_required
    assert asked.answer_by > site.watch().utc


@pytest.mark.parametrize("verdict", [Verdict.ASK, Verdict.REFUSE, Verdict.RELEASE])
async def test_asking_and_refusing_are_answers_too(site: Site, verdict: Verdict) -> None:
    reservation_id = await site.paid()
    answers(site, None, verdict, reason=Reason.TOO_EARLY, spot_id=None)
    answer = await knock(site.me, EXIT_GATE, "check-out", reservation_id=reservation_id)
    assert (answer.status_code, answer.json()["decision"]) == (200, verdict.value)
    assert admits(site)[0].direction is Direction.EXIT


async def test_a_drivers_plate_stands_for_their_own_reservation(site: Site) -> None:
    reservation_id = await site.paid()
    assert (await knock(site.me, license_plate=PLATE)).status_code == 200
    (asked,) = admits(site)
    assert (asked.reservation_id, asked.plate) == (reservation_id, None)
    leaving = await knock(site.me, EXIT_GATE, "check-out", license_plate=PLATE)
    assert (leaving.status_code, leaving.json()["code"]) == (404, "reservation_unknown"), "it is not inside"


@pytest.mark.parametrize(
    ("status", "conflict"),
    [
        (Status.CHECKED_IN, None),
        (Status.NO_SHOW, Conflict.AFTER_NO_SHOW),
        (Status.CANCELLED, Conflict.AFTER_CANCEL),
    ],
)
async def test_who_is_inside_leaves_by_plate_whatever_became_of_the_right(
    site: Site, status: Status, conflict: Conflict | None
) -> None:
    reservation_id = await site.paid()
    site.street.step(reservation_id, status, "test")
    site.street.stay(reservation_id, None, conflict=conflict)
    site.take_in()
    leaving = {"gate_id": EXIT_GATE, "way": "check-out", "license_plate": PLATE}
    assert (await knock(site.me, **leaving)).status_code == 200
    assert admits(site)[0].reservation_id == reservation_id
    site.street.stay(reservation_id, END, conflict=conflict)
    site.take_in()
    assert (await knock(site.me, **leaving)).status_code == 404, "it has left"


async def test_of_two_stays_that_are_open_the_car_is_on_the_later_one(site: Site) -> None:
    missed = await site.paid()
    later = (await site.me.book(start=END, end=END + timedelta(hours=1))).json()["reservation_id"]
    for reservation_id, entered_at in ((later, END), (missed, START)):
        site.street.step(reservation_id, Status.CHECKED_IN, "test")
        site.street.stay(reservation_id, None, entered_at)
    site.take_in()
    assert (await knock(site.me, EXIT_GATE, "check-out", license_plate=PLATE)).status_code == 200
    assert admits(site)[0].reservation_id == later, "the exit of the earlier one was missed"


async def forwarded(site: Site) -> str | None:
    """The reservation that `me`, who comes by plate, is taken to mean."""
    site.take_in()
    assert (await knock(site.me, license_plate=PLATE)).status_code == 200
    return admits(site)[-1].reservation_id


async def booked_anew(site: Site, start: datetime) -> str:
    """Another reservation of `me` that is paid for, an hour long."""
    reservation_id: str = (await site.me.book(start=start, end=start + timedelta(hours=1))).json()["reservation_id"]
    assert (await site.me.pay(reservation_id)).status_code == 201
    return reservation_id


async def test_who_came_late_and_left_comes_in_on_their_next_booking(site: Site) -> None:
    late = await site.paid()
    site.street.step(late, Status.NO_SHOW, "no_show")
    site.street.stay(late, START + timedelta(hours=1), START + timedelta(minutes=30), Conflict.AFTER_NO_SHOW)
    site.take_in()
    assert (await knock(site.me, license_plate=PLATE)).status_code == 404
    anew = await booked_anew(site, START + timedelta(hours=1))
    site.watch.pass_by(START + timedelta(hours=1) - NOON)
    assert await forwarded(site) == anew, "the gate has done with the other"


async def test_who_may_enter_by_plate_is_not_taken_to_mean_the_booking_that_they_missed(site: Site) -> None:
    missed = await site.paid()
    site.street.step(missed, Status.NO_SHOW, "no_show")
    valid = await booked_anew(site, START + timedelta(hours=1))
    early = timedelta(seconds=site.office.lots[LOT].policy.early_s)
    site.watch.pass_by(START + timedelta(hours=1) - early - timedelta(seconds=1) - NOON)
    assert await forwarded(site) == missed, "the other may not enter yet"
    site.watch.pass_by(timedelta(seconds=1))
    assert await forwarded(site) == valid, "or that would be missed too"


@pytest.mark.parametrize("came_late", [False, True])
async def test_who_is_inside_is_asked_about_only_where_nothing_else_is_booked(site: Site, came_late: bool) -> None:
    inside = await site.paid()
    site.street.step(inside, Status.NO_SHOW if came_late else Status.CHECKED_IN, "test")
    site.street.stay(inside, None, conflict=Conflict.AFTER_NO_SHOW if came_late else None)
    assert await forwarded(site) == inside
    site.watch.pass_by(END + timedelta(hours=1) - NOON)
    assert await forwarded(site) == inside, "it stays too long"
    later = await booked_anew(site, END + timedelta(hours=3))
    assert await forwarded(site) == later


async def test_somebody_elses_plate_that_was_registered_too_opens_nothing(site: Site) -> None:
    await site.paid()
    other = await site.driver("other@example.com")
    answer = await knock(other, license_plate=PLATE)
    assert (answer.status_code, answer.json()["code"]) == (404, "reservation_unknown")
    assert admits(site) == []


async def test_an_operators_plate_goes_on_sealed_with_the_lots_key(site: Site) -> None:
    await site.paid()
    assert (await knock(site.operator(), license_plate=PLATE)).status_code == 200
    (asked,) = admits(site)
    assert asked.plate is not None
    assert Seal.from_hex("2" * 64).open(asked.plate).open == "BGH1234"
    others = await knock(site.me, license_plate="M-XX 99")
    assert (others.status_code, others.json()["code"]) == (404, "vehicle_unknown")
    assert "XX" not in others.text
    assert (await knock(site.operator(), license_plate="M-XX 99")).status_code == 200
    assert not asked.car_required


async def test_a_ticket_goes_on_as_it_is_where_it_is_theirs(site: Site) -> None:
    reservation_id = await site.paid()
    text = signed(reservation_id)
    unsigned = await knock(site.me, qr_code=text)
    assert (unsigned.status_code, unsigned.json()["code"]) == (422, "ticket_invalid"), "no key of this lot is known yet"
    site.street.tell(TicketKeyPublished(key_id=KEY.key_id, public_key=KEY.public_key))
    site.take_in()
    assert (await knock(site.me, qr_code=text)).status_code == 200
    assert admits(site)[0].ticket == text
    other = await site.driver("other@example.com")
    assert (await knock(other, qr_code=text)).json()["code"] == "reservation_unknown"
    assert (await knock(site.operator(), qr_code="anything")).status_code == 200, "the gate says what it is worth"


async def test_somebody_elses_reservation_is_unknown_and_an_operator_may_name_any(site: Site) -> None:
    reservation_id = await site.paid()
    other = await site.driver("other@example.com")
    assert (await knock(other, reservation_id=reservation_id)).status_code == 404
    assert admits(site) == []
    answers(site, reservation_id)
    assert (await knock(site.operator(), reservation_id=reservation_id)).json()["spot_id"] == SPOT


@pytest.mark.parametrize(
    ("why", "status", "code"),
    [
        (Refused("no_car", "no car on the loop"), 409, "no_car"),
        (Refused("wrong_direction", "this is an exit"), 409, "wrong_direction"),
        (Refused("gate_unknown", "no such gate"), 404, "gate_unknown"),
        (Refused("gate_offline", "not on the link"), 503, "gate_offline"),
        (TryLater("gate_offline", "not on the link"), 503, "gate_offline"),
        (TryLater("no_answer", "lost"), 503, "no_answer"),
    ],
)
async def test_what_the_lot_refuses(site: Site, why: Refused | TryLater, status: int, code: str) -> None:
    reservation_id = await site.paid()
    site.street.answer = why
    answer = await knock(site.me, reservation_id=reservation_id)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("retry-after" in answer.headers) is (status == 503)


async def test_a_lot_that_is_cut_off_is_said_to_be(site: Site) -> None:
    reservation_id = await site.paid()
    site.street.away = True
    answer = await knock(site.me, reservation_id=reservation_id)
    assert (answer.status_code, answer.json()["code"]) == (503, "hub_offline")
    assert "cannot be reached" in answer.json()["detail"]
    assert answer.headers["retry-after"] == "30"


async def test_a_lane_that_is_busy_is_not_said_to_be_cut_off(site: Site) -> None:
    reservation_id = await site.paid()
    site.street.answer = TryLater("lane_busy", "the barrier is open for another car", 2)
    answer = await knock(site.me, reservation_id=reservation_id)
    assert (answer.status_code, answer.json()["code"]) == (503, "lane_busy")
    assert answer.json()["detail"] == "the barrier is open for another car"
    assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize("gate_id", ["riverside.nowhere", "hillside.entry-1", "riverside", "+/#", "RIVERSIDE.ENTRY-1"])
async def test_an_unknown_gate(site: Site, gate_id: str) -> None:
    answer = await knock(await site.driver(), gate_id, license_plate=PLATE)
    assert (answer.status_code, answer.json()["code"]) == (404, "gate_unknown")
