"""The part of the workload about collateral: prices of assets that wander, fall, lose their peg and
are heard no more, what is brought and taken out, what an operator says of an asset, and margin that
melts."""

from collections.abc import Iterator

from engine.schema import bounds, commands, events
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND, PPB
from engine.schema.contract import Contract
from tests.oracle.assets import FIRST_PRICES
from tests.oracle.price_terms import MINUTE
from tests.oracle.values import size_of_lot
from tests.oracle.workload_conversions import ConversionWorkload
from tests.oracle.workload_prices import within_prices

INT8, INT32 = 2**7 - 1, 2**31 - 1
# Per thousand of an asset's price.
COIN_BREAKS = (-700, -400, -200, 500, 2_000)
PEG_BREAKS = (-400, -150, -60, -30, 40)
DEEP_BREAKS = (-1_000, -900, -600, -400, -400, -150, -150)
BOOMS = (5, 30, 200)  # times the price
NO_ASSETS = (0, -1, 7, INT8)
AMOUNTS = (0, -1, 2**59, 2**59 + 1, 2**63 - 1, -(2**63))
PRICES = (0, -1, bounds.COLLATERAL_PRICE_PPB_MAX + 1, 2**63 - 1)
WRONG_PRICE = {"asset": NO_ASSETS, "source": (0, -1, 6, INT8), "price_ppb": PRICES}
WRONG_DEPOSIT = {
    "account": (0, 1, -1, 900, 2**21, INT32),
    "asset": NO_ASSETS,
    "quantity": AMOUNTS,
}
WRONG_SETTING = {
    "asset": NO_ASSETS,
    "impaired": (2, -1, INT8),
    "licensed_until_ns": (-1, 2**62 + 1, 2**63 - 1, -(2**63)),
}


def bracket_rate(spec: Contract, value: int) -> int:
    return max(t.rate_initial_ppb for t in spec.tiers if t.floor_value <= value)


