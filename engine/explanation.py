"""Why something happened (2.2, 9.2): the events of one sequence number as English sentences.

The state keeps no history, so an explanation is made of events alone: those of the last commands,
which an exchange can keep, or those of an event file. It tells the inputs that the events carry
and the rules by which they decided, and nothing that they do not carry: a refusal for want of
margin names no numbers (`Exchange.what_if` does, while the state is the same).

It names counterparties, so it is for the operator and the regulator, not for clients (9.7).
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from engine.reasons import (
    CHANGES_OF_STATE,
    ENDS_OF_LIQUIDATIONS,
    ENDS_OF_ORDERS,
    LAYERS,
    STEPS,
    tell_refusal,
)
from engine.schema.commands import BY_KIND
from engine.schema.events import Event, typed_event
from engine.schema.vocabulary import CANCEL_TRIGGER, FUND, NAMES, STEP_WATERFALL


def explain(events: Iterable[Event]) -> list[str]:
    """A sentence for each event that decides something, in their order; the others, which only
    carry a decision out, are counted in a last line."""
    sentences = []
    beside: Counter[str] = Counter()
    for event in events:
        if event.name in SENTENCES:
            sentences.append(SENTENCES[event.name](event))
        else:
            beside[event.name] += 1
    if beside:
        counts = ", ".join(f"{count} {name}" for name, count in beside.items())
        sentences.append(f"Beside these: {counts}.")
    return sentences


class RecentEvents:
    """The events of the last commands, as records, for who wants to ask about them later.

    The oldest are forgotten when there are more than `commands_max` commands.
    """

    def __init__(self, commands_max: int) -> None:
        self._commands_max = commands_max
        self._parts: deque[npt.NDArray[np.void]] = deque()

    def read(self, events: npt.NDArray[np.void]) -> None:
        """Keep a copy of events, in the order in which they happened."""
        if len(events) == 0:
            return
        self._parts.append(events.copy())
        newest = int(events["sequence"][-1])
        while int(self._parts[0]["sequence"][-1]) <= newest - self._commands_max:
            self._parts.popleft()

    def find(self, sequence: int) -> list[Event]:
        """The events of a command; none when it is not, or no longer, known."""
        found: list[Event] = []
        for part in self._parts:
            first, behind = np.searchsorted(part["sequence"], [sequence, sequence + 1]).tolist()
            found += [typed_event(record) for record in part[first:behind].tolist()]
        return found


def _who(account: int) -> str:
    return "the fund" if account == FUND else f"account {account}"


def _start(text: str) -> str:
    return text[0].upper() + text[1:]


def _told(event: Event) -> dict[str, str]:
    """The event's numbers as text, with who, where and on the other side of whom."""
    numbers = {name: f"{value:,}" for name, value in event.values.items()}
    for name in ("counterparty", "provider"):
        if name in event.values:
            numbers[name] = _who(event.values[name])
    where = f"contract {event.contract}"
    return numbers | {"who": _who(event.account), "where": where}


def _plain(text: str) -> Callable[[Event], str]:
    """A sentence that needs no more than the event's own numbers."""
    return lambda event: _start(text.format_map(_told(event)))


def _tell_refused(event: Event) -> str:
    kind = event.values["command"]
    name = str(BY_KIND[kind].__struct_config__.tag) if kind in BY_KIND else f"command {kind}"
    parts = [f"the {name}"]
    if event.account:
        parts.append(f"of {_who(event.account)}")
    if event.contract:
        parts.append(f"in contract {event.contract}")
    ids = [
        f"{field.replace('_', ' ')} {event.values[field]}"
        for field in ("client_id", "order_id")
        if event.values[field]
    ]
    told = f" ({', '.join(ids)})" if ids else ""
    return _start(f"{' '.join(parts)}{told} is refused, {tell_refusal(event.values['code'])}.")


def _tell_quote_refused(event: Event) -> str:
    told = _told(event)
    side = NAMES["side"][event.values["side"]]
    return (
        f"The {side} of {told['lots']} lots at {told['price_ticks']} ticks in the mass quote"
        f" {event.values['client_id']} of {told['who']} in {told['where']} is refused,"
        f" {tell_refusal(event.values['code'])}."
    )


