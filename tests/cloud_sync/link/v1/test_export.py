import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cloud_sync.link.ticket import verify
from cloud_sync.link.v1.export import HERE, MODELS, schema
from cloud_sync.link.v1.facts import PAYLOADS, payload_of
from cloud_sync.link.v1.messages import BATCH_MAX, Facts
from cloud_sync.link.v1.wire import Envelope
from domain.fact import GENESIS, link
from domain.ids import parse_reservation_id

SAMPLES = sorted((HERE / "samples").glob("*.json"))


def model_name(sample: Path) -> str:
    return sample.stem.partition("-")[0]


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", MODELS)
def test_the_schema_file_is_the_models(name: str) -> None:
    written = (HERE / "schema" / f"{name}.json").read_text(encoding="utf-8")
    assert written == schema(MODELS[name]), "run python -m cloud_sync.link.v1.export"
    Draft202012Validator.check_schema(json.loads(written))


def test_there_is_no_schema_of_something_that_is_gone() -> None:
    assert {path.stem for path in (HERE / "schema").iterdir()} == set(MODELS)


def test_everything_that_travels_has_a_sample_and_every_sample_a_model() -> None:
    assert {model_name(sample) for sample in SAMPLES} == set(MODELS)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_recorded_sample_fits_its_schema_and_reads_back_to_the_same(sample: Path) -> None:
    recorded = read(sample)
    model = MODELS[model_name(sample)]
    Draft202012Validator(read(HERE / "schema" / f"{model.__name__}.json")).validate(recorded)
    if issubclass(model, Envelope):
        decoded = model.decode(sample.read_bytes())
        reread = json.loads(decoded.encode())
    else:
        reread = model.model_validate(recorded).to_json()
    # What was recorded before a field was added has its default since.
    assert without_more(reread, recorded) == recorded


def without_more(reread: Any, recorded: Any) -> Any:
    """`reread` with only the fields that `recorded` has, at every depth."""
    if not isinstance(recorded, dict) or not isinstance(reread, dict):
        return reread
    return {name: without_more(value, recorded[name]) for name, value in reread.items() if name in recorded}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_field_that_is_not_known_yet_is_overlooked_at_every_depth(sample: Path) -> None:
    recorded = read(sample)
    model = MODELS[model_name(sample)]
    assert model.model_validate(with_more(recorded)).to_json().keys() == model.model_fields.keys()


def with_more(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: with_more(inner) for name, inner in value.items()} | {"added_later": 1}
    return [with_more(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("Ack-ok", {"state": "maybe"}),
        ("GateDecided-admitted", {"reason": None}),
        ("ReservationChanged-held", {"price": {"amount_minor": "much", "currency": "EUR"}}),
        ("Facts", {"facts": [{}] * (BATCH_MAX + 1)}),
        ("TicketKeyPublished", {"public_key": "0123"}),
    ],
)
def test_the_schema_refuses_what_the_model_refuses(name: str, wrong: dict[str, Any]) -> None:
    recorded = read(HERE / "samples" / f"{name}.json") | wrong
    assert not Draft202012Validator(json.loads(schema(MODELS[name.partition("-")[0]]))).is_valid(recorded)
    with pytest.raises(ValueError, match="validation error"):
        MODELS[name.partition("-")[0]].model_validate_json(json.dumps(recorded))


def test_the_recorded_facts_are_chained_as_they_say() -> None:
    chain = GENESIS
    facts = [wire.fact() for wire in Facts.decode((HERE / "samples" / "Facts.json").read_bytes()).facts]
    for fact in facts:
        chain = link(chain, fact)
        assert fact.chain == chain
        assert type(payload_of(fact)) is PAYLOADS[fact.kind]
    assert len(facts) == 3


def test_the_recorded_ticket_is_verified_with_the_recorded_key() -> None:
    key = read(HERE / "samples" / "TicketKeyPublished.json")
    answer = read(HERE / "samples" / "ConfirmAnswer.json")
    ticket = verify(answer["ticket"], {key["key_id"]: key["public_key"]})
    assert ticket.reservation_id == parse_reservation_id(ticket.reservation_id)
    assert ticket.revision == answer["revision"]


def test_plates_in_samples_look_sealed() -> None:
    text = "".join(sample.read_text(encoding="utf-8") for sample in SAMPLES)
    assert "BAB1234" not in text
    plates = [read(sample)["plate"] for sample in SAMPLES if read(sample).get("plate")]
    assert len(plates) > 3
    for plate in plates:
        assert len(bytes.fromhex(plate["box"])) > 12 + 16
        assert len(bytes.fromhex(plate["mark"])) == 32
