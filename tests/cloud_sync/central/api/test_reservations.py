"""Tickets, and the ways to name a reservation."""

from domain.ids import shown
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import SPOT

OFFERED = ("image/png", "image/svg+xml", "text/plain")


async def test_a_ticket_comes_once_it_is_confirmed(site: Site) -> None:
    driver = await site.driver()
    reservation_id = (await driver.book()).json()["reservation_id"]
    path = f"/reservations/{shown(reservation_id).lower()}/ticket"
    early = await driver.get(path)
    assert (early.status_code, early.json()["code"]) == (409, "ticket_not_valid")
    await driver.pay(reservation_id)
    png, svg, text = [await driver.get(path, Accept=accept) for accept in OFFERED]
    assert png.content.startswith(b"\x89PNG")
    assert b"<svg" in svg.content
    assert text.text == f"TICKET {reservation_id} {SPOT}"
    assert [answer.headers["content-type"].split(";")[0] for answer in (png, svg, text)] == list(OFFERED)
    assert png.headers["cache-control"] == "no-store"
    assert (await driver.get(path, Accept="text/html")).status_code == 406
    other = await site.driver("other@example.com")
    assert (await other.get(path)).status_code == 404
    await driver.cancel(reservation_id)
    assert (await driver.get(path)).status_code == 409


async def test_an_id_with_a_typing_error_is_unknown(site: Site) -> None:
    driver = await site.driver()
    for name in ("7K3MQ-2XD9P", "0000000000", "x", "%2e%2e"):
        assert (await driver.get(f"/reservations/{name}")).json()["code"] == "reservation_unknown"