def _tell_cancelled(event: Event) -> str:
    told, reason = _told(event), event.values["reason"]
    text = (
        f"order {event.values['order_id']} (client id {event.values['client_id']}) of"
        f" {told['who']} in {told['where']} ends with {told['lots']} lots open at"
        f" {told['price_ticks']} ticks: {ENDS_OF_ORDERS[reason]}"
    )
    if reason == CANCEL_TRIGGER:
        text += f", {tell_refusal(event.values['code'])}"
    return _start(f"{text}.")


def _tell_reduced(event: Event) -> str:
    told = _told(event)
    return (
        f"Order {event.values['order_id']} (client id {event.values['client_id']}) of"
        f" {told['who']} in {told['where']} at {told['price_ticks']} ticks loses {told['lots']}"
        f" lots, {told['lots_open']} stay open: {ENDS_OF_ORDERS[event.values['reason']]}."
    )


def _tell_state(event: Event) -> str:
    before, after = (NAMES["state"][event.values[name]] for name in ("state_from", "state_to"))
    why = CHANGES_OF_STATE[event.values["why"]]
    return f"Contract {event.contract} goes from {before} to {after}: {why}."


def _tell_started(event: Event) -> str:
    told = _told(event)
    short = event.values["margin_maintenance"] - event.values["equity"]
    return _start(
        f"{told['who']} enters liquidation (9.1): its equity of {told['equity']} is below the"
        f" maintenance margin of {told['margin_maintenance']} at mark, by {short:,}."
    )


def _tell_stepped(event: Event) -> str:
    told, step = _told(event), event.values["step"]
    start = f"A liquidation step of {told['who']}"
    state = f"equity {told['equity']}, maintenance margin {told['margin_maintenance']}"
    if step == STEP_WATERFALL:
        return f"{start}: {STEPS[step]}; {state}."
    return (
        f"{start} in {told['where']}: {told['lots']} lots, {STEPS[step]}; {state}. The limit of"
        f" {told['limit_ticks']} ticks is its bankruptcy price: the position's share of the equity"
        f" is {told['share']} (9.3)."
    )


def _tell_ended(event: Event) -> str:
    told = _told(event)
    return _start(
        f"{told['who']} leaves liquidation: {ENDS_OF_LIQUIDATIONS[event.values['end']]}; equity"
        f" {told['equity']}, maintenance margin {told['margin_maintenance']}."
    )


def _tell_deleveraged(event: Event) -> str:
    told, charge = _told(event), event.values["charge"]
    holder = told["counterparty"]
    start = (
        f"{told['lots']} lots of {told['who']} in {told['where']} are closed against {holder}, next"
        f" in the order of deleveraging (9.7), at {told['value']}: their mark value, and"
    )
    if charge < 0:
        return f"{start} {-charge:,} that {holder} receives, their share of the equity (9.3)."
    return (
        f"{start} the {told['given_up']} that {holder} gives up of the {told['charge']} that they"
        " bear (9.3): never more than they gained in the step."
    )


def _tell_covered(event: Event) -> str:
    told = _told(event)
    return (
        f"{told['amount']} of the deficit of {told['who']} are covered:"
        f" {LAYERS[event.values['layer']]}; its cash is then {told['cash']}."
    )


def _tell_released(event: Event) -> str:
    by_operator = "an operator released them"
    by_refill = "the fund and the house layer stand at their limits again"
    why = by_operator if event.values["by_operator"] else by_refill
    return f"Withdrawals of the pool go on: {why} (9.8)."


def _tell_lapsed(event: Event) -> str:
    lacks = tell_refusal(event.values["lacks"])
    return _start(
        f"{_who(event.account)} may only reduce from now on, {lacks}; {event.values['orders']:,} of"
        " its orders are cancelled (3.1)."
    )


