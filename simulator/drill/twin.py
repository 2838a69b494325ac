"""A second hub for the same lot, on a machine of its own: the same configuration, another disk and another page."""

from dataclasses import dataclass
from pathlib import Path

import httpx

from simulator.demo.configuration import LOOPBACK
from simulator.demo.site import NO_TLS, PROBE_S, answers
from simulator.demo.supervisor import Unit

FENCED = "fenced"
"""The alarm of a hub for which another one speaks."""


@dataclass(frozen=True, slots=True)
class Twin:
    """Its process, its database and its page."""

    unit: Unit
    database: Path
    page_url: str


def twin_of(hub: Unit, site: Path, page_port: int) -> Twin:
    """A twin of `hub`, its disk in the site's folder."""
    name, database, url = f"{hub.name}.twin", site / "twin" / f"{hub.name}.db", f"http://{LOOPBACK}:{page_port}"
    elsewhere = {"GATEHOUSE_STORE__PATH": str(database), "GATEHOUSE_PAGE__PORT": str(page_port)}
    unit = Unit(name, hub.command, hub.log.with_name(f"{name}.log"), answers(f"{url}/lot.json"), elsewhere)
    return Twin(unit, database, url)


async def is_fenced(page_url: str) -> bool:
    """Whether a hub's page shows that it has stopped."""
    async with httpx.AsyncClient(timeout=PROBE_S, verify=NO_TLS) as http:
        page = (await http.get(f"{page_url}/lot.json")).json()
    return any(alarm["alarm"] == FENCED for alarm in page["alarms"])
