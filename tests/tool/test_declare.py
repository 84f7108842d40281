from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, Optional, TypedDict

import pytest

from core.types import Effect
from tool.declare import tool
from tool.schema import convert, schema_of


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Edit:
    old: str
    new: str = ""


class Point(TypedDict):
    x: int
    y: int


EDIT = {
    "type": "object",
    "properties": {"old": {"type": "string"}, "new": {"type": "string"}},
    "required": ["old"],
    "additionalProperties": False,
}
SCHEMAS: list[tuple[Any, dict[str, Any]]] = [
    (str, {"type": "string"}),
    (int, {"type": "integer"}),
    (float, {"type": "number"}),
    (bool, {"type": "boolean"}),
    (type(None), {"type": "null"}),
    (Any, {}),
    (Annotated[str, "a path"], {"type": "string", "description": "a path"}),
    (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
    (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045 - the old spelling counts too
    (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
    (Literal["a", 1], {"enum": ["a", 1]}),
    (Colour, {"type": "string", "enum": ["red", "blue"]}),
    (list[int], {"type": "array", "items": {"type": "integer"}}),
    (Sequence[str], {"type": "array", "items": {"type": "string"}}),
    (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
    (dict[str, float], {"type": "object", "additionalProperties": {"type": "number"}}),
    (Edit, EDIT),
    (list[Edit], {"type": "array", "items": EDIT}),
    (
        Point,
        {
            "type": "object",
            "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
            "required": ["x", "y"],
            "additionalProperties": False,
        },
    ),
]


@pytest.mark.parametrize(("annotation", "schema"), SCHEMAS, ids=[str(annotation) for annotation, _ in SCHEMAS])
def test_an_annotation_becomes_its_schema(annotation: Any, schema: dict[str, Any]) -> None:
    assert schema_of(annotation) == schema


@pytest.mark.parametrize(
    "annotation", [bytes, object, list, dict[int, str], set[int], tuple[int, str], Callable, "str"]
)
def test_an_annotation_without_a_schema_is_a_type_error(annotation: Any) -> None:
    with pytest.raises(TypeError):
        schema_of(annotation)


CONVERSIONS: list[tuple[Any, Any, Any]] = [
    (int, 5.0, 5),
    (float, 5, 5),
    (Colour, "red", Colour.RED),
    (Annotated[Edit, "an edit"], {"old": "a"}, Edit("a")),
    (list[Edit], [{"old": "a", "new": "b"}], [Edit("a", "b")]),
    (tuple[int, ...], [1, 2], (1, 2)),
    (dict[str, Colour], {"sky": "blue"}, {"sky": Colour.BLUE}),
    (Colour | int, 3, 3),
    (int | None, None, None),
    (Any, {"a": [1]}, {"a": [1]}),
]


@pytest.mark.parametrize(("annotation", "value", "expected"), CONVERSIONS, ids=[str(row[0]) for row in CONVERSIONS])
def test_a_json_value_becomes_the_annotated_type(annotation: Any, value: Any, expected: Any) -> None:
    converted = convert(annotation, value)
    assert converted == expected
    assert type(converted) is type(expected)


def test_name_docstring_and_annotations_become_the_spec() -> None:
    @tool(effect=Effect.READS)
    def find(
        path: Annotated[str, "where"], *, deep: bool = False, limit: Annotated[int | None, "how many"] = None
    ) -> str:
        """Find a thing
        somewhere.

        Not for the model.
        """
        return path

    assert find.spec.name == "find"
    assert find.spec.description == "Find a thing somewhere."
    assert find.effect is Effect.READS
    assert find.spec.parameters == {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "where"},
            "deep": {"type": "boolean", "default": False},
            "limit": {"type": "integer", "description": "how many"},
        },
        "required": ["path"],
        "additionalProperties": False,
    }


def test_a_function_of_which_nothing_is_said_gets_the_most_careful_effect() -> None:
    def act() -> None:
        """Act."""

    assert tool(act).effect is Effect.RUNS
    assert tool(act, effect=Effect.READS).effect is Effect.READS


def bare(path) -> str:  # type: ignore[no-untyped-def]
    return str(path)


def odd(data: bytes) -> str:
    return str(data)


def many(*paths: str) -> str:
    return str(paths)


def defaulting(kind: Any = object()) -> str:  # noqa: B008 - the fault under test
    return str(kind)


def unknown(path: NotImported) -> str:  # type: ignore[name-defined]  # noqa: F821
    return str(path)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (bare, "tool 'bare', parameter 'path' has no annotation; write path: str"),
        (odd, "tool 'odd', parameter 'data': <class 'bytes'> has no JSON Schema here; there are: str, int"),
        (many, "tool 'many', parameter 'paths': arguments come by name"),
        (unknown, "tool 'unknown': name 'NotImported' is not defined; import"),
        (defaulting, "tool 'defaulting', parameter 'kind': the default <object object at"),
        (lambda: "", "declare it with def"),
    ],
)
def test_a_signature_no_schema_can_tell_is_refused_with_its_remedy(function: Any, message: str) -> None:
    with pytest.raises(TypeError) as refusal:
        tool(function)
    assert message in str(refusal.value)