class CollateralWorkload:
    """Commands for a workload that it is a part of, in the same stream of random numbers; silent
    where there are no assets."""

    def __init__(self, workload) -> None:
        self.workload = workload
        self.random = workload.random
        self.specs = dict(enumerate(workload.config.collateral, 1))
        self.walk = {number: FIRST_PRICES[number] for number in self.specs}
        self.prices = dict(self.walk)  # that the exchange has published
        self.impaired: set[int] = set()
        self.held: dict[tuple[int, int], int] = {}  # by account and asset
        self.is_stopped = False  # withdrawals
        self.heard: dict[int, dict[int, int]] = {number: {} for number in self.specs}  # by source
        self.conversions = ConversionWorkload(self)

    def kinds(self) -> tuple[tuple, ...]:
        if not self.specs:
            return ()
        return (
            (self.publish, 10),
            (self.deposit, 8),
            (self.withdraw, 7),
            (self.set_collateral, 4),
            (self.break_asset, 0.7),
            (self.refresh, 2.5),
            (self.hush, 0.4),
            (self.ruin, 5),
            (self.end_together, 0.4),
            *self.conversions.kinds(),
        )

    # What comes back.

    def observe(self, records) -> None:
        self.conversions.observe(records)
        for _, a, b, _, d, e, f, account, _, kind in records:
            if kind == events.COLLATERAL_PRICED:
                self.prices[a] = d
                self.heard[a][b] = self.workload.now
                self.note(a, f)
            elif kind == events.COLLATERAL_IMPAIRED:
                self.impaired.add(a)
            elif kind == events.COLLATERAL_RECOVERED or kind == events.COLLATERAL_SET and b == 0:
                self.impaired.discard(a)
            elif kind == events.COLLATERAL_DEPOSITED:
                self.held[account, a] = self.held.get((account, a), 0) + b
            elif kind == events.COLLATERAL_RESERVED:
                self.held[account, a] = d
            elif kind == events.COLLATERAL_CONVERTED:
                self.held[account, a] = d
                self.workload.cash[account] = e
            elif kind == events.WITHDRAWALS_STOPPED:
                self.is_stopped = True
            elif kind == events.WITHDRAWALS_RELEASED:
                self.is_stopped = False

    def note(self, number: int, raise_ppb: int) -> None:
        """One is impaired before the first event of it."""
        if raise_ppb:
            self.impaired.add(number)

    # Commands.

    def bent(self, fields: dict, wrong: dict, chance: float = 0.06) -> dict:
        """Wrong in one of them now and then."""
        if self.random.random() < chance:
            name = self.random.choice(sorted(wrong))
            fields[name] = self.random.choice(wrong[name])
        return fields

    def opening(self) -> Iterator:
        """Prices of all sources, and some of everything for everyone."""
        if not self.specs:
            return
        yield from self.prices_of(self.specs)
        for account in sorted(self.workload.opened):
            yield self.deposit_of(account, self.some_asset())

    def some_asset(self) -> int:
        """Seldom one that takes no deposits."""
        number = self.random.choice(list(self.specs))
        if number in self.impaired and self.random.random() < 0.7:
            number = self.random.choice(list(self.specs))
        return int(number)

    def worth(self, number: int, value: int) -> int:
        """So much of the asset that it is worth about this."""
        return int(value * PPB // max(1, self.prices[number] or self.walk[number]) + 1)

    def next_price(self, number: int) -> int:
        """A random walk, drawn back to where it began; near par it is at par now and then."""
        price, first = self.walk[number], FIRST_PRICES[number]
        is_coin = self.specs[number].kind == words.ASSET_COIN
        share = self.random.choice((30, 100, 400) if is_coin else (150, 800, 800, 3_000))
        price += self.random.randrange(-price // share - 1, price // share + 2)
        price += (first - price) // 6
        if self.specs[number].par_ppb and self.random.random() < 0.05:
            price = self.specs[number].par_ppb
        self.walk[number] = max(1, price)
        return self.walk[number]

    def said(self, number: int, source: int, price: int):
        return commands.PublishCollateral(
            time_ns=self.workload.now, asset=number, source=source, price_ppb=max(1, price)
        )

    def prices_of(self, numbers) -> Iterator:
        """From every source, each a little beside the other."""
        for number in numbers:
            for source in range(1, self.specs[number].sources + 1):
                price = self.walk[number]
                wide = self.random.choice((0, 0, price // 2_000))
                yield self.said(number, source, price + self.random.randrange(-wide, wide + 1))

    def publish(self):
        number = self.random.choice(list(self.specs))
        if self.random.random() < 0.4:
            self.next_price(number)
            self.workload.script = self.prices_of([number])
            return next(self.workload.script)
        fields = {
            "asset": number,
            "source": self.random.randrange(1, self.specs[number].sources + 1),
            "price_ppb": self.next_price(number),
        }
        if self.random.random() < 0.02:  # the one that the median leaves out
            fields["price_ppb"] *= self.random.choice((2, 50))
        return commands.PublishCollateral(
            time_ns=self.workload.now, **self.bent(fields, WRONG_PRICE)
        )

    def refresh(self):
        self.workload.script = self.prices_of(self.specs)
        return next(self.workload.script)

    def deposit_of(self, account: int, number: int, value: int = 0):
        value = value or self.workload.some_money()
        fields = {"account": account, "asset": number, "quantity": self.worth(number, value)}
        return commands.DepositCollateral(
            time_ns=self.workload.now, **self.bent(fields, WRONG_DEPOSIT)
        )

    def deposit(self):
        """As much as the asset's cap now and then, to meet it within a unit."""
        account, number = self.workload.some_account(), self.some_asset()
        value = self.workload.some_money()
        if self.random.random() < 0.12:
            held = sum(q for (_, n), q in self.held.items() if n == number)
            room = self.specs[number].asset_value_max - held * self.prices[number] // PPB
            value = max(1, room + self.random.choice((-1, 0, 0, 0, 1)))
        return self.deposit_of(account, number, value)

    def withdraw(self):
        """Of what it holds mostly, a part or all."""
        account, number = self.workload.some_account(), self.some_asset()
        own = sorted(key for key, quantity in self.held.items() if quantity)
        if own and self.random.random() < 0.9:
            account, number = self.random.choice(own)
        closing = [key for key in own if key[0] in self.workload.closing]
        if closing and self.random.random() < 0.5:
            account, number = self.random.choice(closing)
        held = self.held.get((account, number), 0)
        part = held // self.random.choice((1, 1, 2, 5, 30))
        quantity = self.random.choice((part, part, part, part, held + 1, 1))
        fields = {
            "account": account,
            "client_id": self.workload.client_id(account),
            "asset": number,
            "quantity": max(1, quantity),
        }
        return commands.WithdrawCollateral(
            time_ns=self.workload.now, **self.bent(fields, WRONG_DEPOSIT)
        )

    def some_time(self, number: int) -> int:
        """Until which an asset is licensed."""
        now, chance = self.workload.now, self.random.random()
        if chance < 0.7:
            return int(2**62) if self.specs[number].issuer else 0
        if chance < 0.9:
            return int(now + self.random.randrange(1, 3 * MINUTE))
        return int(self.random.choice((now, now + 1, 1, 0)))

    def set_collateral(self):
        """What is impaired is cured soon, but for a licence or a price that stand against it."""
        number = self.random.choice(list(self.specs))
        is_impaired = int(self.random.random() < 0.5)
        if self.impaired and self.random.random() < 0.7:
            number, is_impaired = self.random.choice(sorted(self.impaired)), 0
        fields = {
            "asset": number,
            "impaired": is_impaired,
            "licensed_until_ns": self.some_time(number),
        }
        return commands.SetCollateral(
            time_ns=self.workload.now, **self.bent(fields, WRONG_SETTING, 0.12)
        )

    # What goes wrong.

    def silent_from(self, number: int) -> int:
        """When too few of its sources are fresh, if no one says anything; the present if they are
        too few already."""
        spec, now = self.specs[number], self.workload.now
        times = sorted(self.heard[number].values(), reverse=True)
        if len(times) < spec.sources_min:
            return int(now)
        return int(max(now, times[spec.sources_min - 1] + spec.stale_ns + 1))

    def hush(self):
        self.workload.script = self.hushed(self.some_asset())
        return next(self.workload.script)

    def hushed(self, number: int) -> Iterator:
        """Up to the instant before it is silent, or into it, in steps in which contracts are priced
        on; then the other way round, a rise or two later, or not at all."""
        yield from self.prices_of([number])
        due = self.silent_from(number) - self.random.choice((0, 0, 0, 1))
        most = self.workload.config.stamp_ahead_ns_max
        contract = self.workload.some_contract()
        while self.workload.now < due:
            self.workload.now = min(due, self.workload.now + most)
            yield commands.AdvanceTime(time_ns=self.workload.now)
            yield from self.workload.pricing.from_all(contract)
        for _ in range(self.random.randrange(3)):
            yield self.workload.place()
        if self.random.random() < 0.3:  # conversions at a price that nobody says any more
            yield from self.workload.shocks()
        if self.random.random() < 0.5:
            rises = self.random.randrange(3) * self.specs[number].impaired_step_ns
            self.workload.now += rises + self.random.randrange(5 * NS_PER_SECOND)
        if self.random.random() < 0.7:
            yield from self.prices_of([number])

    def break_asset(self):
        number = self.random.choice(list(self.specs))
        is_coin = self.specs[number].kind == words.ASSET_COIN
        self.workload.script = self.broken(number, COIN_BREAKS if is_coin else PEG_BREAKS)
        return next(self.workload.script)

    def broken(self, number: int, shares: tuple[int, ...]) -> Iterator:
        """All sources at once; most comes back."""
        before = self.walk[number]
        self.walk[number] = max(1, before + before * self.random.choice(shares) // 1_000)
        yield from self.prices_of([number])
        if self.random.random() < 0.5:
            self.workload.now += self.random.randrange(1, 100) * NS_PER_SECOND
            yield commands.AdvanceTime(time_ns=self.workload.now)
        if self.random.random() < 0.7:
            self.walk[number] = before
            yield from self.prices_of([number])
            yield commands.SetCollateral(
                time_ns=self.workload.now,
                asset=number,
                impaired=0,
                licensed_until_ns=2**62 if self.specs[number].issuer else 0,
            )

    def ruin(self):
        self.workload.script = self.ruined()
        return next(self.workload.script)

    def ruined(self) -> Iterator:
        """Newcomers whose margin is one asset, and little of it; their contract moves against some
        of them; then the asset breaks, or the contract does."""
        sound = [n for n in self.specs if n not in self.impaired]
        pegged = [n for n in sound if self.specs[n].par_ppb]  # of coins the fund allows few
        number = self.random.choice([*sound, *pegged, *pegged, *pegged] or [1])
        contract = self.workload.some_contract()
        if self.is_stopped and self.random.random() < 0.7:
            yield commands.ReleaseWithdrawals(time_ns=self.workload.now)
        yield from self.prices_of([number])
        yield from self.workload.trading_states.open_all()
        for _ in range(self.random.randrange(1, 4)):
            yield from self.thin_pair(contract, number)
        if self.random.random() < 0.7:
            yield from self.nudge(contract)
        if self.random.random() < 0.2:
            yield from self.boom(number, contract)
        if self.random.random() < 0.25:
            yield from self.hushed(number)
        chance = self.random.random()
        if chance < 0.65:
            yield from self.broken(number, DEEP_BREAKS)
        elif chance < 0.85:
            yield from self.workload.backstop.push(contract)
        else:
            yield from self.workload.shocks()

    def boom(self, number: int, contract: int) -> Iterator:
        """The asset passes its cap and its par while some who hold it lose in their contract."""
        before = self.walk[number]
        most = bounds.COLLATERAL_PRICE_PPB_MAX // 2
        self.walk[number] = min(most, before * self.random.choice(BOOMS))
        yield from self.prices_of([number])
        for _ in range(self.random.randrange(1, 3)):
            yield from self.nudge(contract)
        yield from self.workload.shocks()
        self.walk[number] = before
        yield from self.prices_of([number])

    def nudge(self, contract: int) -> Iterator:
        """So far that some stand at their maintenance, or little above it."""
        spec = self.workload.specs[contract]
        price = self.workload.prices[contract]
        most = max(2, price * spec.tiers[0].rate_initial_ppb // PPB)
        price += self.random.choice((-1, 1)) * self.random.randrange(most // 3, most)
        self.workload.prices[contract] = within_prices(spec, price)
        yield from self.workload.pricing.from_all(contract)

    def thin_pair(self, contract: int, number: int) -> Iterator:
        """One sells to the other at the mark."""
        spec, mark = self.workload.specs[contract], self.workload.marks[contract]
        lots = self.random.randrange(1, self.workload.typical_lots(spec) // 2)
        value = lots * size_of_lot(spec, mark)
        rate = bracket_rate(spec, value) + 2 * spec.fee_taker_ppb
        for side in (words.SELL, words.BUY):
            account = self.newcomer()
            yield commands.OpenAccount(
                time_ns=self.workload.now, account=account, owner=account, group=account
            )
            yield from self.margin(account, number, value * rate // PPB + 1)
            yield self.workload.plain_order(contract, account, side, lots, mark)

    def newcomer(self) -> int:
        self.workload.settling.newest += 1
        return int(self.workload.settling.newest)

    def margin(self, account: int, number: int, asked: int) -> Iterator:
        """Enough of the asset, or of cash if it is not taken; of another one some on top, which is
        converted before it or behind it."""
        for step in self.specs[number].haircuts:
            if step.haircut_ppb < PPB:
                value = asked * PPB // (PPB - step.haircut_ppb) + 1
            if value <= step.floor_value:
                break
        yield self.deposit_of(account, number, value * self.random.choice((11, 12, 16)) // 10)
        if self.random.random() < 0.3:
            yield self.deposit_of(account, self.some_asset(), asked // 3 + 1)
        is_taken = self.held.get((account, number), 0) > 0
        if not is_taken or self.random.random() < 0.3:
            amount = asked // 20 + 1 if is_taken else asked
            yield commands.Deposit(time_ns=self.workload.now, account=account, amount=amount)

    def end_together(self):
        self.workload.script = self.ended_together()
        return next(self.workload.script)

    def ended_together(self) -> Iterator:
        """Licences that end in the instant in which rises, samples and funding are due."""
        minute = int(self.workload.now // MINUTE * MINUTE + MINUTE)
        for number in self.random.sample(list(self.specs), 3):
            due = minute - self.random.choice((0, 0, self.specs[number].impaired_step_ns))
            yield commands.SetCollateral(
                time_ns=self.workload.now,
                asset=number,
                impaired=0,
                licensed_until_ns=max(due, self.workload.now + 1),
            )
        for _ in range(self.random.randrange(4)):
            yield self.workload.place()
        self.workload.now = max(self.workload.now, minute - self.random.choice((1, 0, 0)))
        yield commands.AdvanceTime(time_ns=self.workload.now)
