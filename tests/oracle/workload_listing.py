"""The part of the workload about contracts that are not live yet: some go live before anything else
happens, some late, some never."""

from collections.abc import Iterator

from engine.schema import commands, events
from engine.schema import vocabulary as words
from engine.schema.contract import check_approval
from tests.oracle.listing import hash_of
from tests.oracle.states import APPROVED, DRAFT, NOT_LIVE

INT16, INT64 = 2**15 - 1, 2**63 - 1
# By contract, how many commands of its own kind this part gives before it approves the contract,
# and before it brings it live; none for others.
PLAN = {1: (0, 0), 2: (0, 0), 3: (0, 12), 4: (20, 20), 5: (40, 55)}
HASHES = ("hash_1", "hash_2", "hash_3", "hash_4")
WRONG = {
    "contract": (0, -1, 99, INT16),
    "reference": (0, -1, -(2**63)),
} | {name: (0, 1, -1, INT64, -(2**63)) for name in HASHES}


class ListingWorkload:
    """Commands for a workload that it is a part of, in the same stream of random numbers; silent
    where contracts need no approval."""

    def __init__(self, workload) -> None:
        self.workload = workload
        self.random = workload.random
        self.is_about_it = workload.config.approvals_required
        first = DRAFT if self.is_about_it else words.STATE_FROZEN
        self.states = dict.fromkeys(workload.specs, first)
        self.given = 0

    def kinds(self) -> tuple[tuple, ...]:
        return ((self.proceed, 5), (self.attempt, 1.5)) if self.is_about_it else ()

    def observe(self, records) -> None:
        for _, _, state, _, _, _, _, _, contract, kind in records:
            if kind == events.STATE_CHANGED:
                self.states[contract] = state

    def waiting(self) -> list[int]:
        """Contracts that are not live."""
        return [number for number, state in self.states.items() if state in NOT_LIVE]

    # Commands.

    def approval(self, number: int, **changes):
        parts = hash_of(self.workload.specs[number])
        fields = {"contract": number, "reference": self.random.randrange(1, 2**40)}
        fields |= dict(zip(HASHES, parts, strict=True)) | changes
        return commands.ApproveContract(time_ns=self.workload.now, **fields)

    def go_live(self, number: int):
        return commands.ChangeState(
            time_ns=self.workload.now, contract=number, state=words.STATE_FROZEN
        )

    def opening(self) -> Iterator:
        for number, (approved_at, live_at) in PLAN.items():
            if self.is_about_it and approved_at == 0:
                yield self.approval(number)
                if live_at == 0:
                    yield self.go_live(number)

    def proceed(self):
        """With the first contract whose time has come, or with an attempt."""
        self.given += 1
        for number, (approved_at, live_at) in PLAN.items():
            if self.states[number] == DRAFT and approved_at <= self.given:
                return self.approval(number)
            if self.states[number] == APPROVED and live_at <= self.given:
                return self.go_live(number)
        return self.attempt()

    def attempt(self):
        """What can't succeed: a wrong approval of any contract, a right one of what is no draft or
        is unfit, going live from elsewhere, another change of what is not live."""
        number, chance = self.random.choice(list(self.states)), self.random.random()
        waiting = self.waiting()
        if waiting and self.random.random() < 0.7:
            number = self.random.choice(waiting)
        if chance < 0.5:
            name = self.random.choice(sorted(WRONG))
            return self.approval(number, **{name: self.random.choice(WRONG[name])})
        is_unfit = bool(check_approval(self.workload.specs[number], self.workload.config))
        if chance < 0.75 and (is_unfit or self.states[number] != DRAFT):
            return self.approval(number)
        state = self.random.choice((*NOT_LIVE, *NOT_LIVE, words.STATE_CONTINUOUS))
        if self.states[number] != APPROVED:
            state = self.random.choice((state, words.STATE_FROZEN))
        return commands.ChangeState(time_ns=self.workload.now, contract=number, state=state)
