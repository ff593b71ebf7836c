"""A coin that pools of inverse contracts are settled in (1.2, 10.1)."""

from collections.abc import Iterable
from typing import Any

from engine.schema import vocabulary as words
from engine.schema.collateral import KINDS, SettlementAsset
from engine.schema.contract import Contract

COIN = SettlementAsset(symbol="COIN", kind=words.ASSET_COIN, decimals=8, account_kinds=KINDS)


def settled(contracts: Iterable[Contract]) -> dict[str, Any]:
    """What a configuration needs beside these contracts to be one: the coin, if one is inverse."""
    return {"settlement": COIN} if any(spec.contract_value for spec in contracts) else {}
