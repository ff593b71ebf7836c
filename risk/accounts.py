"""Accounts and their positions: look-up, first use, iteration, holders of a contract.

An account has four position slots in its cache line, told apart by four 16-bit contract ids in
one word; the fifth and later hang in a chain. A position's record stays with the account for good,
so "the account's contracts" have an order: that of first use.
"""

from engine.kernel import cold, kernel, stage
from engine.schema import bounds
from engine.schema.vocabulary import CLIENT_FIRST, NONE
from engine.state.access import (
    ACCOUNT,
    ACCOUNT_EXTRA,
    ACCOUNT_WORD,
    BAND,
    BAND_BLOCK,
    CONTRACT,
    ENGINE,
    HOLDER,
    POSITION,
    POSITION_EXTRA,
    count_trailing_zeros,
    to_bits,
    to_int,
)
from engine.state.layout import (
    ACCOUNT_ROWS,
    ACCOUNT_WORD_POSITION,
    ACCOUNT_WORDS,
    AFFILIATE,
    BAND_BLOCK_ROWS,
    CALLED,
)
from engine.state.lines import INLINE, ask_for_new_position
from risk.work_back import note_closed, note_opened

LANES = 0x0001_0001_0001_0001  # one in each of four lanes of 16 bits
LANE_TOPS = -0x7FFF_7FFF_7FFF_8000  # their top bits, as a signed number
LAST_TOP = -(2**63)


@kernel
def is_listed(arena, contract):
    return contract >= 1 and contract <= ENGINE(arena, 0).contracts


@kernel
def is_opened(arena, account):
    """Whether it is an opened account; the fund and margin accounts are none (8.5)."""
    if account < CLIENT_FIRST or account > bounds.ACCOUNTS_MAX:
        return False
    return ACCOUNT(arena, account).group != 0


@kernel
def has_kind(arena, account, kind):
    """Whether it is an opened account of this kind."""
    return is_opened(arena, account) and ACCOUNT_EXTRA(arena, account).kind == kind


@kernel
def find_inline_position(arena, account, contract):
    """The slot of the account's position record in a contract (at most 16 bits), NONE where none of
    the four in its own line is of it.

    The four ids are compared at once: a lane of 16 bits that has become zero borrows from its top
    bit. Borrows can run on into the lanes above it, so the lowest counts. Without a branch: half of
    the orders of new accounts find nothing. An empty lane has contract 0 and slot NONE.
    """
    differences = to_int(ACCOUNT(arena, account).contracts) ^ (contract * LANES)
    zeros = (differences - LANES) & ~differences & LANE_TOPS
    k = count_trailing_zeros(to_bits(zeros | LAST_TOP)) >> 4
    slot = ACCOUNT_WORD(arena, account * ACCOUNT_WORDS + ACCOUNT_WORD_POSITION + k).slot
    return slot * (1 if zeros != 0 else 0)


@kernel
def find_position(arena, account, contract):
    """The slot of the account's position record in a contract, NONE before first use."""
    slot = find_inline_position(arena, account, contract)
    if slot != NONE:
        return slot
    slot = ACCOUNT(arena, account).chain
    while slot != NONE:
        extra = POSITION_EXTRA(arena, slot)
        if extra.contract == contract:
            return slot
        slot = extra.chain_next
    return slot


@stage
def open_position(arena, account, contract):
    """A position record at the account's first use of a contract; admission saw room for it."""
    engine = ENGINE(arena, 0)
    engine.positions_top += 1
    slot = engine.positions_top
    ask_for_new_position(arena, slot)
    POSITION(arena, slot).account = account
    POSITION_EXTRA(arena, slot).contract = contract
    record = ACCOUNT(arena, account)
    ids = to_int(record.contracts)
    for k in range(INLINE):
        if (ids >> (16 * k)) & 0xFFFF == 0:
            record.contracts = to_bits(ids | (contract << (16 * k)))
            ACCOUNT_WORD(arena, account * ACCOUNT_WORDS + ACCOUNT_WORD_POSITION + k).slot = slot
            return slot
    extra = ACCOUNT_EXTRA(arena, account)
    if record.chain == NONE:
        record.chain = slot
    else:
        POSITION_EXTRA(arena, extra.chain_tail).chain_next = slot
    extra.chain_tail = slot
    return slot


