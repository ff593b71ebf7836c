"""The part of the workload about eligibility: clients who gain and lose it, disclosures, reference
assets that lapse and come back."""

from collections.abc import Iterable, Iterator

from engine.schema import commands, events
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_DAY, NS_PER_SECOND
from tests.oracle.price_terms import MINUTE

INT8, INT16, INT32 = 2**7 - 1, 2**15 - 1, 2**31 - 1
NO_TIMES = (-1, 2**62 + 1, 2**63 - 1, -(2**63))
WRONG = {
    "account": (0, 1, 2, 3, -1, 900, 2**21, INT32),  # makers and an isolated position among them
    "professional_until_ns": NO_TIMES,
    "assessed": (2, -1, INT8),
    "disclosure": (-1, -INT32),
    "blocked": (2, -1, INT8),
}


class EligibilityWorkload:
    """Commands for a workload that it is a part of, in the same stream of random numbers; silent
    where nobody's eligibility is checked."""

    def __init__(self, workload) -> None:
        self.workload = workload
        self.random = workload.random
        self.is_checked = workload.config.eligibility_checked
        self.version = workload.config.disclosure_version
        self.clients: set[int] = set()
        self.lacking: set[int] = set()  # of the clients
        self.closed: set[int] = set()  # contracts whose reference asset has lapsed

    def kinds(self) -> tuple[tuple, ...]:
        if not self.is_checked:
            return ()
        return (
            (self.set_eligibility, 7),
            (self.publish, 0.5),
            (self.set_reference, 2.5),
            (self.crowd, 1),
        )

    # What comes back.

    def observe(self, records) -> None:
        for _, a, _, c, _, e, _, account, contract, kind in records:
            if kind == events.ACCOUNT_OPENED and c == 0:
                self.clients.add(account)
                self.lacking.add(account)
            elif kind == events.ELIGIBILITY_SET and not e:
                self.lacking.discard(account)
            elif kind in (events.ELIGIBILITY_SET, events.ELIGIBILITY_LAPSED):
                self.lacking.add(account)
            elif kind == events.DISCLOSURE_PUBLISHED:
                self.version = a
            elif kind == events.REFERENCE_LAPSED:
                self.closed.add(contract)
            elif kind == events.REFERENCE_SET:
                self.closed.discard(contract)

    # Accounts.

    def opening(self, accounts: Iterable[int]) -> Iterator:
        """Most of them can trade, some for a short time."""
        if not self.is_checked:
            return
        for account in accounts:
            if account in self.clients and self.random.random() < 0.85:
                yield self.eligible(account)

    def whole_minute(self) -> int:
        """One of the next: orders expire at it, samples are taken at it."""
        minutes = self.workload.now // MINUTE + self.random.choice((1, 1, 2))
        return int(minutes * MINUTE)

    def some_time(self) -> int:
        """Far away mostly; shortly ahead, or past."""
        now, chance = self.workload.now, self.random.random()
        if chance < 0.5:
            return int(now + 30 * NS_PER_DAY)
        if chance < 0.75:
            return int(now + self.random.randrange(1, 60 * NS_PER_SECOND))
        if chance < 0.9:
            return self.whole_minute()
        return int(self.random.choice((now, now + 1, now - 1, 1, 2**62)))

    def send(self, **fields):
        """Wrong in one of them now and then."""
        if self.random.random() < 0.06:
            name = self.random.choice(sorted(WRONG))
            fields[name] = self.random.choice(WRONG[name])
        return commands.SetEligibility(time_ns=self.workload.now, **fields)

    def eligible(self, account: int):
        return self.send(
            account=account,
            professional_until_ns=self.some_time(),
            assessed=1,
            disclosure=self.version + (self.random.random() < 0.1),
        )

    def set_eligibility(self):
        """Of those who lack something mostly, so that most do not; the others lose it by all ways
        that there are."""
        lacking = sorted(self.lacking)
        account = self.random.choice(sorted(self.clients) or [4])
        if lacking and self.random.random() < 0.6:
            account = self.random.choice(lacking)
        if self.random.random() < 0.65:
            return self.eligible(account)
        past = (0, self.workload.now)
        return self.send(
            account=account,
            professional_until_ns=self.random.choice((*past, *(self.some_time(),) * 6)),
            assessed=int(self.random.random() < 0.7),
            disclosure=max(0, self.version - (self.random.random() < 0.3)),
            blocked=int(self.random.random() < 0.5),
        )

    def publish(self):
        self.workload.script = self.published()
        return next(self.workload.script)

    def published(self) -> Iterator:
        """Most acknowledge it at once, the others in their time."""
        version = self.version + self.random.choice((1, 1, 2))
        if self.random.random() < 0.3:
            version = self.random.choice((self.version, self.version - 1, 0, -1))
        yield commands.PublishDisclosure(time_ns=self.workload.now, version=version)
        for account in sorted(self.lacking):
            if self.random.random() < 0.7:
                yield self.eligible(account)

    def crowd(self):
        self.workload.script = self.ended_together()
        return next(self.workload.script)

    def ended_together(self) -> Iterator:
        """Several who end in one instant, with all else that is due in it, and what they work."""
        due = self.whole_minute()
        for account in self.random.sample(sorted(self.clients), min(4, len(self.clients))):
            yield self.send(
                account=account,
                professional_until_ns=due,
                assessed=1,
                disclosure=self.version,
            )
            for _ in range(self.random.randrange(1, 4)):
                yield self.working(account, self.workload.some_contract(), due)
        if self.random.random() < 0.4:
            yield self.reference(self.workload.some_contract(), due)
        for _ in range(self.random.randrange(6)):
            yield self.workload.place()
        self.workload.now = max(self.workload.now, due - self.random.choice((1, 0, 0)))
        yield commands.AdvanceTime(time_ns=self.workload.now)

    def working(self, account: int, number: int, due: int):
        """An order that rests or waits, often linked, some of them until the same instant."""
        side, spec = self.random.randrange(2), self.workload.specs[number]
        away = self.random.randrange(1, max(4, self.workload.marks[number] // 30))
        price = self.workload.marks[number] + (-away if side == words.BUY else away)
        terms = {"price_ticks": max(1, price), "flags": 0, "tif": words.GTC}
        if self.random.random() < 0.3:
            terms |= {"order_type": words.TAKE_LIMIT, "trigger_ticks": terms["price_ticks"]}
            terms["trigger_source"] = words.SOURCE_MARK
        if self.random.random() < 0.25:
            terms |= {"tif": words.GTD, "expiry_ns": due}
        if self.workload.lots.get((account, number)) and self.random.random() < 0.4:
            terms["flags"] = words.REDUCE_ONLY
        if self.random.random() < 0.4:
            terms["linked_id"] = self.workload.some_sibling(account, number)
        return commands.PlaceOrder(
            time_ns=self.workload.now,
            account=account,
            client_id=self.workload.client_id(account),
            contract=number,
            side=side,
            lots=spec.order_lots_min + self.random.randrange(5),
            **terms,
        )

    # Reference assets.

    def reference(self, number: int, until: int):
        return commands.SetReference(time_ns=self.workload.now, contract=number, until_ns=until)

    def set_reference(self):
        """What has lapsed comes back soon."""
        number, until = self.workload.some_contract(), self.some_time()
        if self.closed and self.random.random() < 0.9:
            number = self.random.choice(sorted(self.closed))
            until = self.random.choice((0, until, until))
        if self.random.random() < 0.06:
            until = self.random.choice(NO_TIMES)
        if self.random.random() < 0.04:
            number = self.random.choice((0, -1, 99, INT16))
        return self.reference(number, until)