SENTENCES: dict[str, Callable[[Event], str]] = {
    "refused": _tell_refused,
    "quote_refused": _tell_quote_refused,
    "order_cancelled": _tell_cancelled,
    "order_reduced": _tell_reduced,
    "state_changed": _tell_state,
    "mark_published": _plain(
        "the mark of {where} is {mark_ticks} ticks, with the index at {index_ticks} (6.2)."
    ),
    "funding_published": _plain(
        "the funding rate of {where} is {rate_ppb} ppb: {growth} a lot, which longs pay to shorts"
        " where it is positive (7.2)."
    ),
    "settlement_priced": _plain(
        "{where} settles at {price_ticks} ticks, the mean of {samples} index values (3.2)."
    ),
    "margin_called": _plain(
        "{who} gets a margin call (9.2 a): its equity of {equity} has come near the maintenance"
        " margin of {margin_maintenance}."
    ),
    "liquidation_started": _tell_started,
    "liquidation_stepped": _tell_stepped,
    "liquidation_fee_paid": _plain(
        "{who} pays {amount} to the fund as liquidation fee or penalty, out of what is left above"
        " its bankruptcy price (9.4); its cash is then {cash}."
    ),
    "liquidation_ended": _tell_ended,
    "position_provided": _plain(
        "{lots} lots of {who} in {where} go to {provider}, a liquidity provider with room for them"
        " (9.2 e), at {value}: their mark value, better for {provider} by the penalty of {penalty}"
        " (9.4)."
    ),
    "position_taken_over": _plain(
        "the fund takes over {lots} lots of {who} in {where}, within its caps (9.2 e, 9.6), at"
        " {value}: their mark value, and the {charge} of the deficit that they bear (9.3). The"
        " penalty is {penalty} (9.4)."
    ),
    "positions_paired": _plain(
        "{lots} lots of {who} in {where}, worth {value}, are paired off at mark with"
        " {counterparty}, on the other side (9.7)."
    ),
    "position_deleveraged": _tell_deleveraged,
    "deficit_covered": _tell_covered,
    "gains_cut": _plain(
        "{who} gained {gain} in the step, and {amount} of it are cut: its part, pro rata, of what"
        " fund and house layer could not cover (9.8); its cash is then {cash}."
    ),
    "waterfall_closed": _plain(
        "the deficit of {who} was {deficit}: the fund bore {fund}, opposite holders gave up"
        " {given_up}, the house layer paid {house}, and {haircut} came out of gains (9.8)."
    ),
    "withdrawals_stopped": _plain(
        "withdrawals of the pool stop: deficits exceed fund and house layer by {deficit} (9.8)."
    ),
    "withdrawals_released": _tell_released,
    "trading_stopped": _plain("a kill switch cancels {orders} orders (4.6)."),
    "eligibility_lapsed": _tell_lapsed,
    "reference_lapsed": _plain(
        "the reference asset of {where} is no longer open to retail spot trading here: the contract"
        " takes only what reduces (3.3)."
    ),
    "stress_loss_set": _plain(
        "the last stress test left {amount} uncovered, with an equity of the fund of {fund_equity};"
        " where the pool asks for a cover, no new risk is taken below it (9.6)."
    ),
    "collateral_impaired": _plain(
        "asset {asset} is impaired, for reason {impairment} (1 off its peg, 2 licence ended, 3 an"
        " operator, 4 silence, 0 its time has come again): {raise_ppb} ppb are added to its"
        " haircuts (10.3)."
    ),
    "collateral_recovered": _plain(
        "enough sources of asset {asset} are heard again: what its silence added to its haircuts is"
        " taken off (10.2)."
    ),
    "collateral_converted": _plain(
        "{quantity} of asset {asset} of {who} are converted for {paid}, at the price less the"
        " published discount (10.4); {held} are left, its cash is then {cash} and its collateral"
        " counts for {collateral_value}."
    ),
    "conversion_redeemed": _plain(
        "{quantity} of asset {asset}, which conversions had brought, left for {proceeds}; the"
        " conversion ledger then has {converted} of it and {conversion_cash} in cash (10.6)."
    ),
    "conversion_settled": _plain(
        "the provider of conversions settles {amount} of what they lost (above 0) or gained (below"
        " 0); the conversion ledger then has {conversion_cash} in cash (10.6)."
    ),
    "contract_approved": _plain(
        "the specification of {where} is the one that was approved, as record {reference} says"
        " (3.2)."
    ),
    "collateral_loss_declared": _plain(
        "{loss} of a loss of collateral value are more than fund and house layer can bear; it is"
        " shared over equities of {equity} (9.8)."
    ),
    "collateral_loss_shared": _plain(
        "{who}, with an equity of {equity}, bears {amount} of the loss, pro rata (9.8); its cash is"
        " then {cash}."
    ),
    "heartbeat_lost": _plain(
        "{who} did not renew its cancel-after timer: {orders} orders are cancelled (4.6)."
    ),
    "protection_tripped": _plain(
        "market-maker protection {protection} of {who} trips after {lots} lots, {fills} fills and"
        " {net_lots} lots net (4.8)."
    ),
}
