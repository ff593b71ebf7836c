"""One command from stamp to queue, in the order of rule 2.6."""

from engine.kernel import cold, kernel, stage
from engine.schema import bounds, events, refusals
from engine.schema.commands import (
    ADVANCE_TIME,
    AMEND_ORDER,
    APPROVE_CONTRACT,
    CANCEL_ORDER,
    CANCEL_SESSION,
    CHANGE_CONSTITUENT,
    CHANGE_STATE,
    CONFIRM_WITHDRAWAL,
    DEPOSIT,
    DEPOSIT_COLLATERAL,
    ISOLATE_CONTRACT,
    JOIN_CONTRACT,
    MASS_CANCEL,
    MASS_QUOTE,
    MOVE_MARGIN,
    OPEN_ACCOUNT,
    OPERATOR_FIRST,
    OPERATOR_LAST,
    PLACE_BRACKET,
    PLACE_ORDER,
    PUBLISH_COLLATERAL,
    PUBLISH_DISCLOSURE,
    PUBLISH_PRICE,
    REDEEM_CONVERSION,
    REDENOMINATE_CONSTITUENT,
    RELEASE_TRADING,
    RELEASE_WITHDRAWALS,
    RETURN_WITHDRAWAL,
    SET_BAND,
    SET_CAPACITY,
    SET_COLLATERAL,
    SET_ELIGIBILITY,
    SET_HEARTBEAT,
    SET_LEVERAGE,
    SET_LEVERAGE_CAP,
    SET_MARGIN_MODE,
    SET_PROTECTION,
    SET_REFERENCE,
    SET_SAMPLE_CLOCK,
    SET_STRESS_LOSS,
    SET_WORK_BACK,
    SETTLE_CONVERSION,
    STOP_TRADING,
    WITH_ACCOUNT,
    WITH_CLIENT_ID,
    WITH_CONTRACT,
    WITH_ORDER_ID,
    WITHDRAW,
    WITHDRAW_COLLATERAL,
)
from engine.schema.vocabulary import NONE
from engine.state.access import ENGINE, POOL, command_accessor
from engine.state.events import emit
from engine.transition.backstop import set_capacity, set_stress_loss, set_work_back
from engine.transition.bracket_entries import place_bracket
from engine.transition.cancelling import (
    cancel_session,
    mass_cancel,
    release_trading,
    set_heartbeat,
    stop_trading,
)
from engine.transition.collateral import (
    deposit_collateral,
    publish_collateral,
    set_collateral,
)
from engine.transition.conditional import place_order
from engine.transition.constituents import (
    change_constituent,
    redenominate_constituent,
    set_sample_clock,
)
from engine.transition.conversion import redeem_conversion, settle_conversion
from engine.transition.due import do_due_work
from engine.transition.eligibility import publish_disclosure, set_eligibility, set_reference
from engine.transition.interruptions import change_trading_state, set_band
from engine.transition.isolation import isolate_contract, join_contract, move_margin
from engine.transition.leverage import set_leverage, set_leverage_cap
from engine.transition.listing import approve_contract
from engine.transition.margin_modes import set_margin_mode
from engine.transition.money import deposit, open_account, release_withdrawals
from engine.transition.orders import cancel_linked
from engine.transition.placing import amend_order, cancel_order
from engine.transition.prices import publish_prices
from engine.transition.queue import run_queue
from engine.transition.quoting import frame_quotes, mass_quote, set_protection
from engine.transition.turns import run_fired
from engine.transition.withdrawals import (
    confirm_withdrawal,
    return_withdrawal,
    withdraw,
    withdraw_collateral,
)
from risk.eligibility import is_asked
from risk.supervision import drain_suspects

COMMAND = command_accessor()


@kernel
def may_set_clock(arena, kind):
    """A wild first stamp would end the exchange: no client sends it, nor a kind that nobody
    knows."""
    if kind >= SET_ELIGIBILITY and kind <= SET_REFERENCE:
        return is_asked(arena)
    if kind == APPROVE_CONTRACT:
        return POOL(arena, 0).approvals_required != 0
    if kind == PUBLISH_PRICE or kind == PUBLISH_COLLATERAL:
        return True
    return kind >= OPEN_ACCOUNT and kind <= SETTLE_CONVERSION


