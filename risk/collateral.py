"""What an account holds beside cash, and what of it counts (10.1-10.3).

An account keeps the value of its last valuation, and a flag says that there is one, so that equity
costs an account without collateral one test. A valuation happens where the holding changes, and at
every step of an asset for all who hold it: a price, a haircut that rises, the end of a licence.

Every product fits: a price is capped so that what all accounts hold of the asset is worth at most
its `asset_value_max`, where it is converted at most COLLATERAL_VALUE_MAX (1.3).
"""

from engine.kernel import cold, kernel
from engine.schema.bounds import (
    COLLATERAL_HAIRCUTS_MAX,
    COLLATERAL_MAX,
    COLLATERAL_PRICE_PPB_MAX,
    COLLATERAL_VALUE_MAX,
    PPB,
)
from engine.state.access import (
    ACCOUNT,
    ACCOUNT_EXTRA,
    COLLATERAL,
    ENGINE,
    HAIRCUT,
    HOLDING,
)
from engine.state.arithmetic import is_ratio_above, multiply_divide, multiply_rate_ceil
from engine.state.layout import HOLDS_COLLATERAL
from risk.bands import note_dirty
from risk.collateral_prices import is_silent


@kernel
def is_registered(arena, asset):
    return asset >= 1 and asset <= ENGINE(arena, 0).collaterals


@kernel
def holding_row(account, asset):
    return account * COLLATERAL_MAX + asset - 1


@kernel
def held_of(arena, account, asset):
    """The account's quantity of an asset; margin accounts hold none."""
    return HOLDING(arena, holding_row(account, asset)).value + 0


@kernel
def value_at(quantity, price_ppb):
    """floor(quantity x price / PPB)."""
    return multiply_divide(quantity, price_ppb, PPB)


@cold
def compute_price_cap(value_max, held):
    """The price at which a quantity is worth a value; no price is above the highest."""
    if held == 0 or not is_ratio_above(COLLATERAL_PRICE_PPB_MAX, value_max, PPB, held):
        return COLLATERAL_PRICE_PPB_MAX + 0
    return multiply_divide(value_max, PPB, held)


@kernel
def capped_price(arena, asset):
    """The asset's price, lowered to where all of it that is held is worth its cap; 0: none yet."""
    record = COLLATERAL(arena, asset)
    return min(record.price_ppb, compute_price_cap(record.asset_value_max, record.held))


@cold
def conversion_price(arena, asset):
    """The asset's price, which is the index (10.4), but where all of it that is held is worth more
    than any sum may carry (1.3). A price that nobody says any more is lowered by the published step
    of an impairment: else the pool would buy in full what has fallen unseen. By no more than one
    step, though haircuts go on rising: what was posted must go on paying what is owed (9.5)."""
    record = COLLATERAL(arena, asset)
    price_ppb = record.price_ppb + 0
    if record.raise_ppb > 0 and is_silent(arena, asset) == 1:
        lowered_ppb = min(record.raise_ppb, record.impaired_haircut_ppb)
        price_ppb = multiply_divide(price_ppb, PPB - lowered_ppb, PPB)
    return min(price_ppb, compute_price_cap(COLLATERAL_VALUE_MAX, record.held))


@kernel
def cut_to_par(arena, asset, price_ppb):
    """A pegged asset never counts for more than its par (10.2)."""
    par_ppb = COLLATERAL(arena, asset).par_ppb
    return min(price_ppb, par_ppb) if par_ppb > 0 else price_ppb


@cold
def compute_counted(arena, asset, quantity):
    """The collateral value of a holding: its market value, at most the account's cap, less the
    haircut of each slice, which is rounded up (10.2)."""
    record = COLLATERAL(arena, asset)
    price_ppb = cut_to_par(arena, asset, capped_price(arena, asset))
    value = min(value_at(quantity, price_ppb), record.account_value_max)
    first = asset * COLLATERAL_HAIRCUTS_MAX
    lost = 0
    for k in range(record.haircuts):
        step = HAIRCUT(arena, first + k)
        top = value
        if k + 1 < record.haircuts:
            top = min(value, HAIRCUT(arena, first + k + 1).floor_value)
        if top > step.floor_value:
            haircut_ppb = min(PPB, step.haircut_ppb + record.raise_ppb)
            lost += multiply_rate_ceil(top - step.floor_value, haircut_ppb)
    return value - lost


@cold
def compute_collateral(arena, account):
    """The value of all that the account holds, by the prices and haircuts of this moment."""
    value = 0
    for asset in range(1, ENGINE(arena, 0).collaterals + 1):
        quantity = held_of(arena, account, asset)
        if quantity > 0:
            value += compute_counted(arena, asset, quantity)
    return value


@cold
def holds_any(arena, account):
    """1 when the account holds something of an asset."""
    for asset in range(1, ENGINE(arena, 0).collaterals + 1):
        if held_of(arena, account, asset) > 0:
            return 1
    return 0


@cold
def value_collateral(arena, account):
    """Write what the account's collateral is worth now; returns it."""
    value = compute_collateral(arena, account)
    ACCOUNT_EXTRA(arena, account).collateral_value = value
    record = ACCOUNT(arena, account)
    if holds_any(arena, account) == 1:
        record.flags |= HOLDS_COLLATERAL
    else:
        record.flags &= ~HOLDS_COLLATERAL
    note_dirty(arena, account)
    return value


@kernel
def change_holding(arena, account, asset, quantity):
    """Credit (positive) or debit a holding, and with it what all accounts hold of the asset."""
    HOLDING(arena, holding_row(account, asset)).value += quantity
    COLLATERAL(arena, asset).held += quantity
