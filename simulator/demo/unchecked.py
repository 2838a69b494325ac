"""Asks a lot's hub for a hold as central does, with central's account at the broker, past what central checks first.

What a hub may not grant it has to refuse by itself, whoever asks. Nothing is written at central.
"""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta

from cloud_sync.link import topics
from cloud_sync.link.mqtt import Link
from cloud_sync.link.settings import Broker
from cloud_sync.link.v1.messages import HoldRequest, Reply
from domain import ids
from domain.money import Money
from domain.now import parse_instant
from domain.spot import VehicleType
from simulator.demo.configuration import CURRENCY, LotSite
from simulator.demo.driver import WAIT_S_MAX, Driver
from simulator.demo.site import Site


async def hold_unchecked(site: Site, lot: LotSite, driver: Driver, spot_id: str, window: dict[str, str]) -> Reply:
    """What the hub answers. Raises TimeoutError or TryLater where it does not within `WAIT_S_MAX`."""
    client, password = f"central-{secrets.token_hex(4)}", site.central_password()
    broker = Broker(port=site.central.broker_port, username="central", password=password)
    link, connected = Link(broker, client, replies=topics.lot_replies("+", client)), asyncio.Event()
    link.when_connected(connected.set)
    running = asyncio.create_task(link.run())
    try:
        async with asyncio.timeout(WAIT_S_MAX):
            await connected.wait()
        request, replies = topics.lot_requests(lot.lot_id, "hold"), topics.lot_replies(lot.lot_id, client)
        return await link.request(request, _hold(site, lot, driver, spot_id, window), replies, WAIT_S_MAX)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _hold(site: Site, lot: LotSite, driver: Driver, spot_id: str, window: dict[str, str]) -> HoldRequest:
    return HoldRequest(
        reservation_id=ids.reservation_id(secrets.randbits(ids.ID_BITS)),
        spot_id=spot_id,
        user_id=driver.user_id,
        vehicle_id=driver.vehicle_id,
        driver_name=driver.name,
        vehicle_type=VehicleType(driver.vehicle_type),
        plate=site.plate_key(lot.lot_id).seal(driver.number.plate),
        start_time=parse_instant(window["start_time"]),
        end_time=parse_instant(window["end_time"]),
        price=Money(0, CURRENCY),
        answer_by=datetime.now(UTC) + timedelta(seconds=WAIT_S_MAX),
    )
