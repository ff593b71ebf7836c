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
# shape of the newer orders
DISPLAY_INVALID = 43
TRIGGER_INVALID = 44
EXPIRY_INVALID = 45
SESSION_INVALID = 46
LINK_INVALID = 47
SIDES_INVALID = 48
# state and limits
CONTRACT_CLOSED = 49
CONTRACT_COLLECTING = 50
CONTRACT_POST_ONLY = 51
TRADING_BLOCKED = 52
RATE_LIMIT = 53
LOTS_BELOW_MIN = 54
VALUE_BELOW_MIN = 55
VALUE_ABOVE_MAX = 56
TRIGGER_REACHED = 57
ORDERS_LIMIT = 58
LEVEL_LIMIT = 59
# operator
STATE_CHANGE_INVALID = 60
SCOPE_INVALID = 61
BAND_INVALID = 62
TIMEOUT_INVALID = 63
# quotes and brackets
QUOTES_INVALID = 64
PROTECTION_INVALID = 65
PROTECTION_TRIPPED = 66
BRACKET_INVALID = 67
QUOTE_CROSSED = 68
CONTRACT_SETTLED = 69
# prices
ASSET_UNKNOWN = 70
UNITS_INVALID = 71
INDEX_MISSING = 72
SEED_INVALID = 73
# limits of a group
GROUP_LIMIT = 74
# margin
PRICE_BELOW_MIN = 75
RATE_INVALID = 76
MODE_UNCHANGED = 77
MODE_NOT_FLAT = 78
# eligibility
NOT_PROFESSIONAL = 79
NOT_ASSESSED = 80
DISCLOSURE_NOT_ACKNOWLEDGED = 81
ACCOUNT_BLOCKED = 82
ELIGIBILITY_INVALID = 83
# backstop
CAPACITY_INVALID = 84
FUND_BELOW_COVER = 85
# collateral
COLLATERAL_INVALID = 86
COLLATERAL_CLOSED = 87
COLLATERAL_CAP = 88
COLLATERAL_INSUFFICIENT = 89
# withdrawals
WITHDRAWAL_UNKNOWN = 90
WITHDRAWALS_PENDING = 91
# listing
CONTRACT_NOT_LIVE = 92
SPECIFICATION_DIFFERS = 93
SPECIFICATION_UNFIT = 94
APPROVAL_INVALID = 95
# portfolio margin
MODE_INVALID = 96
MODE_WITH_ORDERS = 97
# the conversion ledger
CONVERSION_INSUFFICIENT = 98
# the settlement asset
KIND_NOT_PERMITTED = 99

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
    ORDER_TYPE_INVALID: "there is no such order type",
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
    SOURCE_PRICE_INVALID: "a source price must lie between the contract's lowest and highest",
    ACCOUNT_OUT_OF_RANGE: "the account id lies outside the engine's range",
    GROUP_INVALID: "owner and group must be positive",
    WITHDRAWALS_NOT_STOPPED: "withdrawals are not stopped",
    DISPLAY_INVALID: "a displayed quantity lies between one lot and the order's, and must rest",
    TRIGGER_INVALID: "trigger price, source and distance do not make a trigger of this order type",
    EXPIRY_INVALID: "the expiry lies in the past, or does not go with this time in force",
    SESSION_INVALID: "a session lies between 0 and 127",
    LINK_INVALID: "there is no free working order of this account and contract to link with",
    SIDES_INVALID: "the sides are neither both, buy nor sell",
    CONTRACT_CLOSED: "the contract takes only cancels in its present state",
    CONTRACT_COLLECTING: "while orders are collected none can trade at once",
    CONTRACT_POST_ONLY: "the contract takes only post-only orders in its present state",
    TRADING_BLOCKED: "a kill switch stops the account, its group, the contract or everything",
    RATE_LIMIT: "the account sent more commands in the window than allowed",
    LOTS_BELOW_MIN: "the quantity is below the contract's smallest order",
    VALUE_BELOW_MIN: "the order's value is below the contract's smallest",
    VALUE_ABOVE_MAX: "the order's value is above the contract's largest",
    TRIGGER_REACHED: "the trigger is already reached, or its source has no price yet",
    ORDERS_LIMIT: "the account has as many working orders as allowed",
    LEVEL_LIMIT: "the price level has as many orders as allowed",
    STATE_CHANGE_INVALID: "an operator can't make this change from the contract's state",
    SCOPE_INVALID: "there is nothing of this scope and number to stop or release",
    BAND_INVALID: "a band lies within the contract's prices, low to high, or is 0 and 0",
    TIMEOUT_INVALID: "a timeout lies between 0 (disarm) and a day",
    QUOTES_INVALID: "a mass quote has 1 to 64 quote rows, and all of them follow it",
    PROTECTION_INVALID: "a protection window is 1 to 4, of 1 ns to a day, with no limit below 0",
    PROTECTION_TRIPPED: "the protection window has tripped and was not reset",
    QUOTE_CROSSED: "the bid of a quote is at or above its own ask",
    CONTRACT_SETTLED: "the contract has settled: nothing trades in it any more",
    ASSET_UNKNOWN: "the contract's index has no such constituent",
    UNITS_INVALID: "the units, or the divisor that keeps the level, lie outside the engine's range",
    INDEX_MISSING: "the contract has no index to keep the level of",
    GROUP_LIMIT: "the positions of the account's group could together pass the contract's limit",
    SEED_INVALID: "a seed lies between 0 and 2**62",
    PRICE_BELOW_MIN: "the price is below the contract's lowest",
    RATE_INVALID: "a rate lies between 0 and 100%",
    MODE_UNCHANGED: "the account already has this margin mode in the contract",
    MODE_NOT_FLAT: "the margin mode changes only without lots and orders in the contract",
    NOT_PROFESSIONAL: "the account's status as a professional investor has run out",
    NOT_ASSESSED: "the account's knowledge of derivatives has not been assessed",
    DISCLOSURE_NOT_ACKNOWLEDGED: "the account has not acknowledged the current disclosure",
    ACCOUNT_BLOCKED: "the account is blocked: it may only reduce",
    ELIGIBILITY_INVALID: "a time, a version or a mark of eligibility lies outside its range",
    CAPACITY_INVALID: "a capacity lies between 0 and the largest position",
    FUND_BELOW_COVER: "the fund does not cover the stressed loss: no new risk is taken",
    BRACKET_INVALID: "stop and target must lie on their sides of an order that opens",
    COLLATERAL_INVALID: "impaired must be 0 or 1, and a licence must end between 0 and 2**62",
    COLLATERAL_CLOSED: "the asset is impaired or has no fresh price: no deposits",
    COLLATERAL_CAP: "the pool would hold more of the asset, its issuer or of coins than allowed",
    COLLATERAL_INSUFFICIENT: "the account holds less of the asset than that",
    WITHDRAWAL_UNKNOWN: "the account has nothing reserved under that client id",
    WITHDRAWALS_PENDING: "the account has as many withdrawals reserved as it may",
    CONTRACT_NOT_LIVE: "the contract is a draft, or approved and not live yet",
    SPECIFICATION_DIFFERS: "the contract's specification is not the one of that hash",
    SPECIFICATION_UNFIT: "the contract's specification does not pass the approval check",
    APPROVAL_INVALID: "an approval needs the number of its record, above 0",
    MODE_INVALID: "the margin mode is neither 0 nor 1, or the pool offers no portfolio margin",
    MODE_WITH_ORDERS: "the margin mode of an account changes only without working orders",
    CONVERSION_INSUFFICIENT: "the conversion ledger has less of the asset, or gained less cash",
    KIND_NOT_PERMITTED: "accounts of this kind may not be settled in the pool's asset",
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
