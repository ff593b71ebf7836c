"""What a portfolio could lose: under moves of prices, in which contracts of one underlying net, by
each basis, and by concentration (8.7)."""

from engine.schema.bounds import PPB
from engine.schema.contract import Config, Contract
from tests.oracle.rounding import ceil_div, rate_up

Position = tuple[Contract, int, int]  # with signed lots and the size of one at the mark


def result(spec: Contract, lots: int, size: int, move: int) -> int:
    """Of the position if the price moves by this rate; rounded against the account. What an inverse
    lot gains when the price falls is measured at the lower price."""
    divisor = PPB + move if spec.contract_value else PPB
    return lots * size * move // divisor


def net_loss(config: Config, positions: list[Position]) -> int:
    """The worst move for all of these together."""
    totals = [sum(result(*one, move) for one in positions) for move in config.portfolio_moves_ppb]
    return max(0, -min(totals))


def losses(config: Config, positions: list[Position]) -> int:
    """Underlying by underlying; a contract without one is one by itself."""
    by_underlying: dict[tuple[int, int], list[Position]] = {}
    for position in positions:
        spec = position[0]
        key = (spec.underlying, 0) if spec.underlying else (0, spec.contract)
        by_underlying.setdefault(key, []).append(position)
    return sum(net_loss(config, together) for together in by_underlying.values())


def added_on(spec: Contract, lots: int, size: int) -> int:
    """Nothing nets this away."""
    worth = abs(lots) * size
    beyond = max(0, worth - spec.concentration_value)
    return rate_up(worth, spec.basis_ppb) + rate_up(beyond, spec.concentration_ppb)


def risk(config: Config, positions: list[Position]) -> int:
    return losses(config, positions) + sum(added_on(*one) for one in positions)


def worst_rate(config: Config, spec: Contract) -> int:
    """The most that a unit of value can add to the risk."""
    moves = config.portfolio_moves_ppb
    rates = [
        ceil_div(abs(move) * PPB, PPB + move) if spec.contract_value else abs(move)
        for move in moves
    ]
    return max(rates) + spec.basis_ppb + spec.concentration_ppb


def reserve_rate(config: Config, spec: Contract) -> int:
    """The least rate of an order's reserve: what its fill can add to the initial margin."""
    return rate_up(worst_rate(config, spec), config.portfolio_initial_ppb)
