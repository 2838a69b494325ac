"""The gate's local HTTP interface, on loopback: what a screen in the lane, or whoever services it, may ask."""

from typing import Any

from fastapi import FastAPI

from cloud_sync.link.journal import Journal
from cloud_sync.link.mqtt import Link
from cloud_sync.link.v1.facts import GateDecided
from domain.fact import Fact
from domain.now import rfc3339
from gate_firmware.lane import Lane


def local_api(gate_id: str, lane: Lane, journal: Journal, link: Link) -> FastAPI:
    """`GET /state`: the lane now, what the driver is told, and the last decision in the form of a gate answer."""
    app = FastAPI(title=f"Gatehouse gate {gate_id}", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/state")
    async def state() -> dict[str, Any]:
        last = journal.last_own(GateDecided.kind)
        return {
            "gate_id": gate_id,
            "lane": lane.state.value,
            "signal": lane.told.signal.value,
            "display": [lane.told.line1, lane.told.line2],
            "hub_connected": link.connected,
            "last_decision": None if last is None else gate_answer(last),
        }

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
