"""Opening a gate from afar."""

import asyncio
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from cloud_sync.central.accounts import Caller
from cloud_sync.central.api.caller import Desk, Me, Name, named_reservation
from cloud_sync.central.api.problems import problems
from cloud_sync.central.checkin import Knock
from cloud_sync.central.documents import GateAnswer
from cloud_sync.central.office import Office
from cloud_sync.link.v1.facts import Direction
from domain.plate import Plate

routes = APIRouter(prefix="/gate", tags=["gate"], responses=problems(401, 404, 409))


class CheckOut(BaseModel):
    """Exactly one of the ways to say which reservation."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"gate_id": "riverside.exit-1", "reservation_id": "WN2JR-KN83T"}]}
    )

    gate_id: Name
    reservation_id: Name | None = None
    license_plate: SecretStr | None = Field(default=None, min_length=1, max_length=20)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [name for name in type(self).model_fields if name != "gate_id" and getattr(self, name) is not None]
        if len(ways) != 1:
            raise ValueError("say which reservation in exactly one way")
        return self


class CheckIn(CheckOut):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"gate_id": "riverside.entry-1", "reservation_id": "WN2JR-KN83T"}]}
    )

    qr_code: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] | None = None


@routes.post("/check-in")
async def check_in(office: Desk, me: Me, asked: CheckIn) -> GateAnswer:
    """Have an entry gate decide on the car before it. 200 with what it decided, also where that is to ask or refuse.

    A driver does this for their own reservation, vehicle or ticket, and only while a car stands on the lane's loop.
    """
    return await _knock(office, me, asked, Direction.ENTRY, asked.qr_code)


@routes.post("/check-out")
async def check_out(office: Desk, me: Me, asked: CheckOut) -> GateAnswer:
    """Have an exit gate let the car before it out. It opens for any car; this says which stay ends."""
    return await _knock(office, me, asked, Direction.EXIT)


async def _knock(
    office: Office, me: Caller, asked: CheckOut, direction: Direction, ticket: str | None = None
) -> GateAnswer:
    reservation_id, plate = asked.reservation_id, asked.license_plate
    knock = Knock(
        gate_id=asked.gate_id,
        direction=direction,
        reservation_id=None if reservation_id is None else named_reservation(reservation_id),
        plate=None if plate is None else Plate.parse(plate.get_secret_value()),
        ticket=ticket,
    )
    lot_id, request = await asyncio.to_thread(office.check_ins.request, knock, me)
    answer = await office.check_ins.ask(lot_id, request)
    told = await asyncio.to_thread(office.check_ins.may_see, answer, me)
    return GateAnswer(
        decision=answer.verdict,
        reason=answer.reason,
        gate_id=asked.gate_id,
        reservation_id=answer.reservation_id if told else None,
        spot_id=answer.spot_id if told else None,
        at=answer.at,
        took_ms=answer.took_ms,
    )