@kernel
def check_stamp(arena, kind, time_ns):
    """Command time never runs backwards; only an operator may jump far ahead (2.2)."""
    engine = ENGINE(arena, 0)
    if time_ns < engine.clock_ns:
        return refusals.TIME_BACKWARDS
    if time_ns > bounds.TIME_NS_MAX:
        return refusals.TIME_AHEAD
    if engine.clock_ns == 0:
        return refusals.OK if may_set_clock(arena, kind) else refusals.TIME_AHEAD
    pool = POOL(arena, 0)
    is_operator = kind >= OPERATOR_FIRST and kind <= OPERATOR_LAST
    ahead_ns_max = pool.jump_ns_max if is_operator else pool.stamp_ahead_ns_max
    if time_ns - engine.clock_ns > ahead_ns_max:
        return refusals.TIME_AHEAD
    return refusals.OK


@kernel
def is_kind_of(kinds, kind):
    """Whether a mask of kinds holds this one, which may be a kind that nobody knows."""
    return kind >= 0 and kind < 63 and (kinds >> kind) & 1 != 0


@cold
def refuse(arena, commands, row, code):
    """Answer a command with its refusal and the ids by which its sender knows it."""
    command = COMMAND(commands, row)
    kind = command.kind
    if kind == MASS_QUOTE:
        frame_quotes(arena, commands, row)
    contract = command.contract + 0 if is_kind_of(WITH_CONTRACT, kind) else 0
    account = command.account + 0 if is_kind_of(WITH_ACCOUNT, kind) else 0
    client_id = command.client_id + 0 if is_kind_of(WITH_CLIENT_ID, kind) else 0
    order_id = command.order_id + 0 if is_kind_of(WITH_ORDER_ID, kind) else 0
    emit(arena, events.REFUSED, contract, account, code, kind, client_id, order_id, 0, 0)
    return code


@cold
def do_operator_command(arena, commands, row):
    """Every command of an operator; what is none is unknown."""
    command = COMMAND(commands, row)
    kind = command.kind
    if kind == STOP_TRADING:
        return stop_trading(arena, command.scope, command.number)
    if kind == RELEASE_TRADING:
        return release_trading(arena, command.scope, command.number)
    if kind == OPEN_ACCOUNT:
        return open_account(
            arena, command.account, command.owner, command.group, command.account_kind
        )
    if kind == DEPOSIT:
        return deposit(arena, command.ledger, command.account, command.amount)
    if kind == RELEASE_WITHDRAWALS:
        return release_withdrawals(arena)
    if kind == CHANGE_STATE:
        return change_trading_state(arena, command.contract, command.state)
    if kind == SET_BAND:
        return set_band(arena, command.contract, command.low_ticks, command.high_ticks)
    if kind == CHANGE_CONSTITUENT:
        return change_constituent(arena, command.contract, command.asset, command.units_ppb)
    if kind == REDENOMINATE_CONSTITUENT:
        return redenominate_constituent(
            arena, command.contract, command.asset, command.units_ppb
        )
    if kind == SET_SAMPLE_CLOCK:
        return set_sample_clock(arena, command.contract, command.seed)
    if kind == SET_ELIGIBILITY:
        return set_eligibility(
            arena, command.account, command.professional_until_ns, command.assessed,
            command.disclosure, command.blocked,
        )  # fmt: skip
    if kind == PUBLISH_DISCLOSURE:
        return publish_disclosure(arena, command.version)
    if kind == SET_REFERENCE:
        return set_reference(arena, command.contract, command.until_ns)
    if kind == SET_CAPACITY:
        return set_capacity(arena, command.account, command.contract, command.lots)
    if kind == SET_WORK_BACK:
        return set_work_back(arena, command.contract, command.seed)
    if kind == SET_STRESS_LOSS:
        return set_stress_loss(arena, command.amount)
    if kind == DEPOSIT_COLLATERAL:
        return deposit_collateral(arena, command.account, command.asset, command.quantity)
    if kind == SET_COLLATERAL:
        return set_collateral(arena, command.asset, command.impaired, command.licensed_until_ns)
    if kind == CONFIRM_WITHDRAWAL:
        return confirm_withdrawal(arena, command.account, command.client_id)
    if kind == RETURN_WITHDRAWAL:
        return return_withdrawal(arena, command.account, command.client_id)
    if kind == APPROVE_CONTRACT:
        return approve_contract(
            arena, command.contract, command.hash_1, command.hash_2, command.hash_3,
            command.hash_4, command.reference,
        )  # fmt: skip
    if kind == SET_MARGIN_MODE:
        return set_margin_mode(arena, command.account, command.margin_mode)
    if kind == SET_LEVERAGE_CAP:
        return set_leverage_cap(arena, command.account, command.rate_initial_ppb)
    if kind == REDEEM_CONVERSION:
        return redeem_conversion(arena, command.asset, command.quantity, command.proceeds)
    if kind == SETTLE_CONVERSION:
        return settle_conversion(arena, command.amount)
    if kind == ADVANCE_TIME:
        time_ns = ENGINE(arena, 0).clock_ns
        emit(arena, events.TIME_ADVANCED, 0, 0, time_ns, 0, 0, 0, 0, 0)
        return refusals.OK
    return refusals.COMMAND_UNKNOWN


