"""Why a command was refused: a code that the event carries and one English line (rule 2.2).

The first check that fails is the one reported; `README.md` fixes their order per command.
"""

OK = 0

# the stamp (2.6 a): these alone stop due work too
TIME_BACKWARDS = 1
TIME_AHEAD = 2
# who and what
COMMAND_UNKNOWN = 3
ACCOUNT_UNKNOWN = 4
CLIENT_ID_NOT_POSITIVE = 5
CLIENT_ID_DUPLICATE = 6
CLIENT_ID_TOO_OLD = 7
CONTRACT_UNKNOWN = 8
ORDER_UNKNOWN = 9
# shape of an order
ORDER_TYPE_INVALID = 10
SIDE_INVALID = 11
TIF_INVALID = 12
FLAGS_INVALID = 13
STP_INVALID = 14
LOTS_NOT_POSITIVE = 15
LOTS_ABOVE_MAX = 16
# state
CONTRACT_FROZEN = 17
ACCOUNT_IN_LIQUIDATION = 18
CONTRACT_REDUCE_ONLY = 19
# price
PRICE_NOT_POSITIVE = 20
PRICE_ABOVE_MAX = 21
PRICE_OUTSIDE_BAND = 22
# what the order would do
REDUCE_ONLY_NOTHING = 23
POST_ONLY_WOULD_TRADE = 24
POSITION_LIMIT = 25
OPEN_INTEREST_LIMIT = 26
POOL_FULL = 27
MARGIN_INSUFFICIENT = 28
AMEND_NOTHING = 29
# money
AMOUNT_NOT_POSITIVE = 30
AMOUNT_ABOVE_MAX = 31
LEDGER_INVALID = 32
WITHDRAWAL_ABOVE_AVAILABLE = 33
WITHDRAWALS_STOPPED = 34
# operator and price source
ACCOUNT_EXISTS = 35
ACCOUNT_KIND_INVALID = 36
SOURCE_UNKNOWN = 37
SOURCE_PRICE_INVALID = 38
ACCOUNT_OUT_OF_RANGE = 40
GROUP_INVALID = 41
WITHDRAWALS_NOT_STOPPED = 42

SENTENCES = {
    TIME_BACKWARDS: "the command's time lies before the last command's",
    TIME_AHEAD: "the command's time lies further ahead of the last than allowed",
    COMMAND_UNKNOWN: "there is no such command",
    ACCOUNT_UNKNOWN: "there is no such account",
    CLIENT_ID_NOT_POSITIVE: "a client id must lie between 1 and 2**62",
    CLIENT_ID_DUPLICATE: "this client id was used before",
    CLIENT_ID_TOO_OLD: "this client id lies more than 63 below the account's highest",
    CONTRACT_UNKNOWN: "there is no such contract",
    ORDER_UNKNOWN: "the account has no working order of this id",
    ORDER_TYPE_INVALID: "the order type is neither limit nor market",
    SIDE_INVALID: "the side is neither buy nor sell",
    TIF_INVALID: "the time in force is unknown, or not open to this order type",
    FLAGS_INVALID: "these flags can't stand together or with this time in force",
    STP_INVALID: "the self-trade mode is unknown, or not allowed by the contract",
    LOTS_NOT_POSITIVE: "the quantity must be at least one lot",
    LOTS_ABOVE_MAX: "the quantity is above the contract's largest order",
    CONTRACT_FROZEN: "the contract is frozen: it has no fresh mark",
    ACCOUNT_IN_LIQUIDATION: "the account is in liquidation: it may only deposit and cancel",
    CONTRACT_REDUCE_ONLY: "the contract accepts only orders that reduce a position",
    PRICE_NOT_POSITIVE: "the price must be at least one tick",
    PRICE_ABOVE_MAX: "the price is above the contract's highest",
    PRICE_OUTSIDE_BAND: "the price lies outside the static band around the mark",
    REDUCE_ONLY_NOTHING: "there is no position left for a reduce-only order to reduce",
    POST_ONLY_WOULD_TRADE: "a post-only order would have traded",
    POSITION_LIMIT: "the position could pass the contract's limit",
    OPEN_INTEREST_LIMIT: "the open interest could pass the contract's limit",
    POOL_FULL: "a pool of the engine is at its bound",
    MARGIN_INSUFFICIENT: "equity does not cover the margin after worst-case fills",
    AMEND_NOTHING: "the amendment changes nothing",
    AMOUNT_NOT_POSITIVE: "the amount must be positive",
    AMOUNT_ABOVE_MAX: "the amount, or all deposits with it, would pass the engine's bound",
    LEDGER_INVALID: "there is no such ledger to deposit into",
    WITHDRAWAL_ABOVE_AVAILABLE: "the amount is above what can be withdrawn",
    WITHDRAWALS_STOPPED: "withdrawals of the pool are stopped until fund and house are refilled",
    ACCOUNT_EXISTS: "the account exists already",
    ACCOUNT_KIND_INVALID: "there is no such kind of account to open",
    SOURCE_UNKNOWN: "the contract has no such price source",
    SOURCE_PRICE_INVALID: "a source price must lie between 1 and the contract's highest",
    ACCOUNT_OUT_OF_RANGE: "the account id lies outside the engine's range",
    GROUP_INVALID: "owner and group must be positive",
    WITHDRAWALS_NOT_STOPPED: "withdrawals are not stopped",
}

NAMES = {
    value: name
    for name, value in list(globals().items())
    if name.isupper() and isinstance(value, int) and name != "OK"
}
assert set(NAMES) == set(SENTENCES)


def explain_refusal(code: int) -> str:
    """One English line for a refusal code."""
    return f"{NAMES[code]}: {SENTENCES[code]}"
