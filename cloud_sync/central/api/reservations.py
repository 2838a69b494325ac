"""Reservations and their tickets."""

import asyncio
import io
from typing import Annotated

import segno
from fastapi import APIRouter, Header
from fastapi.responses import Response
from pydantic import BaseModel

from cloud_sync.central import documents
from cloud_sync.central.accounts import Caller
from cloud_sync.central.api.accept import preferred
from cloud_sync.central.api.caller import Desk, Me, Name, PathName, When, must_be_theirs, named_reservation
from cloud_sync.central.booking import Wish
from cloud_sync.central.office import Office
from domain.errors import Refused
from domain.reservation import Status
from domain.window import Window

routes = APIRouter(prefix="/reservations", tags=["reservations"])

QR_SCALE = 6
"""Pixels a module: a version 9 code is 61 modules wide with its quiet zone, 366 px on a phone."""

_PNG, _SVG, _TEXT = "image/png", "image/svg+xml", "text/plain"
_WITH_TICKET = (Status.CONFIRMED, Status.CHECKED_IN)


class NewReservation(BaseModel):
    spot_id: Name
    user_id: Name
    vehicle_id: Name
    start_time: When
    end_time: When


@routes.post("", status_code=201)
async def book(office: Desk, me: Me, new: NewReservation) -> documents.ReservationDocument:
    """Asking again for what one holds already answers 201 with that reservation."""
    must_be_theirs(me, new.user_id, "user")
    window = Window(new.start_time, new.end_time)
    reservation_id = await office.bookings.hold(Wish(new.user_id, new.vehicle_id, new.spot_id, window))
    return await asyncio.to_thread(documents.reservation, office, reservation_id)


@routes.get("/{reservation_id}")
def reservation(office: Desk, me: Me, reservation_id: PathName) -> documents.ReservationDocument:
    return _theirs(office, me, reservation_id)


@routes.put("/{reservation_id}/cancel")
async def cancel(office: Desk, me: Me, reservation_id: PathName) -> documents.ReservationDocument:
    """Cancelling what is cancelled already changes nothing and answers 200."""
    known = await asyncio.to_thread(_theirs, office, me, reservation_id)
    await office.cancellations.cancel(known.reservation_id)
    return await asyncio.to_thread(documents.reservation, office, known.reservation_id)


@routes.get(
    "/{reservation_id}/ticket",
    response_class=Response,
    responses={200: {"content": {_PNG: {}, _SVG: {}, _TEXT: {}}}},
)
def ticket(office: Desk, me: Me, reservation_id: PathName, accept: Annotated[str, Header()] = "*/*") -> Response:
    known = _theirs(office, me, reservation_id)
    media_type = preferred(accept, (_PNG, _SVG, _TEXT))
    if media_type is None:
        raise Refused("not_acceptable", f"a ticket comes as {_PNG}, {_SVG} or {_TEXT}")
    text = documents.ticket(office, known.reservation_id)
    if text is None or known.status not in _WITH_TICKET:
        raise Refused("ticket_not_valid", f"a reservation that is {known.status.value} has no ticket that opens a gate")
    # Whoever has the picture comes in: no cache on the way keeps it.
    return Response(_qr(text, media_type), media_type=media_type, headers={"Cache-Control": "no-store"})


def _theirs(office: Office, me: Caller, reservation_id: str) -> documents.ReservationDocument:
    known = documents.reservation(office, named_reservation(reservation_id))
    must_be_theirs(me, known.user_id, "reservation")
    return known


def _qr(text: str, media_type: str) -> bytes:
    if media_type == _TEXT:
        return text.encode()
    picture = io.BytesIO()
    segno.make_qr(text, error="m").save(picture, kind=media_type[6:9], scale=QR_SCALE)
    return picture.getvalue()
