"""Every record of the arena, declared once.

One reserved address range holds all state: one section per record, at a constant offset, sized by
its bound, so nothing moves when it grows and only touched pages cost memory. Zero bytes mean
"empty" everywhere: slot 0 is nil, counts and links start at 0, an id is stored + 1 where 0 could
mean something. From this table come the accessors (`engine.state.access`), the range-checked
twins that run the same source with the JIT off, the C header of the native twin and the table in
`engine/README.md`.

Order, account and position are one cache line each; what is rarely needed lies in a parallel
record at the same slot. Fields that end in `_trial` belong to one fill-or-kill look-ahead and are
void unless their `trial` stamp is that of the engine; fields that end in `_step` belong to one
step of marks or funding and are void unless `step` is the present one.
"""

from typing import NamedTuple

import numpy as np

from engine.schema import bounds
from engine.schema.commands import COMMAND
from engine.schema.events import EVENT

MAGIC = 0x4B434F524E4F494C  # "LIONROCK", little endian
LAYOUT_VERSION = 1
SECTION_ALIGN = 2**21

TICKS_PER_PAGE = 512
PAGES_PER_LADDER = 2**bounds.PRICE_BITS // TICKS_PER_PAGE
KEY_MASK = 2**bounds.PRICE_BITS - 1


