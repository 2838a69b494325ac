"""Payments."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from cloud_sync.central import documents
from cloud_sync.central.accounts import Caller
from cloud_sync.central.api.caller import Desk, Me, Name, PathName, must_be_operator, must_be_theirs, named_reservation
from cloud_sync.central.api.problems import problems
from cloud_sync.central.ledger import MovementState
from cloud_sync.central.office import Office
from cloud_sync.central.payment import PaymentStatus
from cloud_sync.central.problems import problem
from domain.errors import Refused
from domain.money import Money

routes = APIRouter(prefix="/payments", tags=["payments"], responses=problems(401, 404))

PATIENCE_S = 20
"""How long a driver waits for their payment before they are told that it is being processed."""

AnyPayment = documents.ActionDocument | documents.PaymentDocument
Key = Annotated[str | None, Header(alias="Idempotency-Key", include_in_schema=False)]  # `openapi.py` has it for all
_UNDECIDED = (PaymentStatus.PROCESSING, PaymentStatus.REQUIRES_ACTION)
_BY_HUB = ("reservation_", "hold_")  # the lot's codes for what it confirms no more


class NewPayment(BaseModel):
    """`payment_method_token` is what Stripe calls the card: no card number comes here."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reservation_id": "WN2JR-KN83T", "payment_method_token": "pm_card_visa"}]}
    )

    reservation_id: Name
    payment_method_token: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{3,255}$")]


class Amount(BaseModel):
    amount_minor: int = Field(gt=0, lt=2**53)
    currency: str = Field(pattern="^[A-Z]{3}$")


class NewRefund(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "goodwill", "amount": {"amount_minor": 250, "currency": "EUR"}}]}
    )

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    amount: Amount


@routes.post(
    "",
    status_code=201,
    response_model=AnyPayment,
    responses={202: {"model": AnyPayment, "description": "not decided yet"}, **problems(402, 409)},
)
async def pay(office: Desk, me: Me, new: NewPayment) -> Response:
    """201 once it is decided; 202 while the card, the bank or the lot has not answered: GET it again then.

    A payment that failed is answered 402 (the card) or 409 (the lot), with its `payment_id`. Whoever has paid, or is
    paying, gets that payment again.
    """
    reservation_id = named_reservation(new.reservation_id)
    payer = (await asyncio.to_thread(_theirs_to_pay, office, me, reservation_id)).user_id
    payment_id = await asyncio.to_thread(office.payments.begin, payer, reservation_id, new.payment_method_token)
    await asyncio.wait([office.paying.start(payment_id)], timeout=PATIENCE_S)
    document, row = await asyncio.to_thread(documents.payment, office, payment_id)
    if document.status is PaymentStatus.FAILED:
        failure = row.failure or "payment_failed"
        status = 409 if failure.startswith(_BY_HUB) else 402
        return problem(status, failure, "the payment failed, and no money was taken", payment_id=payment_id)
    status = 202 if document.status in _UNDECIDED else 201
    return JSONResponse(document.model_dump(mode="json"), status)


@routes.get("/{payment_id}")
def payment(office: Desk, me: Me, payment_id: PathName) -> AnyPayment:
    document, row = documents.payment(office, payment_id)
    must_be_theirs(me, row.user_id, "payment")
    return document


@routes.post(
    "/{payment_id}/refund",
    status_code=201,
    response_model=documents.PaymentDocument,
    responses={
        202: {"model": documents.PaymentDocument, "description": "the provider has not answered yet"},
        **problems(403, 409),
    },
)
async def refund(office: Desk, me: Me, payment_id: PathName, new: NewRefund, key: Key = None) -> Response:
    """Pay back by hand, as often as there is something left. 201 once the provider has done it; 202 while it has not
    answered; 409 `refund_refused` where it will not: the money can be refunded again then. Send an `Idempotency-Key`.
    """
    must_be_operator(me)
    amount = Money(new.amount.amount_minor, new.amount.currency)
    movement_id = await asyncio.to_thread(office.refunds.queue, payment_id, amount, new.reason, me, key)
    await asyncio.wait([office.moving.start(movement_id)], timeout=PATIENCE_S)
    state = await asyncio.to_thread(office.refunds.state, movement_id)
    if state is MovementState.VOID:
        raise Refused("refund_refused", "the payment provider will not pay this back; no money was moved")
    document, _ = await asyncio.to_thread(documents.payment, office, payment_id)
    return JSONResponse(document.model_dump(mode="json"), 201 if state is MovementState.DONE else 202)


def _theirs_to_pay(office: Office, me: Caller, reservation_id: str) -> documents.ReservationDocument:
    known = documents.reservation(office, reservation_id)
    must_be_theirs(me, known.user_id, "reservation")
    return known