@kernel
def has_position_room(arena):
    return ENGINE(arena, 0).positions_top < bounds.POSITIONS_MAX


@kernel
def is_affiliated(arena, account, other):
    """Whether one of two accounts is an affiliate's (11)."""
    return (ACCOUNT(arena, account).flags | ACCOUNT(arena, other).flags) & AFFILIATE != 0


@kernel
def first_position(arena, account):
    return ACCOUNT_WORD(arena, account * ACCOUNT_WORDS + ACCOUNT_WORD_POSITION).slot


@kernel
def next_position(arena, account, position, k):
    """The account's k-th position record (k from 1), given the one before it."""
    if k <= INLINE:  # word 4 is the head of the chain
        return ACCOUNT_WORD(arena, account * ACCOUNT_WORDS + ACCOUNT_WORD_POSITION + k).slot
    return POSITION_EXTRA(arena, position).chain_next


@kernel
def contract_of(arena, account, position, k):
    """The contract of the account's k-th position record (k from 0)."""
    if k < INLINE:
        return (to_int(ACCOUNT(arena, account).contracts) >> (16 * k)) & 0xFFFF
    return POSITION_EXTRA(arena, position).contract


@kernel
def note_band(arena, row):
    """Narrow the summary of a block to one of its bands that has been written: it holds at most
    what all bands of the block hold, and is made exact again when a scan has found it left."""
    band = BAND(arena, row)
    block = BAND_BLOCK(arena, row // BAND_BLOCK_ROWS)
    block.low_value = max(block.low_value, band.low_value)
    block.end_value = min(block.end_value, band.end_value)


@stage
def add_holder(arena, contract, position):
    """Enter a position that has just been opened into the contract's holders. Its account is dirty,
    so its band is written before the next scan."""
    terms = CONTRACT(arena, contract)
    HOLDER(arena, contract * ACCOUNT_ROWS + terms.holders).slot = position
    terms.holders += 1
    POSITION_EXTRA(arena, position).holder = terms.holders
    note_opened(arena, contract, position)
    return 0


@kernel
def is_flat(arena, account):
    """Whether the account holds no lots in any contract."""
    k = 0
    position = first_position(arena, account)
    while position != NONE:
        if POSITION(arena, position).lots != 0:
            return False
        k += 1
        position = next_position(arena, account, position, k)
    return True


@stage
def remove_holder(arena, contract, position):
    """Take out a position that has just become flat; the last holder takes its place."""
    terms = CONTRACT(arena, contract)
    extra = POSITION_EXTRA(arena, position)
    terms.holders -= 1
    from_row = contract * ACCOUNT_ROWS + terms.holders
    to_row = contract * ACCOUNT_ROWS + extra.holder - 1
    last = HOLDER(arena, from_row).slot
    HOLDER(arena, to_row).slot = last
    BAND(arena, to_row).low_value = BAND(arena, from_row).low_value
    BAND(arena, to_row).end_value = BAND(arena, from_row).end_value
    BAND(arena, from_row).low_value = 0
    BAND(arena, from_row).end_value = 0
    note_band(arena, to_row)
    POSITION_EXTRA(arena, last).holder = extra.holder
    extra.holder = NONE
    account = POSITION(arena, position).account + 0
    if ACCOUNT(arena, account).flags & CALLED and is_flat(arena, account):
        ACCOUNT(arena, account).flags &= ~CALLED  # what it opens next is called anew (9.2 a)
    note_closed(arena, contract, position)
    return 0


@kernel
def next_account(arena, account):
    """The id behind this one, of opened accounts and then of margin accounts; NONE behind the
    last."""
    engine = ENGINE(arena, 0)
    if account < engine.accounts_top:
        return account + 1
    behind = max(account, bounds.ACCOUNTS_MAX) + 1
    return behind if behind <= engine.margin_accounts_top else NONE


@cold
def find_next_holder(arena, contract, account):
    """The position of the holder with the next account id behind this one, NONE behind the last.

    A walk over all accounts, because the list of holders is in no order: for what is rare.
    """
    other = next_account(arena, account)
    while other != NONE:
        position = find_position(arena, other, contract)
        if position != NONE and POSITION(arena, position).lots != 0:
            return position
        other = next_account(arena, other)
    return NONE


@kernel
def holder_at(arena, contract, k):
    return HOLDER(arena, contract * ACCOUNT_ROWS + k).slot
