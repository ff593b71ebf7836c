"""The words of commands and events: sides, times in force, states, reasons. Plain integers,
because kernels read them; the names for people are derived here and nowhere else."""

NONE = 0  # slot 0 of every pool is nil

# Accounts. The pool's insurance fund is account 1: margined, marked and liquidated like any (9.6).
FUND = 1
CLIENT_FIRST = 2

# Account kinds
KIND_CLIENT = 0
KIND_FUND = 1
KIND_LIQUIDITY_PROVIDER = 2
KIND_AFFILIATE = 3
KIND_LAST = 3

# Kinds of an asset (10.1)
ASSET_FIAT = 1
ASSET_STABLECOIN = 2
ASSET_COIN = 3

# How the value of an inverse fill is rounded (1.2)
ROUNDING_PER_LOT = 0
ROUNDING_PER_FILL = 1

# Why an asset is impaired (10.3); 0: its haircut has risen again
IMPAIRED_DEPEG = 1
IMPAIRED_LICENCE = 2
IMPAIRED_OPERATOR = 3
IMPAIRED_SILENT = 4  # fewer fresh prices than it needs

# Sides of an order
BUY = 0
SELL = 1

# Order types (4.2). From STOP_LIMIT on they wait for a trigger: a stop fires when the price has
# gone against the side (a buy at or above), a take-profit when it has come towards it.
LIMIT = 0
MARKET = 1
STOP_LIMIT = 2
STOP_MARKET = 3
TAKE_LIMIT = 4
TAKE_MARKET = 5
TRAILING_MARKET = 6

# Times in force (4.2)
GTC = 0
IOC = 1
FOK = 2
GTD = 3
DAY = 4

# Flags of an order, bits
POST_ONLY = 1
REDUCE_ONLY = 2
SLIDE = 4  # with POST_ONLY: one tick away from the opposite best instead of a refusal
CLOSE_POSITION = 8  # the whole position, whatever it is when the order starts to work
FLAGS_CLIENT = POST_ONLY | REDUCE_ONLY | SLIDE | CLOSE_POSITION

# What a trigger watches (4.2)
SOURCE_MARK = 1
SOURCE_INDEX = 2
SOURCE_LAST = 3

# Sides of a mass cancel
SIDES_BOTH = 0
SIDES_BUY = 1
SIDES_SELL = 2

# Whom a kill switch stops (4.6)
SCOPE_ACCOUNT = 1
SCOPE_GROUP = 2
SCOPE_CONTRACT = 3
SCOPE_ALL = 4

# Self-trade prevention (4.7); the aggressor's mode decides
STP_CANCEL_NEWEST = 0
STP_CANCEL_OLDEST = 1
STP_CANCEL_BOTH = 2
STP_DECREMENT = 3
STP_NONE = 4

# Ledgers (10.6)
LEDGER_CLIENT = 0
LEDGER_FUND = 1
LEDGER_HOUSE = 2

# Trading states (5.1)
STATE_FROZEN = 0  # also the state before the first mark: zero bytes mean empty
STATE_CONTINUOUS = 1
STATE_REDUCE_ONLY = 2
STATE_DEFAULT = 3
STATE_PRE_OPEN = 4
STATE_AUCTION = 5
STATE_HALTED = 6
STATE_POST_ONLY = 7
STATE_SUSPENDED = 8
STATE_SETTLING = 9  # within one transition
STATE_SETTLED = 10  # the end of the contract: nobody holds anything in it
STATE_DRAFT = 11  # listed with the configuration, not approved (3.2)
STATE_APPROVED = 12  # and not live yet
STATE_LAST = 12

# Margin modes of an account (8.7)
MARGIN_STANDARD = 0  # by tiers, position by position
MARGIN_PORTFOLIO = 1  # by moves of prices, what nets nets

# Why a trading state changed
WHY_FRESH_MARK = 1
WHY_SOURCES = 2  # too few healthy price sources (5.4)
WHY_MARK_HELD = 3  # the move limit holds the mark outside its band (6.2)
WHY_MARK_FREE = 4
WHY_WATERFALL = 5  # a negative equity was found (9.8)
WHY_WATERFALL_DONE = 6
WHY_OPERATOR = 7
WHY_VOLATILITY = 8  # a sweep would have left the dynamic band (5.3)
WHY_UNCROSSED = 9  # an auction ended
WHY_TOO_VOLATILE = 10  # too many volatility auctions in the window (5.3)
WHY_FREEZE_MAX = 11  # frozen for as long as a contract may be (5.4)
WHY_SETTLED = 12