def _record(size: int, **formats: str) -> np.dtype:
    """A packed record of `size` bytes; fields in order of declaration, each on its alignment."""
    offset, offsets = 0, []
    for format_ in formats.values():
        width = np.dtype(format_).itemsize
        offset = -(-offset // width) * width
        offsets.append(offset)
        offset += width
    assert offset <= size, (offset, size)
    return np.dtype(
        {
            "names": list(formats),
            "formats": [f"<{f}" if f[1:] != "1" else f for f in formats.values()],
            "offsets": offsets,
            "itemsize": size,
        }
    )


ENGINE = _record(
    512,
    magic="i8", version="i8", sequence="i8", clock_ns="i8", due_ns="i8",
    contracts="i8", collaterals="i8", withdrawals="i8", events="i8", step="i8",
    orders_top="i8", orders_free="i8", orders_live="i8", suspects="i8", linked="i8", fired="i8",
    liquidations="i8", cooling="i8",
    rows="i8", rows_left="i8", pages_top="i8", pages_free="i8", positions_top="i8",
    cooling_ns="i8", dirty="i8", waking="i8", shorts="i8", hits="i8", chosen="i8",
    accounts_top="i8", margin_accounts_top="i8",
    # results that a function leaves for its caller, and the state of a running waterfall
    impact_lots="i8", step_contracts="i8", bankrupt="i8",
    plan_position="i8", plan_contract="i8", plan_step="i8", plan_lots="i8", plan_limit_ticks="i8",
    plan_equity="i8", plan_maintenance="i8", plan_share="i8",
    timers="i8",
    pages_armed="i8",  # pages of triggers
    affiliates="i8",  # accounts of that kind
    collected="i8",  # orders that have come to rest while orders were collected, so far
    trial="i8",  # number of the last look-ahead: the stamp of the `_trial` fields
    # rankings of deleveraging: the stamp of those that are open, how many are, until when the clock
    # leaves their keys as they are, and how many entries have come in so far: a measure of work
    # that nothing decides by
    ranking="i8", rankings_open="i8", rankings_until_ns="i8", ranked="i8",
    valuation="i8",  # how often something has moved that every account's worth depends on
)  # fmt: skip

POOL = _record(
    512,
    fees="i8", house="i8", rounding="i8", funding_clearing="i8", deposits_net="i8",
    cash_total="i8", entry_total="i8", conversion_cash="i8", messages_max="i8",
    orders_account_max="i8",
    deleveraging_mode="i8", deleveraging_profit_ns="i8",
    withdrawals_stopped="i8", withdrawals_reserved="i8",
    fund_loss_step="i8", fund_loss_day="i8", fund_day="i8",
    fund_cash_limit="i8", house_cash_limit="i8", fund_loss_step_max="i8", fund_loss_day_max="i8",
    liquidation_steps_max="i8", stamp_ahead_ns_max="i8", jump_ns_max="i8",
    margin_call_ppb_max="i8",
    triggers_max="i8", messages_window_ns="i8",
    trading_stopped="i8",
    eligibility_checked="i8", disclosure_version="i8", approvals_required="i8",
    # portfolio margin: how many moves of prices there are, 0: it is not offered (8.7)
    portfolio_moves="i8", portfolio_initial_ppb="i8", portfolio_floor_ppb="i8",
    fund_cover_min_ppb="i8", stress_loss="i8",  # of the last stress test, 0: nobody asks (9.6)
    # the settlement asset (10.1): the kinds of account that may not be settled in it, as bits, so
    # that an older snapshot bars nobody; of a stablecoin, which alone has a licence that ends, how
    # it stands
    settlement_barred="i8", settlement_licensed_until_ns="i8", settlement_impaired="i8",
)  # fmt: skip

CONTRACT = _record(
    1280,
    # what the plain path reads comes first
    mark_ticks="i8", mark_value="i8", mark_size="i8", tick_value="i8", band_low_ticks="i8",
    band_high_ticks="i8", price_ticks_min="i8", state="i8", limits="i8",
    fee_taker_ppb="i8", fee_maker_ppb="i8", fee_worst_ppb="i8", funding_index="i8",
    slip_value="i8", tiers="i8", rate_maintenance_max_ppb="i8", order_lots_max="i8",
    position_lots_max="i8", group_lots_max="i8",
    open_interest_lots_max="i8", long_lots="i8", short_lots="i8", traded_lots="i8",
    traded_value="i8", price_ticks_max="i8", stp_none_allowed="i8", holders="i8",
    stopped="i8", order_lots_min="i8", order_value_min="i8", order_value_max="i8",
    level_orders_max="i8", last_trade_ticks="i8", armed_last="i8", band_dynamic_ppb="i8",
    band_set_low_ticks="i8",
    # specification
    contract_value="i8", rounding="i8",
    band_static_ppb="i8", market_range_ppb="i8", sources="i8", sources_healthy_min="i8",
    source_stale_ns="i8", source_outlier_ppb="i8", source_reentry_ppb="i8",
    source_reentry_ns="i8",
    index_method="i8", index_clamp_ppb="i8",
    mark_method="i8", mark_band_ppb="i8", mark_move_ppb="i8", mark_basis_ema_ppb="i8",
    mark_basis_hold_ns="i8",
    affiliates_priced="i8", premium_method="i8", premium_cap_ppb="i8",
    funding_vote_samples="i8", funding_weighting="i8", funding_method="i8", funding_base_ns="i8",
    funding_cap_margin_ppb="i8", funding_interval_capped_ns="i8",
    mark_last_value_min="i8", funding_interval_ns="i8", funding_sample_ns="i8",
    funding_sample_offset_ns="i8", funding_impact_value="i8", funding_hold_ns="i8",
    funding_interest_ppb="i8", funding_clamp_ppb="i8", funding_cap_ppb="i8",
    funding_cap_day_ppb="i8", funding_late_ns="i8",
    margin_call_ppb="i8", liquidation_fee_ppb="i8", liquidation_slippage_ppb="i8",
    liquidation_buffer_ppb="i8", liquidation_whole_lots="i8", liquidation_whole_equity_ppb="i8",
    liquidation_depth_ppb="i8", liquidation_cooldown_ns="i8", takeover_penalty_ppb="i8",
    fund_value_max="i8", fund_share_ppb="i8", rate_initial_min_ppb="i8",
    open_interest_scale_low_lots="i8", open_interest_scale_high_lots="i8",
    # prices
    assets="i8", divisor_ppb="i8", impact_bid_ticks="i8", impact_ask_ticks="i8",
    basis_ema="i8", basis_ema_weight="i8", basis_ns="i8",
    index_ticks="i8", last_ticks="i8", opened="i8", stale_ns="i8", frozen_from_ns="i8",
    # funding
    funding_next_ns="i8", sample_next_ns="i8", funding_rate_ppb="i8", funding_carry_ppb="i8",
    funding_length_ns="i8", premium_votes="i8", premium_weights="i8",
    premium_sum="i8", premium_count="i8", premium_valid="i8", bid_term_ppb="i8", bid_term_ns="i8",
    ask_term_ppb="i8", ask_term_ns="i8", frozen_ns="i8", frozen_until_ns="i8",
    funding_day="i8", rate_day_ppb="i8",
    # the present step
    step="i8", step_priced="i8", gain_step="i8", state_step="i8",
    # orders: limits, triggers that have fired and wait (reducing ones apart), the last trade
    day_end_ns="i8",
    fired_reducing_head="i4", fired_reducing_tail="i4", fired_head="i4", fired_tail="i4",
    # trading state and auctions
    state_why="i8", held="i8", opening_auction="i8", auction_ns="i8", auction_indicative_ns="i8",
    auction_reference_ticks="i8", auction_extensions_max="i8", auction_end_ns="i8",
    auction_next_ns="i8", auction_extensions="i8",
    band_dynamic_value_min="i8", band_set_high_ticks="i8",
    volatility_auctions_max="i8", volatility_window_ns="i8", volatility_auctions="i8",
    state_open="i8",  # how it trades when it is open, as an operator last set it
    freeze_max_ns="i8",
    state_kept="i8",  # what a fresh mark brings back, frozen when it brings an auction (5.4)
    reference_until_ns="i8",  # until when its reference asset is open to retail (3.3), 0: not asked
    # how the fund's position is worked back (9.6); `slice_next_ns` 0: no slice is due
    fund_slice_lots="i8", fund_slice_ns="i8", fund_slice_slippage_ppb="i8",
    slice_offset_ns="i8", slice_next_ns="i8",
    # portfolio margin: which contracts net, and what a unit of notional can need at worst (8.7)
    portfolio_group="i8", basis_ppb="i8", concentration_value="i8", concentration_ppb="i8",
    portfolio_rate_ppb="i8",
    # approval (3.2): the hash of the specification, whether it could never be approved, and the
    # record of its approval
    hash_1="i8", hash_2="i8", hash_3="i8", hash_4="i8", unfit="i8", approval_reference="i8",
    provider_first="i4",  # position of the first liquidity provider: see risk/providers.py
)  # fmt: skip

# An asset beside the pool's cash (10.1), with what all accounts hold of it, what conversion has
# taken, and its due times (0: none).
COLLATERAL = _record(
    512,
    kind="i8", issuer="i8", licensed_until_ns="i8", par_ppb="i8", discount_ppb="i8",
    account_value_max="i8", asset_value_max="i8", issuer_value_max="i8", depeg_ppb="i8",
    impaired_haircut_ppb="i8", impaired_step_ns="i8", stress_ppb="i8", sources="i8",
    sources_min="i8", stale_ns="i8", account_kinds="i8", haircuts="i8",
    price_ppb="i8", impaired="i8", raise_ppb="i8", raise_next_ns="i8", licence_next_ns="i8",
    silent_next_ns="i8",
    held="i8", reserved="i8", converted="i8", deposits_net="i8",
)  # fmt: skip
COLLATERAL_SOURCE = _record(16, price_ppb="i8", time_ns="i8")
HAIRCUT = _record(16, floor_value="i8", haircut_ppb="i8")
# Reserved for a withdrawal; `asset` 0 is cash, an amount of 0 an empty place (10.6)
WITHDRAWAL = _record(32, client_id="i8", amount="i8", asset="i8")

# The order in motion and the fill at hand: what the sweep's functions share. Void between commands.
SWEEP = _record(
    320,
    contract="i8", account="i8", position="i8", slot="i8", order_id="i8", side="i8", group="i8",
    mode="i8", share="i8", share_lots="i8", equity="i8", leaves="i8", filled="i8",
    stop_reason="i8", first_ticks="i8",
    margin_initial="i8", margin_maintenance="i8",  # of the aggressor's position, by tiers
    maker_slot="i8", maker="i8", maker_position="i8", maker_equity="i8",
    asked_lots="i8", price_ticks="i8", value="i8",
    gain="i8", lots="i8", fee="i8", liquidation_fee="i8",
    maker_sibling="i8", maker_group="i8", maker_is_entry="i8", maker_is_over="i8",
    is_special="i8",
    banded="i8",  # 1 when the dynamic band ended the sweep
)  # fmt: skip

# An uncross at work: its price, and the liquidation orders that join the book for it. Void between
# commands. A side of it is a cursor over the book's levels and those orders, best first.
UNCROSS = _record(
    128,
    price_ticks="i8", lots="i8", surplus="i8", orders="i8", buys="i8",
    breached="i8", done="i8", traded="i8", left_over="i8",
)  # fmt: skip
UNCROSS_SIDE = _record(
    128,
    key="i8", slot="i8", row="i8", end="i8", level_key="i8", level_lots="i8",
    # the party that trades, and what outlives it
    party="i8", sibling="i8", sibling_id="i8", group="i8", is_entry="i8",
    is_over="i8",
)  # fmt: skip
AUCTION_ORDER = _record(
    64,
    share="i8", share_lots="i8",
    key="i4", lots="i4", lots_trial="i4", lots_asked="i4",
    account="i4", position="i4", side="i1", step="i1",
)  # fmt: skip

# What admission hands to the acceptance of an order. Void between commands.
ADMISSION = _record(
    64, lots="i8", reserve="i8", loss_fee="i8", price_ticks="i8", expiry_ns="i8", linked="i8",
    children="i8",
)

# What a bracket's children are made of, copied off their entry: one of them may take its slot.
# Void between fills.
CHILD_TERMS = _record(
    128,
    client_id="i8", account="i8", position="i8", contract="i8", side="i8", stp="i8",
    session="i8", trigger_source="i8", stop_ticks="i8", target_ticks="i8", entry_ticks="i8",
)  # fmt: skip

TIER = _record(
    64,
    floor_value="i8", rate_initial_ppb="i8", rate_maintenance_ppb="i8",
    deduction_initial="i8", deduction_maintenance="i8",
)  # fmt: skip

# `fresh`, `share` and `capped` are those of the last index.
SOURCE = _record(
    64,
    weight="i8", price_ticks="i8", time_ns="i8", back_ns="i8", share="i8",
    cap_ppb="i4", out="i4", fresh="i4", capped="i4", kind="i4", asset="i4",
)  # fmt: skip
ASSET = _record(32, units_ppb="i8", price_ticks="i8", median_ticks="i8")

# A moving window: its last values stand in a ring, void behind `count`.
WINDOW = _record(32, sum="i8", count="i8", next="i8", values_max="i8")

LADDER = _record(
    64,
    best_key="i8",
    lots="i8",
    orders="i8",
    groups="u8",
    lots_hidden="i8",
    trailing_head="i4",
    trailing_tail="i4",
)
LEVEL = _record(16, lots="i8", head="i4", tail="i4")

ORDER = _record(
    64,
    reserve="i8", loss_fee="i8", client_id="i8",
    price_ticks="i4", lots="i4", next="i4", previous="i4", account="i4", generation="i4",
    position="i4", account_next="i4", account_previous="i4",
    contract="i2", side="i1", flags="i1",
)  # fmt: skip
ORDER_EXTRA = _record(
    128,
    trial="i8", lots_filled="i8", lots_trial="i8",
    # below: void unless the order carries the flag EXTRA
    expiry_ns="i8", arrival="i8", timer="i4", lots_hidden="i4", lots_display="i4", sibling="i4",
    trigger_ticks="i4", best_ticks="i4", bits="i2", trail_bp="i2", order_type="i1", tif="i1",
    trigger_source="i1", session="i1", parent="i4", child="i4", stop_ticks="i4", target_ticks="i4",
)  # fmt: skip

ACCOUNT = _record(
    64,
    cash="i8", client_id_highest="i8", client_ids="u8", contracts="u8",
    position_1="i4", position_2="i4", position_3="i4", position_4="i4",
    chain="i4", group="i4", flags="i4", orders="i4",
)  # fmt: skip
ACCOUNT_EXTRA = _record(
    192,
    excess="i8", ready_ns="i8", step="i8", gain_step="i8", trial="i8", equity_trial="i8",
    owner="i4", kind="i4", heap="i4", chain_tail="i4",
    step_valued="i8",
    heartbeat_ns="i8", messages_from_ns="i8", messages="i4", timer="i4",
    armed_reducing="i4",
    lead="i4", group_next="i4", group_tail="i4",  # of its group: see risk/groups.py
    # margin accounts: see risk/isolation.py; `contract` is where this one is the parent's
    margin_first="i4", margin_next="i4", parent="i4", contract="i2", isolated="i2",
    # what makes a client eligible, 0 for its margin accounts: see risk/eligibility.py
    professional_until_ns="i8", disclosure="i4", timer_professional="i4",
    assessed="i1", blocked="i1",
    collateral_value="i8",  # of what it holds beside cash, as last valued: see risk/collateral.py
    withdrawals="i4",  # reserved: see risk/withdrawals.py
    rate_initial_min_ppb="i8",  # an operator's cap of the account's leverage, 0: none (8.1)
)  # fmt: skip

POSITION = _record(
    64,
    entry_value="i8", funding_index="i8", reserve_buy="i8", reserve_sell="i8", loss_fee="i8",
    lots="i4", lots_buy="i4", lots_sell="i4", lots_reduce_only="i4", account="i4",
    order_head="i4",
)  # fmt: skip
POSITION_EXTRA = _record(
    128,
    step="i8", lots_step="i8", trial="i8", lots_trial="i8",
    contract="i4", chain_next="i4", holder="i4", quote_bid="i4", quote_ask="i4",
    # what the queue of deleveraging goes by, 0 in every other mode: see risk/position_history.py
    opened="i8", realised="i8", kept="i8", kept_ns="i8",
    rate_floor_ppb="i8",  # the account's own floor under its initial rate (8.1)
    # of a liquidity provider (9.2 e), 0 for others: see risk/providers.py
    capacity="i4", provider_next="i4",
)  # fmt: skip

# An order found breaching in a trial: its slot, or minus the row of a liquidation order.
BREACH = _record(8, party="i4", reason="i4")

# A hit of supervision: first sorted by rule 9.2, then, when negative, a debtor of the waterfall.
HIT = _record(
    64,
    equity="i8", excess="i8", deficit="i8", fund="i8", given_up="i8", house="i8", haircut="i8",
    account="i4",
)  # fmt: skip
# At a position's slot: what its holder gives in the deleveraging that runs, and the next debtor of
# its side in the waterfall that runs.
CANDIDATE = _record(
    64,
    equity="i8", given_up="i8", charge="i8", lots_left="i4", lots_taken="i4", debtor_next="i4",
)  # fmt: skip
# Two for each position, one in each kind of ranking: see risk/ranking.py. Void without its stamp.
RANK = _record(
    64,
    over="i8", under="i8", opened="i8", means="i8", stamp="i8",
    left="i4", right="i4", parent="i4", ranking="i2", length="i1",
)  # fmt: skip
# `debtor` and `debtor_behind`: the side's first debtor before and behind the fund among the hits.
RANKING = _record(32, stamp="i8", root="i4", debtor="i4", debtor_behind="i4")
# One window of market-maker protection of a group (4.8). `lots_trial` -1: tripped on trial.
PROTECTION = _record(
    128,
    window_ns="i8", from_ns="i8", trial="i8", lots="i8", fills="i8", net_lots="i8",
    lots_trial="i8", fills_trial="i8", net_lots_trial="i8",
    lots_max="i4", fills_max="i4", net_lots_max="i4", tripped="i4",
)  # fmt: skip
# A due time of an order's expiry, of an account's heartbeat or professional status, in one heap.
TIMER = _record(16, due_ns="i8", slot="i4", kind="i4")
NUMBER = _record(8, value="i8")
WORD = _record(8, bits="u8")
SLOT = _record(4, slot="i4")
# Of a holder, or of a block of holders: from `low_value` to below `end_value`, zeros hold nothing.
BAND = _record(16, low_value="i8", end_value="i8")
# Of an account, while nothing but itself has changed: see risk/worth.py
WORTH = _record(32, valuation="i8", equity="i8", maintenance="i8", requirement="i8")
# Of a contract: what funding has taken off the two values that its bands are compared with.
BAND_SHIFT = _record(16, low_value="i8", high_value="i8")

# Account flags
CALLED = 1
LIQUIDATING = 2
COOLING = 4
SUSPECT = 8
WHOLE_NEXT = 16
NEGATIVE = 32
DIRTY = 64
WAKING = 128
STOPPED = 256  # by a kill switch of the account (4.6)
GROUP_STOPPED = 512  # by one of its group
ARMED_REDUCING = 1024  # has reduce-only orders that wait for a trigger
ISOLATES = 4096  # has isolated contracts (8.5)
AFFILIATE = 2048  # of kind affiliate (11): its quotes and trades may not count in prices
HOLDS_COLLATERAL = 16384  # something beside cash: equity counts it (10.2)
PORTFOLIO = 65536  # margined as a portfolio (8.7)
SHORT = 32768  # of cash, which a conversion will bring (10.4); void between commands
INELIGIBLE = 8192  # lacks what a client needs to increase a position (3.1)

# Which of the limits of 4.9 that most contracts do without are set: so a plain order asks once.
LIMITS_VALUE = 1
LIMITS_GROUP = 2
LIMITS_LEVEL = 4
LIMITS_RATE = 8  # something raises the initial rates of its tiers, for one account at least (8.1)

# What keeps orders from a contract whatever its state, bits: a kill switch of its own or of all
# (4.6), a reference asset that is not open to retail any more (3.3), a stressed loss that the fund
# must cover a share of (9.6): whether it does is asked order by order
CONTRACT_STOPPED = 1
ALL_STOPPED = 2
REFERENCE_LAPSED = 4
COVER_ASKED = 8

# Order flags beside POST_ONLY and REDUCE_ONLY
EXTRA = 4  # the fields of its extra record mean something
PARTLY_FILLED = 8
STP_SHIFT = 4  # the order keeps its self-trade mode above its flags

# Bits of an order's extra record
ICEBERG = 1
ARMED = 2  # waits for its trigger
FIRED = 4  # its trigger was reached; it waits for its turn
CLOSES = 8  # CLOSE_POSITION
SLIDES = 16
CHILD = 32  # stop or target of a bracket: it grows with its entry
ENDING = 64  # its sibling has ended, so it will be cancelled (4.5)
QUOTE = 128  # of a mass quote; its protection window less 1 stands in the two bits above
PROTECTION_SHIFT = 8
WORKED = 2048  # has fired and had its turn
LEFT_OVER = 4096  # by self-trade prevention in the uncross that runs; void between commands
BRACKET = 1024  # an entry whose stop and target come with its first fill (4.5)

# Kinds of a timer
TIMER_EXPIRY = 1
TIMER_HEARTBEAT = 2
TIMER_PROFESSIONAL = 3

# The account record read as rows of 32 bits: its position slots, then the head of their chain
ACCOUNT_WORDS = 16
ACCOUNT_WORD_POSITION = 8
# The position record read as rows of 32 and of 64 bits: what works and is reserved on a side, which
# stands buy before sell
POSITION_WORDS = 16
POSITION_WORD_WORKING = 11
POSITION_NUMBERS = 8
POSITION_NUMBER_RESERVE = 2

WINDOWS = 3  # of a contract: see funding/windows.py
WINDOW_ROWS = 64
_LONGEST = max(bounds.BASIS_SAMPLES_MAX, bounds.DELISTING_SAMPLES_MAX, bounds.VOTE_SAMPLES_MAX)
assert _LONGEST <= WINDOW_ROWS

ACCOUNT_ROWS = bounds.MARGIN_ACCOUNTS_LAST + 1
BAND_BLOCK_ROWS = 256  # holders that have one summary of their bands
BAND_BLOCKS = ACCOUNT_ROWS // BAND_BLOCK_ROWS
assert BAND_BLOCKS * BAND_BLOCK_ROWS == ACCOUNT_ROWS
GROUP_ROW_BITS = 23
GROUP_ROWS = 1 << GROUP_ROW_BITS
assert GROUP_ROWS >= 2 * ACCOUNT_ROWS, "a search for a group ends"
# A contract's ladders: its two sides of the book, then the armed triggers by source and direction
BOOK_LADDERS = 2 * (bounds.CONTRACTS_MAX + 1)
TRIGGER_LADDERS = 6 * (bounds.CONTRACTS_MAX + 1)
LADDERS = BOOK_LADDERS + TRIGGER_LADDERS


class Section(NamedTuple):
    record: np.dtype
    rows: int
    offset: int


Rows = dict[str, tuple[np.dtype, int]]  # a section's record, and how many of it there are at most


def _near() -> Rows:
    """What the plain path touches most. It begins in the first 2 GiB: an instruction holds 31 bits
    of offset; a larger one is loaded before each use, ten bytes of code for a field of an event."""
    return {
        "engine": (ENGINE, 1),
        "pool": (POOL, 1),
        "sweep": (SWEEP, 1),
        "admission": (ADMISSION, 1),
        "contracts": (CONTRACT, bounds.CONTRACTS_MAX + 1),
        "tiers": (TIER, (bounds.CONTRACTS_MAX + 1) * bounds.TIERS_MAX),
        "ladders": (LADDER, LADDERS),
        "ladder_groups": (WORD, LADDERS * 64),
        "ladder_pages": (SLOT, LADDERS * PAGES_PER_LADDER),
        "page_words": (WORD, (bounds.PAGES_MAX + 1) * 8),
        "accounts": (ACCOUNT, ACCOUNT_ROWS),
        "worths": (WORTH, ACCOUNT_ROWS),
        "dirty_accounts": (SLOT, ACCOUNT_ROWS),
        "orders": (ORDER, bounds.ORDERS_MAX + 1),
        "positions": (POSITION, bounds.POSITIONS_MAX + 1),
        "events": (EVENT, bounds.EVENTS_MAX + 1),
    }


def _far() -> Rows:
    assets = bounds.COLLATERAL_MAX + 1
    return {
        "levels": (LEVEL, (bounds.PAGES_MAX + 1) * TICKS_PER_PAGE),
        "account_extras": (ACCOUNT_EXTRA, ACCOUNT_ROWS),
        "child_terms": (CHILD_TERMS, 1),
        "collaterals": (COLLATERAL, assets),
        "collateral_sources": (COLLATERAL_SOURCE, assets * bounds.COLLATERAL_SOURCES_MAX),
        "haircuts": (HAIRCUT, assets * bounds.COLLATERAL_HAIRCUTS_MAX),
        "holdings": (NUMBER, (bounds.ACCOUNTS_MAX + 1) * bounds.COLLATERAL_MAX),
        "withdrawals": (WITHDRAWAL, (bounds.ACCOUNTS_MAX + 1) * bounds.WITHDRAWALS_MAX),
        "uncross": (UNCROSS, 1),
        "uncross_sides": (UNCROSS_SIDE, 2),
        "portfolio_moves": (NUMBER, bounds.PORTFOLIO_MOVES_MAX),
        "portfolio_results": (NUMBER, bounds.CONTRACTS_MAX * bounds.PORTFOLIO_MOVES_MAX),
        "sources": (SOURCE, (bounds.CONTRACTS_MAX + 1) * bounds.SOURCES_MAX),
        "assets": (ASSET, (bounds.CONTRACTS_MAX + 1) * bounds.ASSETS_MAX),
        "windows": (WINDOW, (bounds.CONTRACTS_MAX + 1) * WINDOWS),
        "window_values": (NUMBER, (bounds.CONTRACTS_MAX + 1) * WINDOWS * WINDOW_ROWS),
        "level_orders": (SLOT, (bounds.PAGES_MAX + 1) * TICKS_PER_PAGE),
        "order_extras": (ORDER_EXTRA, bounds.ORDERS_MAX + 1),
        "group_leads": (SLOT, GROUP_ROWS),
        "position_extras": (POSITION_EXTRA, bounds.POSITIONS_MAX + 1),
        "holders": (SLOT, (bounds.CONTRACTS_MAX + 1) * ACCOUNT_ROWS),
        "bands": (BAND, (bounds.CONTRACTS_MAX + 1) * ACCOUNT_ROWS),
        "band_blocks": (BAND, (bounds.CONTRACTS_MAX + 1) * BAND_BLOCKS),
        "band_shifts": (BAND_SHIFT, bounds.CONTRACTS_MAX + 1),
        "waking": (SLOT, ACCOUNT_ROWS),
        "timers": (TIMER, bounds.ORDERS_MAX + ACCOUNT_ROWS),
        "linked": (SLOT, bounds.ORDERS_MAX + 1),
        "protections": (PROTECTION, ACCOUNT_ROWS * bounds.PROTECTIONS_MAX),
        "volatility_times": (NUMBER, (bounds.CONTRACTS_MAX + 1) * bounds.VOLATILITY_AUCTIONS_MAX),
        "liquidations": (SLOT, ACCOUNT_ROWS),
        "cooling": (SLOT, ACCOUNT_ROWS),
        "suspects": (SLOT, ACCOUNT_ROWS),
        "shorts": (SLOT, ACCOUNT_ROWS),
        "hits": (HIT, ACCOUNT_ROWS),
        "hit_order": (SLOT, ACCOUNT_ROWS),
        "candidates": (CANDIDATE, bounds.POSITIONS_MAX + 1),
        "candidate_order": (SLOT, ACCOUNT_ROWS),
        "ranks": (RANK, 2 * (bounds.POSITIONS_MAX + 1)),
        "rankings": (RANKING, 4 * (bounds.CONTRACTS_MAX + 1)),
        "chosen": (SLOT, ACCOUNT_ROWS),
        "auction_orders": (AUCTION_ORDER, ACCOUNT_ROWS),
        "auction_ranks": (SLOT, ACCOUNT_ROWS),
        "breaches": (BREACH, bounds.ORDERS_MAX + ACCOUNT_ROWS),
        "left_over_orders": (SLOT, bounds.ORDERS_MAX + 1),
        "icebergs_left": (SLOT, bounds.ORDERS_MAX + 1),
        "command": (COMMAND, 64),
    }


def _sections() -> dict[str, Section]:
    sections, offset = {}, 0
    for name, (record, count) in (_near() | _far()).items():
        sections[name] = Section(record, count, offset)
        offset += -(-record.itemsize * count // SECTION_ALIGN) * SECTION_ALIGN
    return sections


def _again(record: np.dtype, name: str) -> Section:
    section = SECTIONS[name]
    each = section.record.itemsize // record.itemsize
    return Section(record, each * section.rows, section.offset)


SECTIONS = _sections()
# Sections again, under a record of one field, whose place can then be computed
VIEWS = {
    "account_words": _again(SLOT, "accounts"),
    "position_words": _again(SLOT, "positions"),
    "position_numbers": _again(NUMBER, "positions"),
}
assert all(SECTIONS[name].offset < 2**31 - 1_024 for name in _near()), "see there"
_LAST = max(SECTIONS.values(), key=lambda section: section.offset)
_END = _LAST.offset + _LAST.record.itemsize * _LAST.rows
ARENA_BYTES = -(-_END // SECTION_ALIGN) * SECTION_ALIGN
