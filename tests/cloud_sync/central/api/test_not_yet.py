"""What is not available yet: checked, and answered 501; nothing else is."""

import pytest

from cloud_sync.central.accounts import Caller, Role
from tests.cloud_sync.central.site import Site
from tests.cloud_sync.central.street import GATE

GONE = "urn:gatehouse:problem:not_available_yet"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("check-in", {"gate_id": GATE, "license_plate": "B-GH 1234"}, 501),
        ("check-in", {"gate_id": GATE, "qr_code": "6BF..."}, 501),
        ("check-out", {"gate_id": GATE, "license_plate": "B-GH 1234"}, 501),
        ("check-out", {"gate_id": GATE}, 422),
        ("check-in", {"gate_id": GATE, "license_plate": "B-GH 1234", "qr_code": "6BF"}, 422),
        ("check-in", {"gate_id": GATE, "license_plate": "?!"}, 422),
        ("check-in", {"gate_id": "riverside.nowhere", "license_plate": "B-GH 1234"}, 404),
        ("check-in", {"gate_id": GATE, "reservation_id": "0000000000"}, 404),
    ],
)
async def test_a_gate_from_afar(site: Site, path: str, body: dict[str, str], status: int) -> None:
    driver = await site.driver()
    answer = await driver.post(f"/gate/{path}", body)
    assert answer.status_code == status
    assert (answer.json()["type"] == GONE) is (status == 501)
    assert (await driver.http.post(f"/gate/{path}", json=body)).status_code == 401 or status == 422


async def test_a_gate_for_somebody_elses_reservation(site: Site) -> None:
    driver, other = await site.driver(), await site.driver("other@example.com")
    mine = {"gate_id": GATE, "reservation_id": (await driver.book()).json()["reservation_id"]}
    assert (await driver.post("/gate/check-in", mine)).status_code == 501
    assert (await other.post("/gate/check-in", mine)).status_code == 404


async def test_a_refund_by_hand(site: Site) -> None:
    driver = await site.driver()
    payment_id = (await driver.pay((await driver.book()).json()["reservation_id"])).json()["payment_id"]
    body = {"reason": "goodwill", "amount": {"amount_minor": 100, "currency": "EUR"}}
    path = f"/payments/{payment_id}/refund"
    assert (await driver.post(path, body)).status_code == 403
    token = site.office.tokens.issue(Caller("usr_operator", Role.OPERATOR), site.watch().utc)
    driver.headers = {"Authorization": f"Bearer {token}"}
    assert (await driver.post(path, body)).json()["type"] == GONE
    assert (await driver.post("/payments/pay_unknown/refund", body)).status_code == 404
    assert (await driver.post(path, {**body, "amount": {"amount_minor": -1, "currency": "EUR"}})).status_code == 422
