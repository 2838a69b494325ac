"""The demo's driver, against a central that answers as it is told."""

import httpx
import pytest

from domain.plate import Plate
from simulator.demo import driver as drivers
from simulator.demo.driver import Driver, until
from simulator.demo.timeline import StepFailed
from simulator.street.plates import NumberPlate

Answers = list[httpx.Response | Exception]


def driver(answers: Answers) -> Driver:
    """Whose central gives these answers one after the other, and then the last one for ever."""

    def handle(request: httpx.Request) -> httpx.Response:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content)

    http = httpx.AsyncClient(transport=httpx.MockTransport(handle), base_url="http://central")
    return Driver(http, "Dana", NumberPlate.of(Plate("BGH1234")))


def payment(status: str, code: int = 200) -> httpx.Response:
    return httpx.Response(code, json={"payment_id": "pay_1", "status": status})


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two looks."""
    monkeypatch.setattr(drivers, "LOOK_EVERY_S", 0)


async def test_a_payment_is_waited_for_also_while_central_is_down() -> None:
    down = httpx.ConnectError("refused")
    dana = driver([payment("processing", 202), payment("processing"), down, payment("succeeded")])
    assert (await dana.pay("r"))["status"] == "succeeded"


async def test_a_declined_payment_fails_the_step_at_once() -> None:
    with pytest.raises(StepFailed, match=r"^POST /payments: 402"):
        await driver([payment("failed", 402)]).pay("r")


async def test_what_is_not_seen_in_time_fails_with_what_was_seen_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "WAIT_S_MAX", 0)

    async def look() -> str:
        return "processing"

    with pytest.raises(StepFailed, match=r"not paid within 0 s"):
        await until(look, lambda status: status == "succeeded", "paid")


async def test_another_status_than_expected_names_the_request_and_the_answer() -> None:
    with pytest.raises(StepFailed, match=r"GET /lots: 503 in place of 200: away"):
        await driver([httpx.Response(503, text="away")]).get("/lots")


async def test_an_answer_that_is_no_picture_is_no_ticket() -> None:
    with pytest.raises(StepFailed, match="GET ticket: 409"):
        await driver([httpx.Response(409)]).ticket_picture("r")