@cold
def do_rare_command(arena, commands, row):
    """Every command beside placing and cancelling."""
    command = COMMAND(commands, row)
    kind = command.kind
    if kind == AMEND_ORDER:
        return amend_order(
            arena, command.account, command.client_id, command.order_id,
            command.price_ticks, command.lots,
        )  # fmt: skip
    if kind == MASS_CANCEL:
        return mass_cancel(
            arena, command.account, command.client_id, command.contract, command.sides
        )
    if kind == PUBLISH_PRICE:
        return publish_prices(
            arena, command.source, command.contract, command.price_ticks, command.contract_2,
            command.price_ticks_2, command.contract_3, command.price_ticks_3,
        )  # fmt: skip
    if kind == PUBLISH_COLLATERAL:
        return publish_collateral(arena, command.asset, command.source, command.price_ppb)
    if kind == WITHDRAW_COLLATERAL:
        return withdraw_collateral(
            arena, command.account, command.client_id, command.asset, command.quantity
        )
    if kind == WITHDRAW:
        return withdraw(arena, command.account, command.client_id, command.amount)
    if kind == SET_HEARTBEAT:
        return set_heartbeat(arena, command.account, command.client_id, command.timeout_ns)
    if kind == CANCEL_SESSION:
        return cancel_session(arena, command.account, command.client_id, command.session)
    if kind == PLACE_BRACKET:
        return place_bracket(arena, commands, row)
    if kind == MASS_QUOTE:
        return mass_quote(arena, commands, row)
    if kind == SET_PROTECTION:
        return set_protection(
            arena, command.account, command.client_id, command.protection, command.window_ns,
            command.lots_max, command.fills_max, command.net_lots_max,
        )  # fmt: skip
    if kind == ISOLATE_CONTRACT:
        return isolate_contract(arena, command.account, command.client_id, command.contract)
    if kind == JOIN_CONTRACT:
        return join_contract(arena, command.account, command.client_id, command.contract)
    if kind == MOVE_MARGIN:
        return move_margin(
            arena, command.account, command.client_id, command.contract, command.amount
        )
    if kind == SET_LEVERAGE:
        return set_leverage(
            arena, command.account, command.client_id, command.contract, command.rate_initial_ppb
        )
    return do_operator_command(arena, commands, row)


@cold
def follow_command(arena):
    """Supervision and the queue, behind a command that has left something to do (2.6 f, g)."""
    engine = ENGINE(arena, 0)
    if engine.linked > 0:
        cancel_linked(arena, NONE)
    if engine.suspects + engine.shorts > 0:
        drain_suspects(arena)
    if engine.liquidations + engine.cooling > 0:
        run_queue(arena)
    if engine.fired > 0:
        run_fired(arena)
    return 0


@kernel
def apply_command(arena, commands, row):
    """The whole effect of one command; returns its refusal code, 0 when it was taken."""
    command = COMMAND(commands, row)
    engine = ENGINE(arena, 0)
    engine.sequence += 1
    kind = command.kind
    code = check_stamp(arena, kind, command.time_ns)
    if code != refusals.OK:
        return refuse(arena, commands, row, code)
    if engine.due_ns != 0 and engine.due_ns <= command.time_ns:
        do_due_work(arena, command.time_ns)
    engine.clock_ns = command.time_ns

    if kind == PLACE_ORDER:
        code = place_order(arena, commands, row)
    elif kind == CANCEL_ORDER:
        code = cancel_order(arena, command)
    else:
        code = do_rare_command(arena, commands, row)
    if code != refusals.OK:
        refuse(arena, commands, row, code)
    found = engine.linked | engine.suspects | engine.shorts
    if found | engine.liquidations | engine.cooling | engine.fired != 0:
        follow_command(arena)
    return code


@stage
def apply_alone(arena, commands, row):
    """One command that is not part of a batch."""
    return apply_command(arena, commands, row)
