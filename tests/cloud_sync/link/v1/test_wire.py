import json
import traceback
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from cloud_sync.link.v1.facts import PAYLOADS, PolicyChanged, ReservationChanged, payload_of
from cloud_sync.link.v1.messages import Ack, AckState, Facts, HoldRequest, UnitStatus
from cloud_sync.link.v1.wire import utc
from domain.errors import PeerError, UnknownVersion
from domain.fact import Fact
from domain.now import Trust

NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)
ACK = Ack(unit="riverside", epoch=1, seq=7, state=AckState.OK)
SECRET = "BAB1234"


def fact(kind: str, payload: dict[str, Any]) -> Fact:
    return Fact("riverside", 1, 1, kind, NOON, "b1", 0, Trust.NTP, payload, "")


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


class TestVersion:
    @pytest.mark.parametrize("version", [0, 2, 99])
    @pytest.mark.parametrize("rest", [json.loads(ACK.encode()), {}, {"unit": 5, "new_field": {}}])
    def test_another_version_is_said_to_be_that_whatever_else_it_holds(
        self, version: int, rest: dict[str, Any]
    ) -> None:
        with pytest.raises(UnknownVersion, match=f"wire version {version}; this unit speaks 1"):
            Ack.decode(json.dumps(rest | {"v": version}))

    def test_what_is_encoded_says_its_version(self) -> None:
        assert json.loads(ACK.encode())["v"] == 1
        assert Ack.decode(ACK.encode()) == ACK


@pytest.mark.parametrize(
    "payload", [b"", b"\xff", b"null", b"[]", b'"v1"', b"{}", b'{"v": "x"}', b'{"v": 1}', b"[" * 5_000, b'{"v": NaN}']
)
@pytest.mark.parametrize("model", [Ack, Facts, UnitStatus])
def test_junk_is_the_peers_fault(model: type[Ack], payload: bytes) -> None:
    with pytest.raises(PeerError) as error:
        model.decode(payload)
    assert error.value.code == "message_invalid"


def test_what_is_wrong_is_named_and_no_value_is_repeated() -> None:
    with pytest.raises(PeerError) as error:
        HoldRequest.decode(
            json.dumps(
                {
                    "plate": SECRET,
                    "driver_name": [SECRET],
                    "vehicle_type": SECRET,
                    "start_time": SECRET,
                    "price": {"amount_minor": SECRET, "currency": SECRET},
                }
            )
        )
    for name in ("plate", "driver_name", "vehicle_type", "start_time", "price.amount_minor", "reservation_id"):
        assert name in error.value.message
    assert SECRET not in shown(error.value).replace(f'SECRET = "{SECRET}"', "")


class TestPayload:
    def test_an_unknown_kind_is_an_unknown_version(self) -> None:
        with pytest.raises(UnknownVersion, match=r"no fact 'gate\.passed/2' in this version"):
            payload_of(fact("gate.passed/2", {}))

    @pytest.mark.parametrize("kind", PAYLOADS)
    def test_a_malformed_one_is_the_peers_fault_and_no_value_is_repeated(self, kind: str) -> None:
        fields = PAYLOADS[kind].model_fields
        with pytest.raises(PeerError) as error:
            payload_of(fact(kind, {name: {SECRET: SECRET} for name in fields}))
        assert error.value.code == "fact_invalid"
        assert error.value.message.startswith(f"{kind}: ")
        assert SECRET not in shown(error.value).replace(f'SECRET = "{SECRET}"', "")

    def test_a_kind_names_its_version(self) -> None:
        for kind, payload in PAYLOADS.items():
            assert payload.kind == kind
            assert kind.endswith("/1")

    def test_a_policy_that_cannot_be_is_not_taken_in(self) -> None:
        tariff = {"currency": "EUR", "step_minutes": 30, "step_minor": 1}
        good: dict[str, dict[str, Any]] = {"policy": {"cancel_steps": [[0, 100]]}, "tariff": tariff}
        assert payload_of(fact(PolicyChanged.kind, good))
        wrongs: dict[str, dict[str, Any]] = {"policy": {"cancel_steps": [[0, 101]]}, "tariff": {"step_minutes": 0}}
        for section, wrong in wrongs.items():
            with pytest.raises(PeerError, match=section):
                payload_of(fact(PolicyChanged.kind, good | {section: good[section] | wrong}))


class TestInstants:
    def test_they_are_utc_in_memory_and_milliseconds_on_the_wire(self) -> None:
        at = datetime(2026, 5, 14, 14, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=2)))
        status = UnitStatus(unit="riverside", online=True, epoch=1, boot="b1", at=at)
        assert status.at.tzinfo is UTC
        assert json.loads(status.encode())["at"] == "2026-05-14T12:00:00.123Z"

    def test_one_without_an_offset_is_refused(self) -> None:
        field = ReservationChanged.model_fields["start_time"]
        assert field.is_required()
        with pytest.raises(PeerError, match="at: Input should have timezone info"):
            UnitStatus.decode('{"unit":"a","online":true,"epoch":1,"boot":"b","at":"2026-05-14T12:00:00"}')

    def test_both_ends_compare_alike(self) -> None:
        assert utc(NOON.replace(microsecond=123_999)) == NOON.replace(microsecond=123_000)
        assert utc(NOON.astimezone(timezone(timedelta(hours=-5)))).tzinfo is UTC


def test_an_error_of_the_models_themselves_repeats_no_value_either() -> None:
    with pytest.raises(ValidationError) as error:
        UnitStatus.model_validate({"unit": {SECRET: SECRET}, "at": SECRET})
    assert "unit" in str(error.value)
    assert SECRET not in str(error.value)
