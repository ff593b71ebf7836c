"""Reasons in words, each with its rule: refusals, ends of orders, changes of state, layers, steps.

The codes and their names are the schema's; here stands what a person is told about them. A code
without an entry is a failing test.
"""

from engine.schema import refusals
from engine.schema import vocabulary as words

RULES_OF_REFUSALS = {
    code: rule
    for rule, codes in {
        "1.3": (refusals.AMOUNT_ABOVE_MAX,),
        "2.2": (refusals.TIME_BACKWARDS, refusals.TIME_AHEAD),
        "2.3": (refusals.COMMAND_UNKNOWN,),
        "2.4": (
            refusals.ACCOUNT_UNKNOWN, refusals.CLIENT_ID_NOT_POSITIVE,
            refusals.CLIENT_ID_DUPLICATE, refusals.CLIENT_ID_TOO_OLD,
        ),
        "3.2": (
            refusals.CONTRACT_UNKNOWN, refusals.CONTRACT_SETTLED, refusals.CONTRACT_NOT_LIVE,
            refusals.SPECIFICATION_DIFFERS, refusals.SPECIFICATION_UNFIT, refusals.APPROVAL_INVALID,
        ),
        "4.2": (
            refusals.ORDER_TYPE_INVALID, refusals.SIDE_INVALID, refusals.TIF_INVALID,
            refusals.FLAGS_INVALID, refusals.POST_ONLY_WOULD_TRADE, refusals.DISPLAY_INVALID,
            refusals.TRIGGER_INVALID, refusals.TRIGGER_REACHED, refusals.EXPIRY_INVALID,
        ),
        "4.3": (refusals.REDUCE_ONLY_NOTHING,),
        "4.4": (refusals.ORDER_UNKNOWN, refusals.AMEND_NOTHING),
        "4.5": (refusals.LINK_INVALID, refusals.BRACKET_INVALID),
        "4.6": (
            refusals.SESSION_INVALID, refusals.SIDES_INVALID, refusals.TRADING_BLOCKED,
            refusals.SCOPE_INVALID, refusals.TIMEOUT_INVALID,
        ),
        "4.7": (refusals.STP_INVALID,),
        "4.8": (
            refusals.QUOTES_INVALID, refusals.PROTECTION_INVALID, refusals.PROTECTION_TRIPPED,
            refusals.QUOTE_CROSSED,
        ),
        "4.9": (
            refusals.LOTS_NOT_POSITIVE, refusals.LOTS_ABOVE_MAX, refusals.LOTS_BELOW_MIN,
            refusals.PRICE_NOT_POSITIVE, refusals.PRICE_ABOVE_MAX, refusals.PRICE_BELOW_MIN,
            refusals.VALUE_BELOW_MIN, refusals.VALUE_ABOVE_MAX, refusals.POSITION_LIMIT,
            refusals.GROUP_LIMIT, refusals.OPEN_INTEREST_LIMIT, refusals.POOL_FULL,
            refusals.ORDERS_LIMIT, refusals.LEVEL_LIMIT, refusals.RATE_LIMIT,
        ),
        "5.1": (
            refusals.CONTRACT_REDUCE_ONLY, refusals.CONTRACT_CLOSED, refusals.CONTRACT_POST_ONLY,
            refusals.STATE_CHANGE_INVALID,
        ),
        "5.2": (refusals.CONTRACT_COLLECTING,),
        "5.3": (refusals.PRICE_OUTSIDE_BAND, refusals.BAND_INVALID),
        "5.4": (refusals.CONTRACT_FROZEN,),
        "6.1": (
            refusals.SOURCE_UNKNOWN, refusals.SOURCE_PRICE_INVALID, refusals.ASSET_UNKNOWN,
            refusals.UNITS_INVALID, refusals.INDEX_MISSING,
        ),
        "7.1": (refusals.SEED_INVALID,),
        "8.1": (refusals.RATE_INVALID,),
        "8.2": (refusals.MARGIN_INSUFFICIENT,),
        "8.3": (refusals.WITHDRAWAL_ABOVE_AVAILABLE,),
        "8.7": (refusals.MODE_INVALID, refusals.MODE_WITH_ORDERS),
        "3.1": (
            refusals.NOT_PROFESSIONAL, refusals.NOT_ASSESSED, refusals.DISCLOSURE_NOT_ACKNOWLEDGED,
            refusals.ACCOUNT_BLOCKED, refusals.ELIGIBILITY_INVALID,
        ),
        "8.5": (refusals.MODE_UNCHANGED, refusals.MODE_NOT_FLAT),
        "9.2": (refusals.ACCOUNT_IN_LIQUIDATION, refusals.CAPACITY_INVALID),
        "9.6": (refusals.FUND_BELOW_COVER,),
        "9.8": (refusals.WITHDRAWALS_STOPPED, refusals.WITHDRAWALS_NOT_STOPPED),
        "10.1": (refusals.KIND_NOT_PERMITTED,),
        "10.2": (refusals.COLLATERAL_CAP,),
        "10.3": (refusals.COLLATERAL_INVALID, refusals.COLLATERAL_CLOSED),
        "10.6": (
            refusals.AMOUNT_NOT_POSITIVE, refusals.LEDGER_INVALID, refusals.COLLATERAL_INSUFFICIENT,
            refusals.WITHDRAWAL_UNKNOWN, refusals.WITHDRAWALS_PENDING,
            refusals.CONVERSION_INSUFFICIENT,
        ),
        "15.1": (
            refusals.ACCOUNT_EXISTS, refusals.ACCOUNT_KIND_INVALID, refusals.ACCOUNT_OUT_OF_RANGE,
            refusals.GROUP_INVALID,
        ),
    }.items()
    for code in codes
}  # fmt: skip

