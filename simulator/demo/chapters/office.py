"""What happens at the desk: refunds by hand, and what is on offer for whom."""

from domain.money import Money
from domain.spot import FITS, SpotKind, VehicleType
from simulator.demo.configuration import OPERATOR_EMAIL
from simulator.demo.driver import Operator, window_from_now
from simulator.demo.provider import refunds
from simulator.demo.steps import Steps, expect, money
from simulator.demo.unchecked import hold_unchecked

TOMORROW_S = 24 * 3600
BY_HAND_MINOR = 50
UNFIT = "spot_unfit"


async def refund_by_hand(steps: Steps) -> None:
    driver = await steps.sign_up("Maurice")
    reservation = await steps.book(driver, steps.lot, window_from_now(3, begins_in_s=TOMORROW_S))
    operator = Operator(steps.scene.http)
    reservation_id = reservation["reservation_id"]
    payment_id = (await driver.get(f"/reservations/{reservation_id}"))["payment_id"]
    payment = await driver.get(f"/payments/{payment_id}")
    paid = Money(**payment["amount"])
    part = Money(BY_HAND_MINOR, paid.currency)
    async with steps.step("an operator pays back twice in part, and cannot pay back too much") as notes:
        await operator.log_in(OPERATOR_EMAIL, steps.scene.site.operator_password)
        for _ in range(2):
            answer = await operator.refund(payment_id, part, "the lift was out of order")
            expect(answer.status_code == 201, f"201, not {answer.status_code} {answer.text}")
        answer = await operator.refund(payment_id, paid, "and once more everything")
        expect(answer.status_code == 409, f"409, not {answer.status_code} {answer.text}")
        notes.say(answer.json()["title"])
        payment = await driver.get(f"/payments/{payment_id}")
        paid_back = refunds(steps.scene.site.provider_record)[reservation_id]
        expect(paid_back == [BY_HAND_MINOR] * 2, f"two refunds at the provider, not {paid_back}")
        notes.say(f"{money(payment['refunded'])} of {money(payment['amount'])}")


async def vehicle_types(steps: Steps) -> None:
    async with steps.step("each type of vehicle is offered what it fits, the tightest first") as notes:
        for vehicle in VehicleType:
            query = {"lot_id": steps.lot.lot_id, "vehicle_type": vehicle.value, **window_from_now(2)}
            answer = await steps.scene.http.get("/spots/available", params=query)
            kinds = [SpotKind(spot["kind"]) for spot in answer.json()["spots"]]
            fitting = FITS[vehicle]
            expect(kinds != [] and set(kinds) <= set(fitting), f"{vehicle.value} fits {fitting}, not {kinds}")
            expect(kinds == sorted(kinds, key=fitting.index), f"the tightest first, not {kinds}")
            notes.say(f"{vehicle.value}: {', '.join(dict.fromkeys(kind.value for kind in kinds))}")
    await _too_large(steps)


async def _too_large(steps: Steps) -> None:
    lot, window = steps.lot, window_from_now(2)
    driver = await steps.sign_up("Evelyn", VehicleType.SUV.value)
    small = f"{lot.lot_id}.1-001"
    kind = (await driver.get(f"/spots/{small}"))["kind"]
    expect(SpotKind(kind) not in FITS[VehicleType.SUV], f"{small} fits no SUV, but is {kind}")
    async with steps.step(f"Evelyn wants a {kind} spot for her SUV all the same") as notes:
        offered = [spot["spot_id"] for spot in await driver.search(lot.lot_id, window)]
        expect(small not in offered, f"{small} is not offered")
        answer = await driver.reserve(small, window)
        expect(answer.status_code == 422, f"422, not {answer.status_code} {answer.text}")
        expect(answer.json()["code"] == UNFIT, f"{UNFIT}, not {answer.text}")
        notes.say(f"central refuses {small}: {answer.json()['detail']}")
    async with steps.step("the hub, asked past central's own check, refuses it as well") as notes:
        reply = await hold_unchecked(steps.scene.site, lot, driver, small, window)
        expect(not reply.ok and reply.code == UNFIT, f"{UNFIT}, not {reply}")
        notes.say(f"{reply.code}: {reply.message}")
