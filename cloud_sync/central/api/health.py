"""Whether this process lives, and whether it can work: the database alone, since all else is waited for."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import text

from cloud_sync.central.api.caller import Desk
from cloud_sync.central.api.problems import problems

routes = APIRouter(tags=["health"], responses=problems())


class Health(BaseModel):
    status: Literal["ok"] = "ok"


@routes.get("/healthz")
async def alive() -> Health:
    return Health()


@routes.get("/readyz")
def ready(office: Desk) -> Health:
    with office.database.reading() as session:
        session.execute(text("SELECT 1"))
    return Health()
