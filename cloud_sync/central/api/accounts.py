"""Users, tokens, vehicles."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.security import OAuth2PasswordRequestForm
from pydantic import BaseModel, ConfigDict, EmailStr, Field, SecretStr, StringConstraints

from cloud_sync.central import documents
from cloud_sync.central.accounts import PASSWORD_LENGTH_MIN
from cloud_sync.central.api.caller import Desk, Me, PathName, must_be_theirs
from cloud_sync.central.api.problems import problems
from domain.plate import Plate
from domain.spot import VehicleType

routes = APIRouter(tags=["users"])

PersonName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")
]


class NewUser(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ada@example.org", "password": "a long enough one", "name": "Ada"}]}
    )

    email: Annotated[EmailStr, Field(max_length=254)]
    password: SecretStr = Field(min_length=PASSWORD_LENGTH_MIN, max_length=256)
    name: PersonName


class UserDocument(BaseModel):
    user_id: str
    email: str
    name: str


class TokenDocument(BaseModel):
    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  a kind of token, not one
    expires_in: int


class NewVehicle(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"plate": "B-GH 1234", "type": "standard"}]})

    plate: SecretStr = Field(min_length=1, max_length=20)
    type: VehicleType


class VehicleDocument(BaseModel):
    """`plate` is masked: its last two signs, so that an owner tells their vehicles apart."""

    vehicle_id: str
    user_id: str
    plate: str
    type: VehicleType


@routes.post("/users", status_code=201, responses=problems(409))
def register(office: Desk, new: NewUser) -> UserDocument:
    user_id = office.accounts.register(new.email, new.password.get_secret_value(), new.name)
    return UserDocument(user_id=user_id, email=new.email, name=new.name)


@routes.post("/auth/token", responses=problems(400, 401, 429))
def log_in(office: Desk, form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> TokenDocument:
    caller = office.accounts.log_in(form.username, form.password)
    token = office.tokens.issue(caller, office.clock().utc)
    return TokenDocument(access_token=token, expires_in=office.tokens.life_s)


@routes.post("/users/{user_id}/vehicles", status_code=201, responses=problems(401, 404, 409))
def add_vehicle(office: Desk, me: Me, user_id: PathName, new: NewVehicle) -> VehicleDocument:
    must_be_theirs(me, user_id, "user")
    vehicle = office.vehicles.add(user_id, Plate.parse(new.plate.get_secret_value()), new.type)
    return VehicleDocument(
        vehicle_id=vehicle.vehicle_id, user_id=user_id, plate=office.vehicles.masked(vehicle), type=new.type
    )


@routes.get("/users/{user_id}/reservations", responses=problems(401, 404))
def history(
    office: Desk, me: Me, user_id: PathName, limit: Annotated[int, Query(ge=1, le=documents.HISTORY_MAX)] = 50
) -> documents.Reservations:
    must_be_theirs(me, user_id, "user")
    return documents.history(office, user_id, limit)
