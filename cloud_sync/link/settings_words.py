"""What is wrong in a configuration, in words for who has written it: which key or variable, and what it may be."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

ENV = "GATEHOUSE_"
NESTED = "__"

Where = tuple[int | str, ...]


def explained(settings: type[BaseModel], error: ValidationError) -> str:
    """The errors without the values, which may be secret: each names its key, or the variable that has set it."""
    return "; ".join(_sentences(settings, error))


def _sentences(settings: type[BaseModel], error: ValidationError) -> Iterator[str]:
    choices: dict[Where, list[str]] = {}
    others: list[tuple[Where, str]] = []
    for one in error.errors():
        where, what = one["loc"], one["msg"].removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            what = f"unknown key{_did_you_mean(str(where[-1]), _keys(_model_at(settings, where[:-1])))}"
        elif one["type"] in ("enum", "literal_error") and _is_of_union(where):
            choices.setdefault(where[:-1], []).append(str(one["ctx"]["expected"]))
            continue
        others.append((where, what))
    merged = ((where, f"must be {_listed(expected)}") for where, expected in choices.items())
    for where, what in [*others, *merged]:
        yield f"{_named(where)}: {what}" if where else what


def _is_of_union(where: Where) -> bool:
    return isinstance(where[-1], str) and where[-1].startswith(("enum[", "literal["))


def _listed(expected: Iterable[str]) -> str:
    words = [word for each in expected for word in each.replace(" or ", ", ").split(", ")]
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _named(where: Where) -> str:
    """A variable, where it is that which has set the value; else the key in the file."""
    variable = ENV + NESTED.join(map(str, where)).upper()
    set_by = {name.upper() for name in os.environ}
    return f"the environment's {variable}" if variable in set_by else ".".join(map(str, where))


def not_json(settings: type[BaseModel]) -> str | None:
    """Which variable has to hold a JSON list, and holds none."""
    for name, value in os.environ.items():
        where = _parts(name)
        if where is None or get_origin(_annotation_at(settings, where)) not in (tuple, list):
            continue
        try:
            json.loads(value)
        except ValueError:
            return f'the environment\'s {name}: must be a JSON list, such as ["one", "two"]'
    return None


def unknown_variables(settings: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Variables that look like ours and set nothing, with what may have been meant."""
    known = [NESTED.join(where).upper() for where in _all_keys(settings)]
    for name in sorted(os.environ):
        key = name.removeprefix(ENV)
        if name.startswith(ENV) and NESTED not in key and key.lower() not in settings.model_fields:
            near = get_close_matches(key, known, n=1)
            yield name, f"{ENV}{near[0]}" if near else ""


def _parts(name: str) -> Sequence[str] | None:
    if not name.upper().startswith(ENV):
        return None
    return name[len(ENV) :].lower().split(NESTED)


def _did_you_mean(key: str, known: Iterable[str]) -> str:
    near = get_close_matches(key, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _keys(model: type[BaseModel] | None) -> list[str]:
    return [] if model is None else list(model.model_fields)


def _model_at(model: type[BaseModel] | None, where: Iterable[int | str]) -> type[BaseModel] | None:
    for part in where:
        if model is None:
            return None
        if isinstance(part, str):
            field = model.model_fields.get(part)
            model = None if field is None else next(_models_in(field.annotation), None)
    return model


def _annotation_at(settings: type[BaseModel], where: Sequence[str]) -> Any:
    model = _model_at(settings, where[:-1])
    field = None if model is None else model.model_fields.get(where[-1])
    return None if field is None else field.annotation


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _all_keys(model: type[BaseModel], before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        yield (*before, name)
        for inner in _models_in(field.annotation):
            yield from _all_keys(inner, (*before, name))