# Why an order, or a part of it, ended without a fill
CANCEL_CLIENT = 1
CANCEL_MASS = 2
CANCEL_IOC = 3
CANCEL_FOK = 4
CANCEL_SELF_TRADE = 5
CANCEL_REDUCE_ONLY = 6
CANCEL_BAND = 7
CANCEL_SOLVENCY = 8  # 9.0: the fill would leave equity below zero
CANCEL_SLIPPAGE = 9  # 9.0: below maintenance and too far from the mark
CANCEL_LIQUIDATION = 10
CANCEL_AMEND = 11
CANCEL_EXPIRY = 12
CANCEL_LINKED = 13  # a linked order filled, fired or ended (4.5)
CANCEL_TRIGGER = 14  # fired, and then refused: the event carries the refusal
CANCEL_KILL = 15
CANCEL_HEARTBEAT = 16  # the account's cancel-after timer ran out (4.6)
CANCEL_SESSION = 17  # its session disconnected
CANCEL_PROTECTION = 18  # market-maker protection tripped (4.8)
CANCEL_QUOTE = 19  # replaced by a newer quote
CANCEL_DYNAMIC_BAND = 20  # stopped at the dynamic band, and too small for an auction (5.3)
CANCEL_STATE = 21  # the contract's new state does not keep the order
CANCEL_ELIGIBILITY = 22  # its account, or the contract's reference asset, has lapsed (3.1, 3.3)

# Kinds of price sources (6.1)
SOURCE_OUTSIDE = 0
SOURCE_OWN = 1  # the platform's own venue, or an affiliate's: a lower cap
SOURCE_PERPETUAL = 2  # another venue's perpetual: for the mark, never in the index

# How the index is made of its sources (6.1)
INDEX_MEDIAN = 0
INDEX_CLAMPED_MEAN = 1

# Which terms make the mark (6.2)
MARK_MEDIAN = 0  # fair price, basis, last
MARK_BASIS = 1
MARK_FAIR = 2
MARK_LAST = 3  # the last price, held between impact bid and ask
MARK_EXTERNAL = 4  # other venues' perpetuals, basis, last between impact bid and ask

# What a premium sample compares with the index (7.1)
PREMIUM_IMPACT = 0
PREMIUM_MARK = 1
PREMIUM_MID = 2  # the middle of the impact prices: a spread of time-weighted means (Drift, OKX)

# How votes are weighted in an interval (7.2)
WEIGHTING_PLAIN = 0
WEIGHTING_RISING = 1

# How the rate comes of premium and interest (7.2)
RATE_CLAMP = 0  # premium + clamp(interest - premium)
RATE_DAMPER = 1  # nothing within the clamp, what exceeds it beyond
RATE_SUM = 2

# How many lots each opposite holder gives in a deleveraging (9.7)
DELEVERAGING_DRAINING = 0  # the highest leverage first, lot by lot
DELEVERAGING_QUEUE = 1  # by profit and leverage, one holder behind the other
DELEVERAGING_PRO_RATA = 2

# Which layer paid a part of a deficit (9.8)
LAYER_FUND = 1
LAYER_HOUSE = 2
LAYER_HAIRCUT = 3

# Kinds of a liquidation step (9.2)
STEP_PARTIAL = 1
STEP_WHOLE = 2
STEP_WATERFALL = 3  # equity below zero: (e) and (f) at once

# Why a liquidation ended
END_RECOVERED = 1
END_FLAT = 2
END_FROZEN = 3  # what is left stands in frozen contracts

