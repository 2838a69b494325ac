"""The bank's stand-in keeps what real Stripe promises, and records what it did."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

INTENT = {
    "amount": "800",
    "currency": "eur",
    "payment_method": "pm_card_visa",
    "capture_method": "manual",
    "confirm": "true",
}


class Stripe:
    """The stand-in as a process, and a client for it."""

    def __init__(self, folder: Path) -> None:
        self.record = folder / "record.jsonl"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simulator.bank", "--port", "0", "--record", str(self.record)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        url = self.process.stdout.readline().removeprefix("bank: ").strip()
        self.http = httpx.Client(base_url=url, auth=("sk_test_12345", ""))

    def post(self, path: str, params: dict[str, str], key: str | None = None) -> httpx.Response:
        return self.http.post(path, data=params, headers={"Idempotency-Key": key} if key else {})

    def captured(self) -> str:
        intent: str = self.post("/v1/payment_intents", INTENT).json()["id"]
        self.post(f"/v1/payment_intents/{intent}/capture", {})
        return intent

    def close(self) -> None:
        self.http.close()
        self.process.terminate()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def stripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stripe]:
    stripe = Stripe(tmp_path_factory.mktemp("bank"))
    yield stripe
    stripe.close()


def test_a_key_is_answered_once_and_replayed(stripe: Stripe) -> None:
    first, again = [stripe.post("/v1/payment_intents", INTENT, "k1") for _ in range(2)]
    assert first.json() == again.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    other = stripe.post("/v1/payment_intents", {**INTENT, "amount": "900"}, "k1")
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    elsewhere = stripe.post("/v1/refunds", INTENT, "k1")
    assert elsewhere.json()["error"]["type"] == "idempotency_error"
    assert stripe.post("/v1/payment_intents", INTENT).json()["id"] != first.json()["id"]


def test_a_declined_card_is_declined_again(stripe: Stripe) -> None:
    params = {**INTENT, "payment_method": "pm_card_chargeCustomerFail"}
    first, again = [stripe.post("/v1/payment_intents", params, "k2") for _ in range(2)]
    assert (first.status_code, again.status_code) == (402, 402)
    assert again.headers["idempotent-replayed"] == "true"


def test_an_unauthorised_request_uses_no_key_up(stripe: Stripe) -> None:
    refused = httpx.post(f"{stripe.http.base_url}/v1/payment_intents", data=INTENT, headers={"Idempotency-Key": "k3"})
    assert refused.status_code == 401
    assert stripe.post("/v1/payment_intents", INTENT, "k3").status_code == 200


def test_no_more_is_refunded_than_was_captured(stripe: Stripe) -> None:
    intent = stripe.captured()
    assert stripe.post("/v1/refunds", {"payment_intent": intent, "amount": "801"}).status_code == 400
    assert stripe.post("/v1/refunds", {"payment_intent": intent, "amount": "500"}).status_code == 200
    assert stripe.post("/v1/refunds", {"payment_intent": intent, "amount": "301"}).status_code == 400
    assert stripe.post("/v1/refunds", {"payment_intent": intent, "amount": "300"}).status_code == 200
    done = stripe.post("/v1/refunds", {"payment_intent": intent, "amount": "1"})
    assert done.json()["error"]["code"] == "charge_already_refunded"
    uncaptured = stripe.post("/v1/payment_intents", INTENT).json()["id"]
    assert stripe.post("/v1/refunds", {"payment_intent": uncaptured, "amount": "1"}).status_code == 400


def test_the_record_has_every_request_and_no_card(stripe: Stripe) -> None:
    card = {"type": "card", "card[number]": "4242424242424242", "card[cvc]": "987"}
    method = {**card, "card[exp_month]": "12", "card[exp_year]": "2030"}
    made = stripe.post("/v1/payment_methods", method, "k4")
    assert made.status_code == 200
    text = stripe.record.read_text(encoding="utf-8")
    line = json.loads(text.splitlines()[-1])
    assert line.keys() == {"at", "method", "path", "idempotency_key", "replayed", "params", "status", "answer"}
    assert (line["method"], line["path"], line["idempotency_key"]) == ("POST", "/v1/payment_methods", "k4")
    assert line["answer"]["id"] == made.json()["id"]
    assert "4242424242424242" not in text
    assert "_secret_" not in text


def test_it_listens_on_the_loopback_only_and_says_when_its_port_is_taken(stripe: Stripe, tmp_path: Path) -> None:
    assert stripe.http.base_url.host == "127.0.0.1"
    port = str(stripe.http.base_url.port)
    second = subprocess.run(
        [sys.executable, "-m", "simulator.bank", "--port", port, "--record", str(tmp_path / "record.jsonl")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert second.stderr.startswith("bank: cannot serve")


def test_a_card_that_was_set_up_for_future_use_is_charged_without_its_holder_and_no_other(stripe: Stripe) -> None:
    customer: str = stripe.post("/v1/customers", {}).json()["id"]
    paid = stripe.post("/v1/payment_intents", {**INTENT, "customer": customer, "setup_future_usage": "off_session"})
    card = paid.json()["payment_method"]
    assert paid.json()["status"] == "requires_capture"
    again = {"amount": "200", "currency": "eur", "customer": customer, "confirm": "true", "off_session": "true"}
    charged = stripe.post("/v1/payment_intents", {**again, "payment_method": card})
    assert charged.json()["status"] == "succeeded"
    listed = stripe.http.get("/v1/payment_intents", params={"customer": customer, "limit": "100"}).json()["data"]
    assert {intent["id"] for intent in listed} == {paid.json()["id"], charged.json()["id"]}
    once = stripe.post("/v1/payment_intents", INTENT).json()["payment_method"]
    for unfit in ({**again, "payment_method": once}, {**again, "payment_method": "pm_card_visa"}):
        assert stripe.post("/v1/payment_intents", unfit).status_code == 400
    other: str = stripe.post("/v1/customers", {}).json()["id"]
    assert stripe.post("/v1/payment_intents", {**INTENT, "customer": other, "payment_method": card}).status_code == 400
