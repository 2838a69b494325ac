"""JSON Schemas of wire version 1, for programs that are not ours: `python -m cloud_sync.link.v1.export` rewrites them.

`schema/` holds one file a model. `samples/` holds recorded messages, `<Model>.json` or `<Model>-<case>.json`: they are
written by hand and never regenerated, so that a change to a model shows whether it still reads what is out there.
"""

import json
from pathlib import Path

from cloud_sync.link.v1 import messages
from cloud_sync.link.v1.facts import PAYLOADS
from cloud_sync.link.v1.wire import Wire

HERE = Path(__file__).parent

MODELS: dict[str, type[Wire]] = {
    **{
        name: model
        for name, model in vars(messages).items()
        if isinstance(model, type) and issubclass(model, Wire) and model.__module__ == messages.__name__
    },
    **{payload.__name__: payload for payload in PAYLOADS.values()},
}
"""Everything that travels, by its name here; a fact's payload also has a kind."""


def schema(model: type[Wire]) -> str:
    """The JSON Schema (draft 2020-12) of `model`, as its file holds it."""
    content = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    kind = getattr(model, "kind", None)
    if kind is not None:
        content["$comment"] = f"payload of the fact {kind}"
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    for name, model in MODELS.items():
        (HERE / "schema" / f"{name}.json").write_text(schema(model), encoding="utf-8")
