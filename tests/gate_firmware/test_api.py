"""The gate's local interface: the lane now, and the last decision as every program gets it."""

import json
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

import gate_firmware
from cloud_sync.link import limits
from cloud_sync.link.mqtt import Link
from cloud_sync.link.process import bound_socket, serve_http
from cloud_sync.link.settings import Broker
from cloud_sync.link.v1.facts import GateDecided
from domain.fact import Fact
from domain.ids import shown
from domain.reservation import Status
from domain.tries import Tries
from gate_firmware.api import local_api
from gate_firmware.events import Identified, Sight
from gate_firmware.keypad import TypedIds
from gate_firmware.lane_states import State
from gate_firmware.screens import Screens
from tests.gate_firmware.gate import OTHER, PLATE, SEAL, SPOT, Gate, rid, right, stay
from tests.parts import ENTRY, EXIT, running

ANSWERS = ("api", "keypad", "problems", "screens", "service", "identification")
"""What its answers come from."""

RUNNING = Path(__file__).parents[2] / "docs" / "running.md"


def api_of(gate: Gate) -> FastAPI:
    async def identify(said: Identified) -> Fact:
        gate.happens(said)
        decided = gate.journal.last_own(GateDecided.kind)
        assert decided is not None
        return decided

    keypad = Tries("ids", tries_max=5, locked_s=300)
    typed_ids = TypedIds(keypad, identify, lambda typed: gate.replica.right(typed) is not None, lambda: gate.now)
    link = Link(Broker(port=1), "gate@1")
    return local_api(gate.unit, gate.direction, gate.lane, gate.journal, link, typed_ids, Screens())


@asynccontextmanager
async def serving(gate: Gate) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api_of(gate)), base_url="http://gate") as client:
        yield client


@pytest.fixture
async def screen(entry: Gate) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(entry) as client:
        yield client


@pytest.fixture
async def way_out(exit_: Gate) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(exit_) as client:
        yield client


async def test_a_lane_that_nobody_has_come_to(screen: httpx.AsyncClient) -> None:
    assert (await screen.get("/state")).json() == {
        "gate_id": ENTRY,
        "lane": "idle",
        "mode": "automatic",
        "signal": "red",
        "display": ["WELCOME", "PLEASE DRIVE UP"],
        "hub_connected": False,
        "last_decision": None,
    }


async def test_a_car_that_is_let_in(entry: Gate, screen: httpx.AsyncClient) -> None:
    entry.hub_says(right())
    passage_id = entry.car_comes()
    entry.now = entry.now.later(412)
    entry.seen(passage_id)
    state = (await screen.get("/state")).json()
    assert (state["lane"], state["signal"], state["display"]) == ("opening", "green", ["WELCOME", "YOUR SPOT 1-042"])
    assert state["last_decision"] == {
        "decision": "admit",
        "reason": "booked",
        "gate_id": ENTRY,
        "reservation_id": rid(1),
        "spot_id": SPOT,
        "at": "2026-05-14T12:00:00.412Z",
        "took_ms": 412,
    }


async def test_no_plate_is_in_it(entry: Gate, screen: httpx.AsyncClient) -> None:
    entry.hub_says(right())
    entry.seen(entry.car_comes(), Sight.STRANGER, OTHER)
    body = (await screen.get("/state")).text
    for plate in (PLATE, OTHER):
        assert plate.open not in body
        assert SEAL.mark(plate) not in body


