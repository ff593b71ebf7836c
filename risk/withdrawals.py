"""What is reserved for withdrawals: out of the account, and not yet out of the house (10.6).

An account has a few places, each for one withdrawal under the client id that asked for it; a place
with amount 0 is empty. A client id is never used twice, so it names a withdrawal for good.
"""

from engine.kernel import cold, kernel
from engine.schema.bounds import WITHDRAWALS_MAX
from engine.schema.vocabulary import NONE
from engine.state.access import ACCOUNT_EXTRA, COLLATERAL, ENGINE, HOLDING, POOL, WITHDRAWAL
from risk.collateral import holding_row, value_collateral
from risk.ledger import apply_cash

CASH = 0  # in the place of an asset


@kernel
def is_place_free(arena, account):
    return ACCOUNT_EXTRA(arena, account).withdrawals < WITHDRAWALS_MAX


@cold
def find_reserved(arena, account, client_id):
    """The place of what the account has reserved under a client id, NONE when there is none."""
    if ACCOUNT_EXTRA(arena, account).withdrawals == 0:
        return NONE
    first = account * WITHDRAWALS_MAX
    for place in range(first, first + WITHDRAWALS_MAX):
        record = WITHDRAWAL(arena, place)
        if record.amount > 0 and record.client_id == client_id:
            return place
    return NONE


@kernel
def move_reserved(arena, account, asset, amount):
    """Out of cash or holding into what is reserved, back where negative. What all accounts hold of
    an asset counts what is reserved of it, so nobody else's price moves."""
    if asset == CASH:
        apply_cash(arena, account, -amount)
        POOL(arena, 0).withdrawals_reserved += amount
    else:
        HOLDING(arena, holding_row(account, asset)).value -= amount
        COLLATERAL(arena, asset).reserved += amount
        value_collateral(arena, account)


@cold
def reserve(arena, account, client_id, asset, amount):
    """Reserve so much of an asset, or of cash, in the account's first free place."""
    place = account * WITHDRAWALS_MAX
    while WITHDRAWAL(arena, place).amount > 0:
        place += 1
    record = WITHDRAWAL(arena, place)
    record.client_id = client_id
    record.asset = asset
    record.amount = amount
    ACCOUNT_EXTRA(arena, account).withdrawals += 1
    ENGINE(arena, 0).withdrawals += 1
    move_reserved(arena, account, asset, amount)
    return 0


@kernel
def empty_place(arena, account, place):
    record = WITHDRAWAL(arena, place)
    record.client_id = 0
    record.asset = 0
    record.amount = 0
    ACCOUNT_EXTRA(arena, account).withdrawals -= 1
    ENGINE(arena, 0).withdrawals -= 1


@cold
def pay_out(arena, account, place):
    """What is reserved there leaves the pool's books for good."""
    record = WITHDRAWAL(arena, place)
    if record.asset == CASH:
        POOL(arena, 0).withdrawals_reserved -= record.amount
        POOL(arena, 0).deposits_net -= record.amount
    else:
        asset = COLLATERAL(arena, record.asset)
        asset.reserved -= record.amount
        asset.held -= record.amount
        asset.deposits_net -= record.amount
    empty_place(arena, account, place)
    return 0


@cold
def give_back_reserved(arena, account, place):
    """What is reserved there is the account's again."""
    record = WITHDRAWAL(arena, place)
    move_reserved(arena, account, record.asset + 0, -record.amount)
    empty_place(arena, account, place)
    return 0
