"""The HTTP application, put together."""

from fastapi import FastAPI

from cloud_sync.central.api import accounts, gate, health, lots, payments, reservations
from cloud_sync.central.idempotency import Idempotency
from cloud_sync.central.office import Office
from cloud_sync.central.openapi import describe
from cloud_sync.central.problems import answer_with_problems, problem
from cloud_sync.link.limits import BodyLimit


def api() -> FastAPI:
    """The routes and their OpenAPI document, without an office behind them."""
    app = FastAPI(
        title="Gatehouse",
        version="1",
        description="Bookings, payments and gates of parking lots. Errors are RFC 9457 problem documents.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for part in (accounts, lots, reservations, payments, gate, health):
        app.include_router(part.routes)
    describe(app)
    return app


def central_app(office: Office) -> FastAPI:
    """The API over an office."""
    app = api()
    app.state.office = office
    answer_with_problems(app)
    app.add_middleware(
        Idempotency, database=office.database, tokens=office.tokens, secret=office.secret, clock=office.clock
    )
    app.add_middleware(BodyLimit, problem=problem)  # added last: it comes first
    return app