async def test_a_bug_is_a_problem_too_and_is_logged(
    entry: Gate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def bug(_kind: str) -> Fact:
        raise ZeroDivisionError("what only the log is to know")

    monkeypatch.setattr(entry.journal, "last_own", bug)
    app = api_of(entry)
    with bound_socket("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        async with running(serve_http(app, listening)), httpx.AsyncClient() as screen:
            answer = await screen.get(f"http://127.0.0.1:{port}/state")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "what only" not in answer.text
    assert "what only the log is to know" in caplog.text


def test_there_is_nothing_but_what_is_documented(entry: Gate) -> None:
    """Whatever is mounted or routed in any way: a route of another kind fails here."""
    offered = set()
    for route in api_of(entry).routes:
        assert isinstance(route, APIRoute), route
        offered |= {f"{method} {route.path}" for method in route.methods or ()}
    section = RUNNING.read_text(encoding="utf-8").partition("## The gate's local interface")[2].partition("\n## ")[0]
    assert offered == set(re.findall(r"^\| `([A-Z]+ /\S*)` \|", section, re.MULTILINE)) != set()


async def test_so_is_each_field_of_the_state_and_each_error(screen: httpx.AsyncClient) -> None:
    section = RUNNING.read_text(encoding="utf-8").partition("## The gate's local interface")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", section))
    assert set((await screen.get("/state")).json()) - named == set()
    files = [*(Path(gate_firmware.__path__[0]) / f"{name}.py" for name in ANSWERS), Path(limits.__file__)]
    sources = [path.read_text(encoding="utf-8") for path in files]
    raised = r'(?:Refused|TryLater|BadInput|problem)\((?:\d+, )?"([a-z_]+)"'
    codes = {code for source in sources for code in re.findall(raised, source)}
    assert {"no_car", "lane_busy", "input_invalid", "body_too_large", "internal_error"} <= codes, "each way is seen"
    assert codes - named == set()


async def test_and_no_other_method(screen: httpx.AsyncClient) -> None:
    assert (await screen.get("/openapi.json")).status_code == 404
    assert (await screen.post("/state")).status_code == 405


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem document that is one in every way."""
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["type"] == f"urn:gatehouse:problem:{document['code']}"
    assert document["title"]
    assert document["detail"]
    return answer.status_code, document["code"]


async def typed(client: httpx.AsyncClient, path: str, reservation_id: object = shown(rid(1))) -> httpx.Response:
    return await client.post(path, json={"reservation_id": reservation_id})


class TestCheckIn:
    async def test_lets_in_and_answers_with_the_decision(self, entry: Gate, screen: httpx.AsyncClient) -> None:
        entry.hub_says(right())
        entry.car_comes()
        entry.now = entry.now.later(900)
        answer = await typed(screen, "/check-in")
        assert answer.status_code == 200
        assert answer.json() == {
            "decision": "admit",
            "reason": "booked",
            "gate_id": ENTRY,
            "reservation_id": rid(1),
            "spot_id": SPOT,
            "at": "2026-05-14T12:00:00.900Z",
            "took_ms": 900,
        }
        assert entry.lane.state is State.OPENING
        assert (await screen.get("/state")).json()["last_decision"] == answer.json()

    async def test_a_refusal_is_an_answer(self, entry: Gate, screen: httpx.AsyncClient) -> None:
        entry.hub_says(right(start=5, end=6))
        entry.car_comes()
        answer = await typed(screen, "/check-in")
        assert (answer.status_code, answer.json()["decision"], answer.json()["reason"]) == (200, "refuse", "too_early")

    async def test_without_a_car(self, screen: httpx.AsyncClient) -> None:
        assert problem(await typed(screen, "/check-in")) == (409, "no_car")

    async def test_at_an_exit(self, way_out: httpx.AsyncClient) -> None:
        answer = await typed(way_out, "/check-in")
        assert problem(answer) == (409, "wrong_direction")
        assert "POST /check-out" in answer.json()["detail"]

    async def test_while_another_car_passes(self, entry: Gate, screen: httpx.AsyncClient) -> None:
        entry.hub_says(right(), right(2, plate=OTHER))
        entry.admitted()
        answer = await typed(screen, "/check-in", rid(2))
        assert problem(answer) == (503, "lane_busy")
        assert int(answer.headers["retry-after"]) > 0

    async def test_a_typing_error_and_then_too_many_of_them(self, entry: Gate, screen: httpx.AsyncClient) -> None:
        entry.car_comes()
        assert problem(await typed(screen, "/check-in", "7K3MQ-2XD9Q")) == (422, "reservation_id_invalid")
        answer = await typed(screen, "/check-in", "7K3MQ-2XD9Q")
        assert problem(answer) == (429, "too_many_tries")
        assert answer.headers["retry-after"] == "1"

    @pytest.mark.parametrize("body", [b"", b"{}", b'{"reservation_id": 7}', b'{"reservation_id": null}', b"[]"])
    async def test_what_is_not_as_documented(self, screen: httpx.AsyncClient, body: bytes) -> None:
        answer = await screen.post("/check-in", content=body, headers={"content-type": "application/json"})
        assert problem(answer) == (422, "input_invalid")

    @pytest.mark.parametrize("sent_as", ["application/x-www-form-urlencoded", "text/plain", None])
    async def test_what_is_not_said_to_be_json_is_told_so(
        self, entry: Gate, screen: httpx.AsyncClient, sent_as: str | None
    ) -> None:
        """As curl sends it by itself."""
        entry.hub_says(right())
        entry.car_comes()
        body = json.dumps({"reservation_id": shown(rid(1))}).encode()
        headers = {} if sent_as is None else {"content-type": sent_as}
        answer = await screen.post("/check-in", content=body, headers=headers)
        assert problem(answer) == (422, "input_invalid")
        assert "Content-Type: application/json" in answer.json()["detail"]
        answer = await screen.post(
            "/check-in", content=body, headers={"content-type": "application/json; charset=utf-8"}
        )
        assert answer.status_code == 200

    async def test_the_line_in_the_guide_is_as_it_is_taken(self, entry: Gate, screen: httpx.AsyncClient) -> None:
        [line] = re.findall(r"^curl (.*/check-in.*)$", RUNNING.read_text(encoding="utf-8"), re.MULTILINE)
        _, name, _, body, url = shlex.split(line)
        entry.hub_says(right())
        entry.car_comes()
        header, _, value = name.partition(": ")
        answer = await screen.post(httpx.URL(url).path, content=body, headers={header: value})
        assert "not as documented" not in answer.text
        assert "Content-Type" not in answer.text

    async def test_a_body_that_is_too_large(self, screen: httpx.AsyncClient) -> None:
        """A gate has little memory, and nothing long to be told."""
        answer = await screen.post("/check-in", content=b" " * 1_000_000)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")

    async def test_no_such_path(self, screen: httpx.AsyncClient) -> None:
        assert problem(await screen.get("/open")) == (404, "not_found")
        assert problem(await screen.get("/check-in")) == (405, "method_not_allowed")


class TestCheckOut:
    async def test_names_the_car_whose_stay_ends(self, exit_: Gate, way_out: httpx.AsyncClient) -> None:
        exit_.hub_says(right(), right(status=Status.CHECKED_IN, revision=3), stay())
        exit_.car_comes()
        answer = (await typed(way_out, "/check-out")).json()
        assert (answer["decision"], answer["reason"], answer["gate_id"]) == ("release", "stay_closed", EXIT)
        assert answer["reservation_id"] == rid(1)
        exit_.through()
        assert exit_.passages[0].reservation_id == rid(1)

    async def test_also_when_the_arm_is_up_for_it_already(self, exit_: Gate, way_out: httpx.AsyncClient) -> None:
        exit_.hub_says(right(), right(status=Status.CHECKED_IN, revision=3), stay())
        exit_.seen(exit_.car_comes(), Sight.UNSURE, None)
        answer = (await typed(way_out, "/check-out")).json()
        assert (answer["decision"], answer["reservation_id"]) == ("release", rid(1))

    async def test_without_a_car(self, way_out: httpx.AsyncClient) -> None:
        assert problem(await typed(way_out, "/check-out")) == (409, "no_car")

    async def test_at_an_entry(self, screen: httpx.AsyncClient) -> None:
        answer = await typed(screen, "/check-out")
        assert problem(answer) == (409, "wrong_direction")
        assert "POST /check-in" in answer.json()["detail"]
