"""The C++ header of the arena, out of the same table as the engine's accessors.

Every record becomes a packed struct whose offsets the compiler checks, every section a member of
`Arena`, every word of the schema a constant. So the twin can't drift: a field that moves here
moves there, and one that is renamed stops the build.
"""

import numpy as np

from engine.schema import bounds, commands, events, refusals, vocabulary
from engine.state import layout
from engine.state.lines import FAR, OPENED_AHEAD
from engine.transition import run

_TYPES = {"i1": "int8_t", "i2": "int16_t", "i4": "int32_t", "i8": "int64_t", "u8": "uint64_t"}
_WORDS = {
    "bound": bounds,
    "command": commands,
    "event": events,
    "refusal": refusals,
    "word": vocabulary,
    "layout": layout,
}


def _pascal(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _records() -> dict[str, np.dtype]:
    named = {name: value for name, value in vars(layout).items() if isinstance(value, np.dtype)}
    return {_pascal(name): record for name, record in named.items()}


def _struct(name: str, record: np.dtype) -> str:
    """The struct; fields that share bytes with an earlier one (commands) are left out."""
    lines, checks, end = [], [], 0
    places = {field: record.fields[field] for field in record.names or ()}  # type: ignore[index]
    for field, (kind, offset, *_) in sorted(places.items(), key=lambda item: item[1][1]):
        if offset < end:
            continue
        if offset > end:
            lines.append(f"    char gap_{end}[{offset - end}];")
        lines.append(f"    std::{_TYPES[kind.str[1:]]} {field};")
        checks.append(f"static_assert(offsetof({name}, {field}) == {offset});")
        end = offset + kind.itemsize
    if end < record.itemsize:
        lines.append(f"    char gap_{end}[{record.itemsize - end}];")
    checks.append(f"static_assert(sizeof({name}) == {record.itemsize});")
    return "\n".join([f"struct {name} {{", *lines, "};", *checks, ""])


def _arena() -> str:
    names = {id(record): name for name, record in _records().items()}
    lines = ["struct Arena {", "    char* base;"]
    for section, (record, _, offset) in layout.SECTIONS.items():
        name = names[id(record)]
        place = f"base + {offset}LL + row * {record.itemsize}"
        lines += [
            f"    {name}& {section}(std::int64_t row) const {{",
            f"        return *reinterpret_cast<{name}*>({place});",
            "    }",
        ]
    return "\n".join([*lines, "};", ""])


def _constants(space: str, module: object) -> str:
    lines = [f"namespace {space} {{"]
    for name, value in vars(module).items():
        if name.isupper() and type(value) is int and value < 2**63:
            lines.append(f"constexpr std::int64_t {name} = {value}LL;")
    return "\n".join([*lines, "}", ""])


def _prefetch() -> str:
    """How many commands ahead the engine asks for lines."""
    stages = {
        "FAR": FAR, "AHEAD": run.AHEAD, "NEAR": run.NEAR, "OPENED_AHEAD": OPENED_AHEAD,
    }  # fmt: skip
    lines = [f"constexpr std::int64_t {name} = {value};" for name, value in stages.items()]
    return "\n".join(["namespace prefetch {", *lines, "}", ""])


def compute_header() -> str:
    """The text of arena.hpp."""
    parts = [
        "#pragma once\n#include <cstddef>\n#include <cstdint>\n\nnamespace lionrock {\n",
        *(_struct(name, record) for name, record in _records().items()),
        _arena(),
        *(_constants(space, module) for space, module in _WORDS.items()),
        _prefetch(),
        "}\n",
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    print(compute_header())
