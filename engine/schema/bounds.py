"""Every bound of the core, and the argument why no sum or product in it can pass 2**62 (rule 1.3).

Money is an integer in the smallest unit of the settlement asset. The argument, once:

* A contract is listed only if a lot where it is worth most (at `price_ticks_max`, an inverse one
  at `price_ticks_min`) times `open_interest_lots_max` is at most CONTRACT_VALUE_MAX (2**52).
  Admission keeps the open interest at or below twice
  `open_interest_lots_max` (orders that only reduced when they were accepted are not counted), so
  the value of all longs of a contract, and so of any one position, stays within 2**53. Over all
  contracts of a pool listing keeps the sum at or below POOL_VALUE_MAX, so that the value of
  everything one account can hold stays within 2**59, and a multiple of its maintenance, or the
  weight of its bands (value x (1 + rate x multiple)), within 2**62.
* What is kept of an account's requirement (`risk/worth.py`) counts all it holds once, and
  the orders of both sides with reserve, loss and fee, each at most their value: seven times those
  2**59.
* Entry values move only by fills (price in price_ticks_min..price_ticks_max, so a lot's value, an
  inverse one's without its sign, is at most the listed worth; rounded per fill, k lots of v =
  face value / price each cost at most k x v + 1/2 <= k x (round(v) + 1), which is what listing
  then takes for the worth), by re-striking (to the mark), by the
  settlement of a contract (to nothing) and by transfers at the mark plus a charge that is at most
  one step's loss, or a penalty that is at most their value: twice the values above.
* Balances add up to net deposits plus entry values (invariant I1); net deposits stay within 2**59.
* Money times a rate is split at PPB (`engine.state.arithmetic.multiply_rate_*`): the parts are
  below 2**62. Pro-rata shares use a 128-bit intermediate (`multiply_divide` there).
* Premium samples of an interval: listing keeps the largest sample times the weights of all at or
  below PREMIUM_SUM_MAX.
* Index: shares of capped sources stay within PPB x 8 x SOURCE_WEIGHT_MAX; units of all constituents
  times the highest price within 2**62, and so does a divisor, which is at most such a sum. A
  clamped mean is split so that no product passes 2**54.
* Funding owed by a position: the index is rebased (holders settled) before
  `2 * open_interest_lots_max * |index|` can pass FUNDING_OWED_MAX.
* Bands: an interval takes at most a lot's value, and the most that it raises maintenance by is at
  most MARGIN_MULTIPLE_PPB_MAX of that. Behind BAND_SHIFT_MAX the shifts begin anew, and an end of a
  band lies within twice the largest value of a lot of them.
"""

PPB = 1_000_000_000  # parts per billion: the unit of every rate
NS_PER_SECOND = 1_000_000_000
NS_PER_DAY = 86_400 * NS_PER_SECOND
FUNDING_BASE_NS = 8 * 3_600 * NS_PER_SECOND  # 7.2: rates are stated per 8 h

PRICE_BITS = 21  # 4,096 pages of 512 ticks
PRICE_TICKS_MAX = 2**PRICE_BITS - 2  # price 0 and its mirror are the empty key
LOTS_MAX = 2**30 - 1  # of one order, one position and the listed open interest; twice it fits int32
TICK_VALUE_MAX = 2**32
CONTRACT_VALUE_MAX = 2**52
POOL_VALUE_MAX = 2**58  # the same over all contracts
MARGIN_MULTIPLE_PPB_MAX = 4 * PPB  # of maintenance: margin call, end of a liquidation
LOT_VALUE_MAX = 2**44  # one lot where it is worth most
LOT_FACE_VALUE_MAX = 2**60  # of an inverse lot: its value at a price of one tick
DEPOSITS_MAX = 2**59  # Σ deposits of all ledgers; also the largest single amount
FUNDING_OWED_MAX = 2**53
BAND_SHIFT_MAX = 2**60
RATE_PPB_MAX = PPB  # fees, margins, bands of a rate: at most 100%
RATE_DAY_PPB_MAX = NS_PER_DAY // NS_PER_SECOND * PPB  # every second 100%: no cap on a day's sum
BAND_PPB_MAX = 1_000 * PPB
BAND_STATIC_PPB_MAX = PRICE_TICKS_MAX * PPB  # every price, whatever the mark: no band
PREMIUM_PPB_MAX = 1_000 * PPB  # of one sample
PREMIUM_SUM_MAX = 2**61  # of an interval's samples with their weights
CAP_MARGIN_PPB_MAX = 1_000 * PPB  # of (initial - maintenance): a cap of a rate
SOURCE_WEIGHT_MAX = 2**20
CLIENT_ID_MAX = 2**62
SEED_MAX = 2**62
TIME_NS_MAX = 2**62

