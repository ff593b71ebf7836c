"""What every replay of a feed starts from: a contract, accounts, a clock and a mark.

A feed knows no margins, fees or bands. So the contract is one in which nothing but the book
decides, and accounts have more cash than an honest feed can lose; one that ruins an account all
the same is at fault (`Recording`). Accounts differ in their groups, so that self-trade prevention
has nothing to prevent unless the feed itself names an account twice.
"""

from collections.abc import Iterable

from engine.importers.recording import Recording
from engine.schema import bounds
from engine.schema.commands import AnyCommand, Deposit, OpenAccount, PublishPrice
from engine.schema.contract import Config, Contract, Tier

CONTRACT = 1  # where a feed has only one
FRESH_NS = bounds.NS_PER_DAY // 2  # well before a mark is stale and a stamp too far ahead
SILENCE_NS_MAX = 366 * bounds.NS_PER_DAY  # a longer one is no feed's


def feed_contract(number: int, symbol: str, tick_size: str = "1", lot_size: str = "1") -> Contract:
    """A contract without fees, liquidations or funding, its band as wide as it can be."""
    return Contract(
        contract=number,
        symbol=symbol,
        tick_size=tick_size,
        lot_size=lot_size,
        tick_value=1,  # money is counted in tick x lot, so any tick and lot will do
        tiers=(Tier(0, 2, 1),),
        band_static_ppb=bounds.BAND_PPB_MAX,
        source_stale_ns=bounds.NS_PER_DAY,
        mark_band_ppb=bounds.PPB,
        funding_interval_ns=bounds.NS_PER_DAY,
        funding_sample_ns=bounds.NS_PER_DAY,
        funding_late_ns=bounds.NS_PER_DAY,
        funding_interest_ppb=0,
        funding_cap_ppb=0,
    )


def feed_config(contract: Contract) -> Config:
    """An exchange of one contract whose commands may lie as far apart as a feed's records."""
    return Config(contracts=(contract,), stamp_ahead_ns_max=bounds.NS_PER_DAY)


def open_accounts(recording: Recording, time_ns: int, accounts: Iterable[int], cash: int) -> None:
    """Accounts of as many owners and groups, each with this cash."""
    commands: list[AnyCommand] = []
    for account in accounts:
        commands += [
            OpenAccount(time_ns=time_ns, account=account, owner=account, group=account),
            Deposit(time_ns=time_ns, amount=cash, account=account),
        ]
    recording.must_run(commands)


class FeedClock:
    """The feed's time on the exchange, and the index of its one contract, which keeps the mark
    fresh."""

    def __init__(self, recording: Recording) -> None:
        self.time_ns = 0
        self.mark_ticks = 0  # 0 until there is a price
        self.published_ns = 0
        self._recording = recording

    def move(self, time_ns: int) -> None:
        """Time goes on. Through a silence the last price is published again and again: a contract
        that lost its mark would open anew by an auction, of which the feed knows nothing."""
        if self.mark_ticks:
            if time_ns - self.time_ns > SILENCE_NS_MAX:
                raise self._recording.fault("time", "lies more than a year after the last")
            while time_ns - self.published_ns > FRESH_NS:
                self.time_ns = self.published_ns + FRESH_NS
                self.publish(self.mark_ticks)
        self.time_ns = time_ns

    def publish(self, ticks: int) -> None:
        """A new index price."""
        self.mark_ticks, self.published_ns = ticks, self.time_ns
        price = PublishPrice(time_ns=self.time_ns, source=1, contract=CONTRACT, price_ticks=ticks)
        self._recording.must_run([price])
