"""Rows as central writes them, for tests of one part alone."""

from datetime import datetime, timedelta
from typing import Any

from cloud_sync.central.booking import State
from cloud_sync.central.saga import Step
from cloud_sync.central.tables import Booking, Payment, ReservationCopy, StayCopy
from domain.reservation import Status
from tests.cloud_sync.central.street import END, LOT, SPOT, START
from tests.parts import NOON

RESERVATION = "0000000001"


def booking(reservation_id: str = RESERVATION, **said: Any) -> Booking:
    """A hold that the hub has granted."""
    fields = {"lot_id": LOT, "state": State.HELD.value, **said}
    return Booking(
        reservation_id=reservation_id,
        user_id="usr_1",
        vehicle_id="veh_1",
        spot_id=SPOT,
        start_time=START,
        end_time=END,
        asked_at=NOON,
        **fields,
    )


def payment(reservation_id: str = RESERVATION, attempt: int = 1, **said: Any) -> Payment:
    """8.00 EUR that are authorised, and about to be captured."""
    fields = {"step": Step.CAPTURE.value, "lot_id": LOT, "amount_minor": 800, "created_at": NOON, **said}
    return Payment(
        payment_id=f"pay_{reservation_id}_{attempt}",
        reservation_id=reservation_id,
        attempt=attempt,
        user_id="usr_1",
        currency="EUR",
        method_token=None,
        intent_id=f"pi_{attempt}",
        hold_expires_at=NOON + timedelta(minutes=10),
        window_end=END,
        **fields,
    )


def reservation(
    reservation_id: str = RESERVATION,
    status: Status = Status.CONFIRMED,
    *,
    spot_id: str = SPOT,
    start: datetime = START,
    end: datetime = END,
    **said: Any,
) -> ReservationCopy:
    """A reservation as its hub told of it."""
    fields = {"lot_id": LOT, "user_id": "usr_1", "hold_expires_at": None, "created_at": NOON, **said}
    return ReservationCopy(
        reservation_id=reservation_id,
        revision=1,
        status=status.value,
        spot_id=spot_id,
        vehicle_id="veh_1",
        start_time=start,
        end_time=end,
        price_minor=800,
        currency="EUR",
        cause="test",
        changed_at=NOON,
        **fields,
    )


def stay(stay_id: str, **said: Any) -> StayCopy:
    """A car that came in at the start of the window and is still there."""
    return StayCopy(**{"stay_id": stay_id, "lot_id": LOT, "spot_id": SPOT, "entered_at": START, **said})
