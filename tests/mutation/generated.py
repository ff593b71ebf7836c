"""Bugs drawn at random from the kernels: the usual small slips, one at a time.

Every place in a kernel's body where one of the slips fits is a candidate. Candidates are ranked by
a digest of the seed and of what they change, kind by kind, and the first of each kind come in turn.
So a draw is the same everywhere, and an edit of the sources moves only the draws near it.

Left out, because nothing could tell: docstrings and assertions; `+ 0`, which only makes a record's
field a number; what a function returns that returns the same number everywhere.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from tests.mutation.planted import ROOT, Planted, read_source

SEED = 1
COUNT = 200
TREES = ("engine/book", "engine/transition", "risk", "funding")
DECORATORS = {"kernel", "cold", "entry"}

COMPARISONS = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
}
SIGNS = {ast.Add: ("+", "-"), ast.Sub: ("-", "+")}
WORDS = {ast.And: ("and", "or"), ast.Or: ("or", "and")}
TWINS = {
    "max": "min",
    "min": "max",
    "multiply_rate_floor": "multiply_rate_ceil",
    "multiply_rate_ceil": "multiply_rate_floor",
    "multiply_divide": "multiply_divide_ceil",
    "multiply_divide_ceil": "multiply_divide",
    "average_price_floor": "average_price_ceil",
    "average_price_ceil": "average_price_floor",
    "find_lowest_price": "find_highest_price",
    "find_highest_price": "find_lowest_price",
}
HOMES = {  # where a twin is imported from that the file does not have yet
    "multiply_rate_floor": "engine.state.arithmetic",
    "multiply_rate_ceil": "engine.state.arithmetic",
    "multiply_divide": "engine.state.arithmetic",
    "multiply_divide_ceil": "engine.state.arithmetic",
    "average_price_floor": "engine.state.values",
    "average_price_ceil": "engine.state.values",
    "find_lowest_price": "engine.state.values",
    "find_highest_price": "engine.state.values",
}


class Slip(NamedTuple):
    """Put `text` in the place of the characters from start to end."""

    kind: str
    start: int
    end: int
    text: str
    needs: str = ""  # a name that the file must import then


class Source:
    """A file with its tree, and the place of a node as a count of characters."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.text = read_source(path)
        self.tree = ast.parse(self.text)
        self.starts = [0]
        for line in self.text.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        assert self.text.isascii()  # columns of the tree are bytes

    def start(self, node: ast.AST) -> int:
        return self.starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]

    def end(self, node: ast.AST) -> int:
        return self.starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]

    def find(self, token: str, after: ast.AST, before: ast.AST) -> int:
        return self.text.index(token, self.end(after), self.start(before))

    def names(self) -> set[str]:
        return {
            alias.asname or alias.name
            for node in self.tree.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }


def is_compiled(function: ast.FunctionDef) -> bool:
    for decorator in function.decorator_list:
        name = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(name, ast.Name) and name.id in DECORATORS:
            return True
    return False


def is_number(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def nodes_of(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes of a body, without its docstring and without a return value that says nothing."""
    returns = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    said = {ast.dump(value) for value in returns if value is not None}
    silent = returns if len(said) == 1 and all(is_number(value) for value in returns) else []
    has_docstring = ast.get_docstring(function, clean=False) is not None
    for statement in function.body[has_docstring:]:
        for node in ast.walk(statement):
            if node not in silent:
                yield node


def slips_of_operators(source: Source, node: ast.AST) -> Iterator[Slip]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS and len(node.ops) == 1:
        old, new = COMPARISONS[type(node.ops[0])]
        at = source.find(old, node.left, node.comparators[0])
        yield Slip("comparison", at, at + len(old), new)
    if isinstance(node, ast.BinOp) and type(node.op) in SIGNS:
        if not (isinstance(node.right, ast.Constant) and node.right.value == 0):
            old, new = SIGNS[type(node.op)]
            at = source.find(old, node.left, node.right)
            yield Slip("sign", at, at + 1, new)
    if isinstance(node, ast.AugAssign) and type(node.op) in SIGNS:
        old, new = SIGNS[type(node.op)]
        at = source.find(old, node.target, node.value)
        yield Slip("sign", at, at + 1, new)
    if isinstance(node, ast.BoolOp):
        old, new = WORDS[type(node.op)]
        for left, right in zip(node.values, node.values[1:], strict=False):
            at = source.find(old, left, right)
            yield Slip("word", at, at + len(old), new)


def slips_of(source: Source, node: ast.AST) -> Iterator[Slip]:
    yield from slips_of_operators(source, node)
    if isinstance(node, ast.Name) and node.id in TWINS:
        twin = TWINS[node.id]
        kind = "extreme" if node.id in ("max", "min") else "rounding"
        needs = twin if twin in HOMES and twin not in source.names() else ""
        yield Slip(kind, source.start(node), source.end(node), twin, needs)
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield Slip("truth", source.start(node), source.end(node), str(not node.value))
    if is_number(node):
        for step in (1, -1):
            number = node.value + step  # type: ignore[attr-defined]
            text = str(number) if number >= 0 else f"({number})"
            yield Slip("number", source.start(node), source.end(node), text)
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        test = source.text[source.start(node.test) : source.end(node.test)]
        yield Slip("condition", source.start(node.test), source.end(node.test), f"not ({test})")
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield Slip("omission", source.start(node), source.end(node), "pass")


class Candidate(NamedTuple):
    """A slip at its place; `name` tells it by what it changes, not by where that stands."""

    source: Source
    function: str
    slip: Slip
    name: str


def name_slip(source: Source, function: str, slip: Slip) -> str:
    start = source.text.rfind("\n", 0, slip.start) + 1
    end = source.text.index("\n", slip.end)
    changed = source.text[start : slip.start] + slip.text + source.text[slip.end : end]
    old, new = (" ".join(text.split()) for text in (source.text[start:end], changed))
    return f"{source.path} {function}: {old} -> {new}"


def candidates_in(source: Source) -> Iterator[Candidate]:
    for function in source.tree.body:
        if isinstance(function, ast.FunctionDef) and is_compiled(function):
            for node in nodes_of(function):
                for slip in slips_of(source, node):
                    name = name_slip(source, function.name, slip)
                    yield Candidate(source, function.name, slip, name)


def plant(candidate: Candidate) -> Planted:
    source, function, slip, name = candidate
    after = source.text[: slip.start] + slip.text + source.text[slip.end :]
    if slip.needs:
        at = source.text.index("\nfrom ") + 1
        after = f"{after[:at]}from {HOMES[slip.needs]} import {slip.needs}\n{after[at:]}"
    return Planted(source.path, name, f"{slip.kind} in {function}", "", source.text, after)


def rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()


@cache
def candidates() -> dict[str, list[Candidate]]:
    """All that can be drawn, by kind; of several with one name the first."""
    found: dict[str, dict[str, Candidate]] = {}
    for tree in TREES:
        for path in sorted(Path(ROOT, tree).rglob("*.py")):
            for candidate in candidates_in(Source(path.relative_to(ROOT).as_posix())):
                found.setdefault(candidate.slip.kind, {}).setdefault(candidate.name, candidate)
    return {kind: list(slips.values()) for kind, slips in sorted(found.items())}


def draw(seed: int = SEED, count: int = COUNT) -> list[Planted]:
    """The bugs of a seed."""
    ranked = [
        sorted(slips, key=lambda candidate: rank(seed, candidate.name))
        for slips in candidates().values()
    ]
    turns = (slip for turn in zip_longest(*ranked) for slip in turn if slip is not None)
    return [plant(slip) for _, slip in zip(range(count), turns, strict=False)]
