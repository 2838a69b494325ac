"""Opening a gate from afar: not available yet. What comes in is checked all the same, so that clients can be built."""

from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field, SecretStr, StringConstraints, model_validator

from cloud_sync.central import documents
from cloud_sync.central.accounts import Caller
from cloud_sync.central.api.caller import Desk, Me, Name, must_be_theirs, named_reservation
from cloud_sync.central.office import Office
from domain.errors import NotFound, Refused
from domain.ids import is_unit_id
from domain.plate import Plate

routes = APIRouter(prefix="/gate", tags=["gate"])


class CheckOut(BaseModel):
    """Exactly one of the ways to say which reservation."""

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
    qr_code: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] | None = None


@routes.post("/check-in", status_code=501)
def check_in(office: Desk, me: Me, asked: CheckIn) -> None:
    _check(office, me, asked)
    raise Refused("not_available_yet", "checking in from afar is not available yet; show the ticket at the gate")


@routes.post("/check-out", status_code=501)
def check_out(office: Desk, me: Me, asked: CheckOut) -> None:
    _check(office, me, asked)
    raise Refused("not_available_yet", "checking out from afar is not available yet; the exit opens for every car")


def _check(office: Office, me: Caller, asked: CheckOut) -> None:
    if not is_unit_id(asked.gate_id) or not documents.has_gate(office, asked.gate_id):
        raise NotFound("gate_unknown", "there is no such gate")
    if asked.license_plate is not None:
        Plate.parse(asked.license_plate.get_secret_value())
    if asked.reservation_id is not None:
        known = documents.reservation(office, named_reservation(asked.reservation_id))
        must_be_theirs(me, known.user_id, "reservation")
