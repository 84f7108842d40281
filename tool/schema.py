"""Type annotations turned into JSON Schema, and JSON values turned into what the annotations promise."""

from __future__ import annotations

import dataclasses
import enum
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

Schema = dict[str, Any]

_NAMES: Mapping[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    types.NoneType: "null",
}
_KNOWN = "str, int, float, bool, None, list[T], tuple[T, ...], dict[str, T], Literal, Enum, T | None, a dataclass"


def schema_of(annotation: Any) -> Schema:
    """Return the JSON Schema of an annotation. Raises: TypeError for one that has none."""
    if annotation is Any:
        return {}
    if isinstance(annotation, type) and annotation in _NAMES:
        return {"type": _NAMES[annotation]}
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _one_of([member.value for member in annotation])
    if is_typeddict(annotation) or dataclasses.is_dataclass(annotation):
        return _object(annotation)
    origin, args = get_origin(annotation), get_args(annotation)
    if build := _GENERIC.get(origin):
        return build(args)
    raise TypeError(f"{annotation!r} has no JSON Schema here; there are: {_KNOWN}")


def without_none(annotation: Any) -> Any:
    """Return `T` for `T | None`, with or without a description around it, and any other annotation unchanged."""
    if get_origin(annotation) is Annotated:
        inner, *notes = get_args(annotation)
        return Annotated[(without_none(inner), *notes)]
    if get_origin(annotation) in (Union, types.UnionType):
        rest = tuple(arg for arg in get_args(annotation) if arg is not types.NoneType)
        return Union[rest]  # noqa: UP007 - the members are known only here
    return annotation


def convert(annotation: Any, value: Any) -> Any:
    """Return a JSON value that fits `schema_of(annotation)` as the annotated type.

    Raises: TypeError or ValueError when it does not fit.
    """
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return annotation(value)
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        hints = get_type_hints(annotation, include_extras=True)
        return annotation(**{name: convert(hints[name], item) for name, item in value.items()})
    if isinstance(annotation, type) and annotation in _NAMES:
        return _primitive(annotation, value)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return convert(args[0], value)
    if origin in (Union, types.UnionType):
        return _first_fit(args, value)
    if origin in (list, Sequence):
        return [convert(args[0], item) for item in value]
    if origin is tuple:
        return tuple(convert(args[0], item) for item in value)
    if origin in (dict, Mapping):
        return {key: convert(args[1], item) for key, item in value.items()}
    return value


def default_of(value: Any) -> Any:
    """Return a parameter's default as the JSON value a model would write. Raises: TypeError if there is none."""
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: default_of(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [default_of(item) for item in value]
    if isinstance(value, dict):
        return {key: default_of(item) for key, item in value.items()}
    if type(value) not in _NAMES:
        raise TypeError(f"the default {value!r} is no JSON value; use None and choose inside the function")
    return value


def _primitive(kind: type, value: Any) -> Any:
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)  # JSON Schema counts 5.0 as an integer, Python's slices do not
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _first_fit(members: Sequence[Any], value: Any) -> Any:
    for member in members:
        try:
            return convert(member, value)
        except (TypeError, ValueError, AttributeError, KeyError):
            continue
    raise TypeError(f"{value!r} fits none of {members}")


def _annotated(args: Sequence[Any]) -> Schema:
    note = next((arg for arg in args[1:] if isinstance(arg, str)), "")
    return schema_of(args[0]) | ({"description": note} if note else {})


def _one_of(values: Sequence[Any]) -> Schema:
    kinds = {type(value) for value in values}
    if not kinds <= _NAMES.keys():
        raise TypeError(f"the choices {list(values)!r} are not all strings, numbers, booleans or None")
    # Many chat templates read "type", so it is given wherever one type covers all.
    return ({"type": _NAMES[kinds.pop()]} if len(kinds) == 1 else {}) | {"enum": list(values)}


def _union(args: Sequence[Any]) -> Schema:
    return schema_of(args[0]) if len(args) == 1 else {"anyOf": [schema_of(arg) for arg in args]}


def _array(args: Sequence[Any]) -> Schema:
    return {"type": "array", "items": schema_of(args[0])}


def _tuple(args: Sequence[Any]) -> Schema:
    if len(args) != 2 or args[1] is not Ellipsis:
        raise TypeError("a tuple of fixed length has no plain JSON Schema; use tuple[T, ...] or a dataclass")
    return _array(args)


def _map(args: Sequence[Any]) -> Schema:
    if args[0] is not str:
        raise TypeError("the keys of a JSON object are strings; use dict[str, T]")
    return {"type": "object", "additionalProperties": schema_of(args[1])}


def _object(kind: Any) -> Schema:
    """Return the schema of a dataclass or TypedDict."""
    hints = get_type_hints(kind, include_extras=True)
    if is_typeddict(kind):
        required = [name for name in hints if name in kind.__required_keys__]
    else:
        unset = dataclasses.MISSING
        fields = dataclasses.fields(kind)
        required = [f.name for f in fields if f.default is unset and f.default_factory is unset]
    return {
        "type": "object",
        "properties": {name: schema_of(hint) for name, hint in hints.items()},
        "required": required,
        "additionalProperties": False,
    }


_GENERIC: Mapping[Any, Callable[[Sequence[Any]], Schema]] = {
    Annotated: _annotated,
    Literal: _one_of,
    Union: _union,
    types.UnionType: _union,
    list: _array,
    Sequence: _array,
    tuple: _tuple,
    dict: _map,
    Mapping: _map,
}