CONTRACTS_MAX = 256
ACCOUNTS_MAX = 2**21 - 1
MARGIN_ACCOUNTS_LAST = 2**22 - 1  # of isolated positions, behind all opened accounts (8.5)
ORDERS_MAX = 2**24 - 1
GENERATIONS_MAX = 2**31 - 1  # of an order's slot, which then rests: 2**55 ids of all slots
POSITIONS_MAX = 2**23 - 1
PAGES_MAX = 2**17 - 1
ARMED_PAGES_MAX = 2**16  # of them, at most so many of triggers
EVENTS_MAX = 2**28 - 1  # of one command: 16 GiB of address range
SOURCES_MAX = 8  # price sources of one contract
ASSETS_MAX = 4  # constituents of an index
UNITS_PPB_MAX = 2**38  # of a constituent: 274 times
TIERS_MAX = 16
PORTFOLIO_INITIAL_PPB_MAX = 4 * PPB  # of the risk of a portfolio (8.7)
PORTFOLIO_MOVES_MAX = 16  # of prices, in a scenario grid (8.7)
WITHDRAWALS_MAX = 8  # reserved of one account (10.6)
DECIMALS_MAX = 18  # of an asset's smallest unit, for people
COLLATERAL_MAX = 8  # assets beside the pool's cash (10.1)
COLLATERAL_SOURCES_MAX = 5
COLLATERAL_HAIRCUTS_MAX = 4
COLLATERAL_PRICE_PPB_MAX = 2**45
COLLATERAL_VALUE_MAX = 2**52  # of one asset, as far as it counts or is converted
# What conversions can pay beyond the bound of deposits, of one asset that is admitted no more: a
# conversion of q out of h pays at most q / h of that value, a sum that ln(h) bounds, down to the
# 2**37 units that are worth it at the highest price; they pay it once more.
COLLATERAL_PAID_MAX = 17 * COLLATERAL_VALUE_MAX
BASIS_SAMPLES_MAX = 60
DELISTING_SAMPLES_MAX = 60
VOTE_SAMPLES_MAX = 60  # premium samples of one vote
SESSION_MAX = 127
TRAIL_BP_MAX = 9_999
ICEBERG_SLICES_MAX = 1_000  # a sweep trades them one by one (4.2)
QUOTES_MAX = 64  # of one mass quote (4.8)
PROTECTIONS_MAX = 4  # windows of one group of accounts (4.8)
AUCTION_EXTENSIONS_MAX = 8
VOLATILITY_AUCTIONS_MAX = 8

assert (PRICE_TICKS_MAX + 2) % 512 == 0
assert 2 * LOTS_MAX < 2**31, "lots are stored in 32 bits"
assert 2 * POOL_VALUE_MAX * (1 + MARGIN_MULTIPLE_PPB_MAX // PPB) < 2**62, "bands, call levels"
assert (
    DEPOSITS_MAX
    + COLLATERAL_MAX * (COLLATERAL_PAID_MAX + 2 * COLLATERAL_VALUE_MAX)
    + 4 * POOL_VALUE_MAX
    < 2**62
), "any sum of balances, counted collateral and entry values"
assert 7 * 2 * POOL_VALUE_MAX < 2**62, "what is kept of a requirement"
assert (
    BAND_SHIFT_MAX + (3 + MARGIN_MULTIPLE_PPB_MAX // PPB) * (LOT_VALUE_MAX + 2) < 2**62
), "an end of a band: a shift, one more interval, a value, the width"
assert 2 * POOL_VALUE_MAX * (PORTFOLIO_INITIAL_PPB_MAX // PPB) < 2**62, "risk, and reserves"
assert (2**54 // PPB + 1) * PPB < 2**62 and PPB * PPB < 2**62, "split products fit"
assert PRICE_TICKS_MAX * BAND_PPB_MAX < 2**62, "a band of any price fits"
assert 2 * PPB * SOURCES_MAX * SOURCE_WEIGHT_MAX < 2**62, "twice a cumulated share"
assert ASSETS_MAX * UNITS_PPB_MAX * PRICE_TICKS_MAX < 2**62, "a basket's value fits"
assert GENERATIONS_MAX << 32 | ORDERS_MAX < 2**63, "ids of orders are positive"
assert ORDERS_MAX < 2**31 and MARGIN_ACCOUNTS_LAST < 2**31 and POSITIONS_MAX < 2**31
