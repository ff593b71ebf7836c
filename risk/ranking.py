"""Rankings: the positions of one side of a contract in the order in which they are asked (9.7).

The question is always who comes first of those that can afford so much: highest `over` / `under`,
ties by the lower `opened`, then by the lower account id, among entries whose `means` are enough. In
a heap those who can't afford it, and they gather at its top, would have to be taken out for each
debtor. So a ranking is a priority search tree: as in a heap no entry comes before its parent, and
as in a trie the means of an entry, digit by digit, say whether it hangs in the left or the right
branch, the right one holding the larger means. The way down to given means then meets, at each
turn to the left, a right branch in which all can afford it, with its first entry on top; and a
branch whose top can afford it holds nobody who comes before that top.

The digits: the six bits of the length of the means, the means' bits behind the first, and the bits
of the entry's number, so equal means are told apart. The tree is as deep as digits are needed to
tell entries apart, at most 6 + 60 + 23; it needs no rebalancing.

Each contract has four rankings, two kinds for each side: ASKED, all holders, in the order of
deleveraging; PAIRED, those in liquidation whose next step would close lots there. They are open
while they carry the engine's stamp, as their entries do; `void_rankings` ends all of them at once.
Keys are written only outside of a ranking, so accounts may change while it waits.
"""

from engine.kernel import cold, kernel
from engine.schema.bounds import TIME_NS_MAX
from engine.schema.vocabulary import NONE
from engine.state.access import ENGINE, POSITION, RANK, RANKING
from engine.state.arithmetic import is_ratio_above

ASKED = 0
PAIRED = 1

LENGTH_BITS = 6  # of the length of means: they are below 2^63


@kernel
def ranking_of(contract, kind, is_long):
    return 4 * contract + 2 * kind + is_long


@kernel
def contract_ranked(ranking):
    return ranking // 4


@kernel
def entry_of(position, kind):
    return 2 * position + kind


@kernel
def void_rankings(arena):
    """Something on which keys depend changes for many: marks, funding, the states of contracts."""
    engine = ENGINE(arena, 0)
    engine.ranking += 1
    engine.rankings_open = 0
    engine.rankings_until_ns = TIME_NS_MAX


@kernel
def is_open(arena, ranking):
    return RANKING(arena, ranking).stamp == ENGINE(arena, 0).ranking


@kernel
def is_key_before(arena, over, under, entry, other):
    """Whether `entry`, with this ratio, comes before `other` with its own."""
    b = RANK(arena, other)
    if is_ratio_above(over, under, b.over, b.under):
        return True
    if is_ratio_above(b.over, b.under, over, under):
        return False
    a = RANK(arena, entry)
    if a.opened != b.opened:
        return a.opened < b.opened
    return POSITION(arena, entry // 2).account < POSITION(arena, other // 2).account


@kernel
def is_before(arena, entry, other):
    a = RANK(arena, entry)
    return is_key_before(arena, a.over, a.under, entry, other)


@cold
def measure(means):
    """The length of a number >= 0 in bits."""
    length = 0
    while means >> length > 0:
        length += 1
    return length


@kernel
def write_key(arena, entry, over, under, opened, means):
    """Give a key to an entry that is in no ranking, or about to leave it."""
    rank = RANK(arena, entry)
    rank.over = over
    rank.under = under
    rank.opened = opened
    rank.means = means
    rank.length = measure(means)


@kernel
def turn_at(means, length, entry, level):
    """The digit of an entry at a level of the tree: 1 is right."""
    if level < LENGTH_BITS:
        return (length >> (LENGTH_BITS - 1 - level)) & 1
    behind = length - 2 - (level - LENGTH_BITS)
    if behind >= 0:
        return (means >> behind) & 1
    # a length of 0 has no bits behind its first one, as a length of 1
    return (entry >> (level - LENGTH_BITS - max(length - 1, 0))) & 1


@kernel
def branch_of(arena, entry, is_right):
    rank = RANK(arena, entry)
    return rank.right + 0 if is_right == 1 else rank.left + 0


@kernel
def hang(arena, ranking, parent, is_right, entry):
    """Hang an entry, or NONE, below its parent: that of the root is NONE."""
    if parent == NONE:
        RANKING(arena, ranking).root = entry
    elif is_right == 1:
        RANK(arena, parent).right = entry
    else:
        RANK(arena, parent).left = entry
    if entry != NONE:
        RANK(arena, entry).parent = parent


@kernel
def is_right_branch(arena, parent, entry):
    return 1 if parent != NONE and RANK(arena, parent).right == entry else 0


@kernel
def give_branches(arena, ranking, entry, other):
    """Hang the branches of an entry below another one."""
    hang(arena, ranking, other, 0, RANK(arena, entry).left + 0)
    hang(arena, ranking, other, 1, RANK(arena, entry).right + 0)


@cold
def enter_ranking(arena, ranking, entry):
    """Let an entry in: on its way down it takes the place of the first one that it comes before,
    which goes on in its stead."""
    ENGINE(arena, 0).ranked += 1
    RANK(arena, entry).stamp = ENGINE(arena, 0).ranking
    RANK(arena, entry).ranking = ranking
    parent = NONE
    turn = 0
    here = RANKING(arena, ranking).root + 0
    level = 0
    while here != NONE:
        if is_before(arena, entry, here):
            hang(arena, ranking, parent, turn, entry)
            give_branches(arena, ranking, here, entry)
            displaced = here
            here = entry
            entry = displaced
        rank = RANK(arena, entry)
        turn = turn_at(rank.means, rank.length, entry, level)
        parent = here
        here = branch_of(arena, parent, turn)
        level += 1
    RANK(arena, entry).left = NONE
    RANK(arena, entry).right = NONE
    hang(arena, ranking, parent, turn, entry)
    return 0


@cold
def leave_ranking(arena, ranking, entry):
    """Take an entry out: the first of its branches' tops moves up into its place, and so on."""
    parent = RANK(arena, entry).parent + 0
    turn = is_right_branch(arena, parent, entry)
    left = RANK(arena, entry).left + 0
    right = RANK(arena, entry).right + 0
    while left != NONE or right != NONE:
        is_right = right != NONE and (left == NONE or is_before(arena, right, left))
        top = right if is_right else left
        other = left if is_right else right
        left = RANK(arena, top).left + 0
        right = RANK(arena, top).right + 0
        hang(arena, ranking, parent, turn, top)
        turn = 1 if is_right else 0
        hang(arena, ranking, top, 1 - turn, other)
        parent = top
    hang(arena, ranking, parent, turn, NONE)
    RANK(arena, entry).stamp = 0
    return 0


@kernel
def take_out(arena, entry):
    """Take an entry out of the ranking that it is in, if it is in one."""
    if RANK(arena, entry).stamp == ENGINE(arena, 0).ranking:
        leave_ranking(arena, RANK(arena, entry).ranking + 0, entry)


@cold
def find_first(arena, ranking, means):
    """The first entry whose means are at least these; NONE when there is none."""
    length = measure(means)
    first = NONE
    here = RANKING(arena, ranking).root + 0
    level = 0
    while here != NONE:
        if RANK(arena, here).means >= means:
            return here if first == NONE or is_before(arena, here, first) else first
        if turn_at(means, length, 0, level) == 1:
            here = RANK(arena, here).right + 0
        else:
            right = RANK(arena, here).right + 0
            if right != NONE and (first == NONE or is_before(arena, right, first)):
                first = right
            here = RANK(arena, here).left + 0
        level += 1
    return first