NAMES = {
    "side": {BUY: "buy", SELL: "sell"},
    "order_type": {
        LIMIT: "limit",
        MARKET: "market",
        STOP_LIMIT: "stop_limit",
        STOP_MARKET: "stop_market",
        TAKE_LIMIT: "take_limit",
        TAKE_MARKET: "take_market",
        TRAILING_MARKET: "trailing_market",
    },
    "tif": {GTC: "gtc", IOC: "ioc", FOK: "fok", GTD: "gtd", DAY: "day"},
    "source": {SOURCE_MARK: "mark", SOURCE_INDEX: "index", SOURCE_LAST: "last"},
    "sides": {SIDES_BOTH: "both", SIDES_BUY: "buy", SIDES_SELL: "sell"},
    "scope": {
        SCOPE_ACCOUNT: "account",
        SCOPE_GROUP: "group",
        SCOPE_CONTRACT: "contract",
        SCOPE_ALL: "all",
    },
    "stp": {
        STP_CANCEL_NEWEST: "cancel_newest",
        STP_CANCEL_OLDEST: "cancel_oldest",
        STP_CANCEL_BOTH: "cancel_both",
        STP_DECREMENT: "decrement",
        STP_NONE: "none",
    },
    "account_kind": {
        KIND_CLIENT: "client",
        KIND_FUND: "fund",
        KIND_LIQUIDITY_PROVIDER: "liquidity_provider",
        KIND_AFFILIATE: "affiliate",
    },
    "ledger": {LEDGER_CLIENT: "client", LEDGER_FUND: "fund", LEDGER_HOUSE: "house"},
    "state": {
        STATE_FROZEN: "frozen",
        STATE_CONTINUOUS: "continuous",
        STATE_REDUCE_ONLY: "reduce_only",
        STATE_DEFAULT: "default",
        STATE_PRE_OPEN: "pre_open",
        STATE_AUCTION: "auction",
        STATE_HALTED: "halted",
        STATE_POST_ONLY: "post_only",
        STATE_SUSPENDED: "suspended",
        STATE_SETTLING: "settling",
        STATE_SETTLED: "settled",
        STATE_DRAFT: "draft",
        STATE_APPROVED: "approved",
    },
    "margin_mode": {MARGIN_STANDARD: "standard", MARGIN_PORTFOLIO: "portfolio"},
    "why": {
        WHY_FRESH_MARK: "fresh_mark",
        WHY_SOURCES: "sources",
        WHY_MARK_HELD: "mark_held",
        WHY_MARK_FREE: "mark_free",
        WHY_WATERFALL: "waterfall",
        WHY_WATERFALL_DONE: "waterfall_done",
        WHY_OPERATOR: "operator",
        WHY_VOLATILITY: "volatility",
        WHY_UNCROSSED: "uncrossed",
        WHY_TOO_VOLATILE: "too_volatile",
        WHY_FREEZE_MAX: "freeze_max",
        WHY_SETTLED: "settled",
    },
    "reason": {
        CANCEL_CLIENT: "client",
        CANCEL_MASS: "mass_cancel",
        CANCEL_IOC: "ioc",
        CANCEL_FOK: "fok",
        CANCEL_SELF_TRADE: "self_trade",
        CANCEL_REDUCE_ONLY: "reduce_only",
        CANCEL_BAND: "band",
        CANCEL_SOLVENCY: "solvency",
        CANCEL_SLIPPAGE: "slippage",
        CANCEL_LIQUIDATION: "liquidation",
        CANCEL_AMEND: "amend",
        CANCEL_EXPIRY: "expiry",
        CANCEL_LINKED: "linked",
        CANCEL_TRIGGER: "trigger",
        CANCEL_KILL: "kill",
        CANCEL_HEARTBEAT: "heartbeat",
        CANCEL_SESSION: "session",
        CANCEL_PROTECTION: "protection",
        CANCEL_QUOTE: "quote",
        CANCEL_DYNAMIC_BAND: "dynamic_band",
        CANCEL_STATE: "state",
        CANCEL_ELIGIBILITY: "eligibility",
    },
    "layer": {LAYER_FUND: "fund", LAYER_HOUSE: "house", LAYER_HAIRCUT: "haircut"},
    "step": {STEP_PARTIAL: "partial", STEP_WHOLE: "whole", STEP_WATERFALL: "waterfall"},
    "end": {END_RECOVERED: "recovered", END_FLAT: "flat", END_FROZEN: "frozen"},
}
