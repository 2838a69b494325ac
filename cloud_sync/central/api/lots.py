"""Lots and spots: open to everybody, nothing here is about a person."""

from typing import Annotated

from fastapi import APIRouter, Query

from cloud_sync.central import documents
from cloud_sync.central.api.caller import Desk, Name, PathName, When
from cloud_sync.central.api.problems import problems
from cloud_sync.central.booking import PAST_TOLERANCE
from domain.errors import BadInput
from domain.spot import VehicleType
from domain.window import Window

routes = APIRouter(tags=["lots"], responses=problems(404))


@routes.get("/lots")
def lots(office: Desk) -> documents.Lots:
    return documents.lots(office)


@routes.get("/lots/{lot_id}")
def lot(office: Desk, lot_id: PathName) -> documents.LotDocument:
    return documents.lot(office, lot_id)


@routes.get("/spots/available")
def available(
    office: Desk,
    lot_id: Annotated[Name, Query()],
    vehicle_type: VehicleType,
    start_time: When,
    end_time: When,
) -> documents.Offers:
    window = Window(start_time, end_time)
    if window.start < office.clock().utc - PAST_TOLERANCE:
        raise BadInput("window_past", "start_time is in the past")
    return documents.offers(office, lot_id, vehicle_type, window)


@routes.get("/spots/{spot_id}")
def spot(office: Desk, spot_id: PathName) -> documents.SpotDocument:
    return documents.spot(office, spot_id)
