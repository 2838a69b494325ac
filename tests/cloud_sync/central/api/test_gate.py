"""What the gate routes take; what comes of it: `test_checkin.py`."""

import pytest

from tests.cloud_sync.central.site import PLATE, Site
from tests.cloud_sync.central.street import EXIT_GATE, GATE


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("check-in", {"gate_id": GATE, "license_plate": PLATE}, 404),
        ("check-out", {"gate_id": EXIT_GATE, "license_plate": PLATE}, 404),
        ("check-out", {"gate_id": GATE}, 422),
        ("check-in", {"gate_id": GATE, "license_plate": PLATE, "qr_code": "6BF"}, 422),
        ("check-in", {"gate_id": GATE, "license_plate": "?!"}, 422),
        ("check-in", {"gate_id": GATE, "reservation_id": "0000000000"}, 404),
        ("check-in", {"gate_id": GATE, "reservation_id": "nonsense"}, 404),
        ("check-out", {"gate_id": EXIT_GATE, "qr_code": "6BFTICKET"}, 422),
    ],
)
async def test_exactly_one_way_to_say_which(site: Site, path: str, body: dict[str, str], status: int) -> None:
    driver = await site.driver()
    answer = await driver.post(f"/gate/{path}", body)
    assert answer.status_code == status
    assert "6BFTICKET" not in answer.text
    assert (await driver.http.post(f"/gate/{path}", json=body)).status_code == 401 or status == 422
