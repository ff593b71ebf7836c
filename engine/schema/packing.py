"""A typed command as a 64-byte record: what does not fit is refused by name, never wrapped."""

import numpy as np
import numpy.typing as npt

from engine.schema.commands import COMMAND, FIELDS, AnyCommand


class FieldRangeError(ValueError):
    """A number lies outside its record field; says which field and what it can hold."""


def _limits() -> dict[str, tuple[int, int]]:
    limits = {}
    for name in COMMAND.names or ():
        info = np.iinfo(COMMAND[name])
        limits[name] = (int(info.min), int(info.max))
    return limits


LIMITS = _limits()


def pack_command(command: AnyCommand, records: npt.NDArray[np.void], row: int) -> None:
    """Write the command into `records[row]`; raises FieldRangeError before it writes anything."""
    fields = FIELDS[command.kind_code]
    values = [getattr(command, name) for name in fields]
    for name, value in zip(fields, values, strict=True):
        low, high = LIMITS[name]
        if not low <= value <= high:
            raise FieldRangeError(f"{name} {value} is not between {low} and {high}")
    record = records[row]
    record["contract_2"] = record["contract_3"] = 0
    record["price_ticks_2"] = record["price_ticks_3"] = 0
    record["client_id"] = record["order_id"] = record["amount"] = 0
    record["price_ticks"] = record["lots"] = record["account"] = record["contract"] = 0
    record["side"] = record["order_type"] = record["tif"] = record["flags"] = record["stp"] = 0
    record["kind"] = command.kind_code
    for name, value in zip(fields, values, strict=True):
        record[name] = value
