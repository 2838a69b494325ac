"""Reservations and their tickets."""

import asyncio
import io
from typing import Annotated

import segno
from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict

from cloud_sync.central import documents
from cloud_sync.central.accounts import Caller
from cloud_sync.central.api.accept import preferred
from cloud_sync.central.api.caller import Desk, Me, Name, PathName, When, must_be_theirs, named_reservation
from cloud_sync.central.api.problems import problems
from cloud_sync.central.booking import Wish
from cloud_sync.central.documents import ReservationStatus
from cloud_sync.central.office import Office
from domain.errors import Refused
from domain.window import Window

routes = APIRouter(prefix="/reservations", tags=["reservations"], responses=problems(401, 404))

PATIENCE_S = 20
"""How long a driver waits for the lot's answer to their cancelling before they are told that it goes on."""

QR_SCALE = 6
"""Pixels a module: a version 9 code is 61 modules wide with its quiet zone, 366 px on a phone."""

_PNG, _SVG, _TEXT = "image/png", "image/svg+xml", "text/plain"
_PICTURE = {"schema": {"type": "string", "format": "binary"}}


class NewReservation(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "spot_id": "riverside.1-042",
                    "user_id": "usr_1",
                    "vehicle_id": "veh_1",
                    "start_time": "2030-05-01T10:00:00Z",
                    "end_time": "2030-05-01T12:00:00Z",
                }
            ]
        }
    )

    spot_id: Name
    user_id: Name
    vehicle_id: Name
    start_time: When
    end_time: When


@routes.post("", status_code=201, responses=problems(409))
async def book(office: Desk, me: Me, new: NewReservation) -> documents.ReservationDocument:
    """Asking again for what one holds already answers 201 with that reservation."""
    must_be_theirs(me, new.user_id, "user")
    window = Window(new.start_time, new.end_time)
    reservation_id = await office.bookings.hold(Wish(new.user_id, new.vehicle_id, new.spot_id, window))
    return await asyncio.to_thread(documents.reservation, office, reservation_id)


@routes.get("/{reservation_id}")
def reservation(office: Desk, me: Me, reservation_id: PathName) -> documents.ReservationDocument:
    return _theirs(office, me, reservation_id)


@routes.put(
    "/{reservation_id}/cancel",
    response_model=documents.ReservationDocument,
    responses={
        202: {"model": documents.ReservationDocument, "description": "the lot is still to be told"},
        **problems(409),
    },
)
async def cancel(office: Desk, me: Me, reservation_id: PathName) -> Response:
    """200 once the lot has given the spot up; 202 `cancelling` while it cannot be reached or a payment is under way.

    The instant of the first request counts. Cancelling what is cancelled already changes nothing and answers 200.
    """
    known = await asyncio.to_thread(_theirs, office, me, reservation_id)
    await asyncio.to_thread(office.cancellations.request, known.reservation_id)
    await asyncio.wait([office.following_up.start(known.reservation_id)], timeout=PATIENCE_S)
    document = await asyncio.to_thread(documents.reservation, office, known.reservation_id)
    if document.status not in (ReservationStatus.CANCELLED, ReservationStatus.CANCELLING):
        refusal = await asyncio.to_thread(office.cancellations.refusal, known.reservation_id)
        if refusal is not None:
            raise refusal
    status = 200 if document.status is ReservationStatus.CANCELLED else 202
    return JSONResponse(document.model_dump(mode="json"), status)


@routes.get(
    "/{reservation_id}/ticket",
    response_class=Response,
    responses={
        200: {"content": {_PNG: _PICTURE, _SVG: _PICTURE, _TEXT: {"schema": {"type": "string"}}}},
        **problems(406, 409),
    },
)
def ticket(office: Desk, me: Me, reservation_id: PathName, accept: Annotated[str, Header()] = "*/*") -> Response:
    known = _theirs(office, me, reservation_id)
    media_type = preferred(accept, (_PNG, _SVG, _TEXT))
    if media_type is None:
        raise Refused("not_acceptable", f"a ticket comes as {_PNG}, {_SVG} or {_TEXT}")
    text = documents.ticket(office, known.reservation_id)
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
