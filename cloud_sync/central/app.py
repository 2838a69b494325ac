"""The HTTP application, put together."""

from fastapi import FastAPI

from cloud_sync.central.api import accounts, gate, health, lots, payments, reservations
from cloud_sync.central.idempotency import Idempotency
from cloud_sync.central.limits import BodyLimit
from cloud_sync.central.office import Office
from cloud_sync.central.problems import answer_with_problems


def central_app(office: Office) -> FastAPI:
    """The API over an office."""
    app = FastAPI(title="Gatehouse", version="1", docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.office = office
    answer_with_problems(app)
    for part in (accounts, lots, reservations, payments, gate, health):
        app.include_router(part.routes)
    app.add_middleware(
        Idempotency, database=office.database, tokens=office.tokens, secret=office.secret, clock=office.clock
    )
    app.add_middleware(BodyLimit)  # added last: it comes first
    return app
