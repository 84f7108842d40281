"""An arithmetic expression turned into its value, without running it as code and without hanging on a large one."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from core.errors import ToolError
from core.types import Effect
from tool.declare import tool

Number = int | float

_LONGEST = 1000  # characters
_DEEPEST = 50  # operators inside operators
_MOST_BITS = 10_000  # of a whole number: about 3,000 digits, computed and printed in well under a millisecond
_MOST_ARGUMENT = 1000  # of factorial, comb and perm, whose results stay below _MOST_BITS


@tool(effect=Effect.READS)
def calculate(expression: Annotated[str, "such as (2 + 3) * sqrt(16) / 7"]) -> str:
    """Compute an arithmetic expression exactly: + - * / // % **, comparisons, sqrt, log, sin, factorial, pi and more."""
    if len(expression) > _LONGEST:
        raise ToolError(f"the expression has {len(expression)} characters; at most {_LONGEST} are computed at once")
    try:
        return _shown(_value(_parse(expression), 0))
    except ZeroDivisionError as error:
        raise ToolError(f"{expression!r} divides by zero") from error
    except OverflowError as error:
        raise ToolError(f"{expression!r} is too large for a floating-point number") from error
    except (ValueError, TypeError) as error:
        raise ToolError(f"{expression!r} has no value: {error}") from error


def _parse(expression: str) -> ast.expr:
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ToolError(f"{expression[:80]!r} is no arithmetic expression; write one such as 3 * (4 + 5)") from error


def _value(node: ast.expr, depth: int) -> Number:
    if depth > _DEEPEST:
        raise ToolError(f"the expression is nested more than {_DEEPEST} deep; compute it in parts")
    match node:
        case ast.Constant(value=int() | float() as value):
            return _checked(value)
        case ast.Name(id=name):
            return _checked(_look_up(_CONSTANTS, name, "constant"))
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            value = _value(operand, depth + 1)
            return -value if isinstance(sign, ast.USub) else +value
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(op, _value(left, depth + 1), _value(right, depth + 1))
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _compare(ops, [_value(each, depth + 1) for each in (left, *others)])
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            function = _look_up(_FUNCTIONS, name, "function")
            return _checked(function(*(_value(arg, depth + 1) for arg in args)))
        case ast.Tuple():
            raise ToolError("a comma separates arguments; write 1000, not 1,000, and one expression at a time")
    raise ToolError(f"{ast.unparse(node)[:80]!r} is not arithmetic; only numbers, operators and functions are")


def _binary(op: ast.operator, left: Number, right: Number) -> Number:
    if isinstance(op, ast.BitXor):
        raise ToolError("^ is no power here; write **")
    compute = _OPERATORS.get(type(op))
    if compute is None:
        raise ToolError(f"the operator {type(op).__name__} is not offered; there are: + - * / // % **")
    if isinstance(left, int) and isinstance(right, int):
        _refuse_large(op, left, right)
    return _checked(compute(left, right))


def _refuse_large(op: ast.operator, left: int, right: int) -> None:
    """Raises: ToolError for a product or power that would be too large, before it is computed."""
    bits = 0
    if isinstance(op, ast.Pow) and right > 0 and abs(left) > 1:
        bits = left.bit_length() * right
    elif isinstance(op, ast.Mult):
        bits = left.bit_length() + right.bit_length()
    if bits > _MOST_BITS + 64:
        raise _too_large()


def _compare(ops: list[ast.cmpop], values: list[Number]) -> bool:
    if not all(type(op) in _COMPARISONS for op in ops):
        raise ToolError("only < <= > >= == != compare numbers")
    return all(_COMPARISONS[type(op)](a, b) for op, a, b in zip(ops, values, values[1:], strict=False))


def _look_up(table: Mapping[str, Any], name: str, kind: str) -> Any:
    if name not in table:
        raise ToolError(f"no {kind} {name!r}; there are: {', '.join(table)}")
    return table[name]


def _checked(value: Any) -> Number:
    """Return a result if it is a real number of bearable size."""
    if isinstance(value, complex):
        raise ToolError("the result is not a real number")
    if isinstance(value, float) and not math.isfinite(value):
        raise ToolError("the result is not a finite number")
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise _too_large()
    return value  # type: ignore[no-any-return]


def _too_large() -> ToolError:
    return ToolError("the result would have more than 3000 digits; use floating-point numbers, such as 9.0, or log")


def _shown(value: Number) -> str:
    """Write a number; 15 digits are what a float is exact to, so 0.1 + 0.2 is 0.3."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else format(value, ".15g")


def _limited(function: Callable[..., int]) -> Callable[..., int]:
    def call(*args: int) -> int:
        if any(arg > _MOST_ARGUMENT for arg in args):
            raise ToolError(f"{function.__name__} is computed up to {_MOST_ARGUMENT}; use lgamma beyond")
        return function(*args)

    return call


def _lcm(*args: int) -> int:
    """Return the least common multiple, refusing one too large before it is computed."""
    result = 1
    for arg in args:
        result = int(_checked(math.lcm(result, arg)))
    return result


_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}
_PLAIN = (
    "sqrt exp log log2 log10 sin cos tan asin acos atan atan2 sinh cosh tanh degrees radians hypot floor ceil trunc"
)
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{name: getattr(math, name) for name in f"{_PLAIN} isqrt cbrt gcd lgamma".split()},
    "abs": abs,
    "round": round,
    "min": min,
    "max": max,
    "lcm": _lcm,
    **{name: _limited(getattr(math, name)) for name in ("factorial", "comb", "perm")},
}