# Why an order, or a part of it, ended without a fill
ENDS_OF_ORDERS = {
    words.CANCEL_CLIENT: "its owner cancelled it (4.4)",
    words.CANCEL_MASS: "its owner cancelled all of its orders there (4.6)",
    words.CANCEL_IOC: "what an immediate order leaves unfilled does not rest (4.2)",
    words.CANCEL_FOK: "it could not fill whole at once (4.2)",
    words.CANCEL_SELF_TRADE: "it would have traded within its own group (4.7)",
    words.CANCEL_REDUCE_ONLY: "the position that it was to reduce is smaller or gone (4.3)",
    words.CANCEL_BAND: "the mark moved, and it lies outside the static band (5.3)",
    words.CANCEL_SOLVENCY: "its fill would have left its account's equity below zero (9.0)",
    words.CANCEL_SLIPPAGE: (
        "its fill would have left its account below maintenance, too far from the mark (9.0)"
    ),
    words.CANCEL_LIQUIDATION: "its account is in liquidation, and it could add risk (9.2 b)",
    words.CANCEL_AMEND: "it was amended to no more than had filled (4.4)",
    words.CANCEL_EXPIRY: "its time was over (4.2)",
    words.CANCEL_LINKED: "an order that it is linked with filled, fired or ended (4.5)",
    words.CANCEL_TRIGGER: "its trigger fired, and the order was then refused (4.2)",
    words.CANCEL_KILL: "a kill switch stopped it (4.6)",
    words.CANCEL_HEARTBEAT: "its account's cancel-after timer ran out (4.6)",
    words.CANCEL_SESSION: "its session was lost (4.6)",
    words.CANCEL_PROTECTION: "market-maker protection of its group tripped (4.8)",
    words.CANCEL_QUOTE: "a newer quote took its place (4.8)",
    words.CANCEL_DYNAMIC_BAND: (
        "it met the dynamic band, and too little was left for an auction (5.3)"
    ),
    words.CANCEL_STATE: "the contract's new state does not keep it (5.1)",
    words.CANCEL_ELIGIBILITY: (
        "it could add risk, and its account or the contract's reference asset has lapsed (3.1, 3.3)"
    ),
}

# Why a trading state changed
CHANGES_OF_STATE = {
    words.WHY_FRESH_MARK: "it has a fresh mark (5.4)",
    words.WHY_SOURCES: "too few of its price sources are healthy (5.4)",
    words.WHY_MARK_HELD: "the move limit holds its mark outside the band around the index (6.2)",
    words.WHY_MARK_FREE: "its mark is within the band around the index again (6.2)",
    words.WHY_WATERFALL: "the step left an equity below zero (9.8)",
    words.WHY_WATERFALL_DONE: "the waterfall is complete (9.8)",
    words.WHY_OPERATOR: "an operator said so (5.1)",
    words.WHY_VOLATILITY: "a sweep met the dynamic band (5.3)",
    words.WHY_UNCROSSED: "the auction is over (5.2)",
    words.WHY_TOO_VOLATILE: "there were too many volatility auctions in the window (5.3)",
    words.WHY_FREEZE_MAX: "it was frozen for as long as a contract may be (5.4)",
    words.WHY_SETTLED: "every position has been settled (3.2)",
}

LAYERS = {
    words.LAYER_FUND: "the fund pays in cash, within its equity and its caps on losses (9.6, 9.8)",
    words.LAYER_HOUSE: "the house layer pays, behind the fund (9.8)",
    words.LAYER_HAIRCUT: "the gains of the step pay, behind fund and house layer (9.8)",
}

STEPS = {
    words.STEP_PARTIAL: (
        "the smallest cut that brings equity to maintenance with its buffer, bounded by the share"
        " of the visible depth (9.2 c)"
    ),
    words.STEP_WHOLE: "the whole position, because no part of it would do (9.2 d)",
    words.STEP_WATERFALL: "equity is below zero, so every position goes at once (9.2 e-g, 2.5)",
}

ENDS_OF_LIQUIDATIONS = {
    words.END_RECOVERED: "equity has reached maintenance with its buffer (9.2)",
    words.END_FLAT: "nothing is left of its positions (9.2 g)",
    words.END_FROZEN: "what is left of its positions stands in frozen contracts (5.4)",
}


def tell_refusal(code: int) -> str:
    """The name of a refusal code, its rule, and its sentence."""
    return f"{refusals.NAMES[code]} ({RULES_OF_REFUSALS[code]}): {refusals.SENTENCES[code]}"
