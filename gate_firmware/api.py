"""The gate's local HTTP interface, on loopback: what a screen or keypad in the lane, or who services it, may ask."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Protocol

from fastapi import Depends, FastAPI
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from cloud_sync.link.journal import Journal
from cloud_sync.link.limits import BodyLimit
from cloud_sync.link.v1.facts import Direction, GateDecided
from domain.errors import Refused
from domain.fact import Fact
from domain.now import rfc3339
from gate_firmware.keypad import TypedIds
from gate_firmware.lane import Lane
from gate_firmware.problems import answer_with_problems, problem
from gate_firmware.screens import Screens


class Hub(Protocol):
    """The lot's hub, as seen from here."""

    @property
    def connected(self) -> bool: ...


class Typed(BaseModel):
    """What was typed at the lane's keypad."""

    reservation_id: str


def local_api(
    gate_id: str,
    direction: Direction,
    lane: Lane,
    journal: Journal,
    hub: Hub,
    typed_ids: TypedIds,
    screens: Screens,
) -> FastAPI:
    """The lane now and from now on, and reservation ids that are typed at it; see docs/running.md."""
    app = FastAPI(title=f"Gatehouse gate {gate_id}", docs_url=None, redoc_url=None, openapi_url=None)
    answer_with_problems(app)
    app.add_middleware(BodyLimit, problem=problem)

    def state_now() -> dict[str, Any]:
        last = journal.last_own(GateDecided.kind)
        return {
            "gate_id": gate_id,
            "lane": lane.state.value,
            "mode": lane.mode.value,
            "signal": lane.told.signal.value,
            "display": [lane.told.line1, lane.told.line2],
            "hub_connected": hub.connected,
            "last_decision": None if last is None else gate_answer(last),
        }

    async def screen() -> AsyncIterator[asyncio.Event]:
        with screens.one_more() as news:
            yield news

    @app.get("/state")
    async def state() -> dict[str, Any]:
        return state_now()

    @app.get("/events", response_class=EventSourceResponse)
    async def events(news: Annotated[asyncio.Event, Depends(screen)]) -> AsyncIterator[ServerSentEvent]:
        async for now in screens.follow(news, state_now):
            yield ServerSentEvent(data=now, event="state")

    @app.post("/check-in")
    async def check_in(typed: Typed) -> dict[str, Any]:
        return gate_answer(await _typed(typed, Direction.ENTRY))

    @app.post("/check-out")
    async def check_out(typed: Typed) -> dict[str, Any]:
        return gate_answer(await _typed(typed, Direction.EXIT))

    async def _typed(typed: Typed, at: Direction) -> Fact:
        if at is not direction:
            path = "/check-in" if direction is Direction.ENTRY else "/check-out"
            raise Refused("wrong_direction", f"{gate_id} is an {direction.value} lane: ask it by POST {path}")
        return await typed_ids.typed(typed.reservation_id)

    return app


def gate_answer(fact: Fact) -> dict[str, Any]:
    """A decision as every program gets it."""
    decided = fact.payload
    return {
        "decision": decided["verdict"],
        "reason": decided["reason"],
        "gate_id": fact.unit,
        "reservation_id": decided["reservation_id"],
        "spot_id": decided["spot_id"],
        "at": rfc3339(fact.at),
        "took_ms": decided["took_ms"],
    }
