"""A call's arguments turned into a verdict: nothing, or one short message a small model can correct itself by."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from core.encoding import to_json
from core.types import ToolSpec

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

Check = Callable[[Mapping[str, Any]], str]

_SHOWN = 60  # characters of a wrong value that are repeated to the model
_EXAMPLES: Mapping[str, Any] = {
    "string": "...",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "array": [],
    "object": {},
}


def compile_check(spec: ToolSpec) -> Check:
    """Return a function that tells what is wrong with arguments for `spec`, or "" when nothing is."""
    from jsonschema import Draft202012Validator
    from referencing import Registry

    # With a registry of our own, a "$ref" to an address is an error; by default jsonschema would fetch it.
    validator = Draft202012Validator(dict(spec.parameters), registry=Registry())

    def check(arguments: Mapping[str, Any]) -> str:
        error = min(validator.iter_errors(arguments), key=_urgency, default=None)
        return "" if error is None else f"{_sentence(error, spec, arguments)}\n{usage(spec)}"

    return check


def without_nulls(arguments: Mapping[str, Any], spec: ToolSpec) -> dict[str, Any]:
    """Drop each null given for an argument that may be left out and does not take null: models write it for "none"."""
    required = spec.parameters.get("required", ())
    properties = spec.parameters.get("properties", {})
    return {
        name: value
        for name, value in arguments.items()
        if value is not None or name in required or name not in properties or _takes_null(properties[name])
    }


def usage(spec: ToolSpec) -> str:
    """Show on one line how the tool is called."""
    properties = spec.parameters.get("properties", {})
    required = spec.parameters.get("required", ())
    shown = ", ".join(f"{name}: {_kind(schema)}{_default(schema)}" for name, schema in properties.items())
    example = {name: _example(properties.get(name, {})) for name in required}
    return f"Usage: {spec.name}({shown}), for example with the arguments {to_json(example)}"


def closest_first(name: str, names: Iterable[str]) -> list[str]:
    """Return `names` with those most like `name` at the front, the others in their order."""
    names = list(names)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    return close + [other for other in names if other not in close]


def _sentence(error: ValidationError, spec: ToolSpec, arguments: Mapping[str, Any]) -> str:
    """Say in one sentence what is wrong."""
    properties: Mapping[str, Any] = spec.parameters.get("properties", {})
    if error.validator == "required" and not error.absolute_path:
        missing = next(name for name in spec.parameters["required"] if name not in arguments)
        return f"{spec.name}: the argument {missing!r} is missing: {_wanted(properties.get(missing, {}))}."
    if error.validator == "additionalProperties" and not error.absolute_path:
        extra = next(name for name in arguments if name not in properties)
        names = ", ".join(closest_first(extra, properties)) or "none"
        return f"{spec.name} has no argument {extra!r}; there are: {names}."
    where = f"the argument {_path(error)!r}" if error.absolute_path else "the arguments"
    if error.validator in ("type", "enum", "anyOf", "const"):
        return f"{spec.name}: {where} must be {_wanted(error.schema)}, not {_shown(error.instance)}."
    return f"{spec.name}: {where}: {error.message[:200]}."


def _urgency(error: ValidationError) -> tuple[int, str]:
    """Sort errors: an unknown name explains a missing one, a missing one comes before a wrong value."""
    order = {"additionalProperties": 0, "required": 1}
    return order.get(str(error.validator), 2), error.json_path


def _path(error: ValidationError) -> str:
    parts = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return parts.lstrip(".")


def _wanted(schema: Any) -> str:
    """Name what a schema takes, with its description."""
    note = schema.get("description", "") if isinstance(schema, Mapping) else ""
    return _kind(schema) + (f" ({note})" if note else "")


def _kind(schema: Any) -> str:
    """Name a schema's type in a word or two."""
    if not isinstance(schema, Mapping):
        return "any value"
    if "enum" in schema:
        return " | ".join(to_json(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(_kind(member) for member in schema["anyOf"])
    kind = schema.get("type", "any value")
    if kind == "array" and "items" in schema:
        return f"array of {_kind(schema['items'])}"
    return kind if isinstance(kind, str) else " | ".join(kind)


def _default(schema: Any) -> str:
    return f" = {to_json(schema['default'])}" if isinstance(schema, Mapping) and "default" in schema else ""


def _example(schema: Any) -> Any:
    if isinstance(schema, Mapping) and schema.get("enum"):
        return schema["enum"][0]
    return _EXAMPLES.get(str(schema.get("type")), "...") if isinstance(schema, Mapping) else "..."


def _takes_null(schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return True
    if any(_takes_null(member) for member in schema.get("anyOf", ())):
        return True
    kind = schema.get("type", () if "anyOf" in schema or "enum" in schema else "null")
    return "null" in ([kind] if isinstance(kind, str) else kind) or None in schema.get("enum", ())


def _shown(value: Any) -> str:
    """Show a wrong value, cut."""
    text = to_json(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
