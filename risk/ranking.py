"""The candidates of deleveraging in one fixed order: a heap over their `rank`, highest first.

Ties go to the position that was opened first, then to the lower account id (9.7). A mode that ranks
by another number writes that number as the rank.
"""

from engine.kernel import cold, kernel
from engine.state.access import CANDIDATE, CANDIDATE_HEAP, ENGINE, POSITION_EXTRA


@kernel
def is_ranked_before(rank, opened, account, other_rank, other_opened, other_account):
    if rank != other_rank:
        return rank > other_rank
    if opened != other_opened:
        return opened < other_opened
    return account < other_account


@kernel
def is_candidate_before(arena, slot, other):
    a = CANDIDATE(arena, slot)
    b = CANDIDATE(arena, other)
    return is_ranked_before(
        a.rank, POSITION_EXTRA(arena, a.position).opened, a.account,
        b.rank, POSITION_EXTRA(arena, b.position).opened, b.account,
    )  # fmt: skip


@cold
def sift_ranked(arena, root):
    """Move the candidate at `root` down the heap to where its rank belongs."""
    count = ENGINE(arena, 0).candidates
    moving = CANDIDATE_HEAP(arena, root).slot + 0
    while 2 * root + 1 < count:
        child = 2 * root + 1
        child_slot = CANDIDATE_HEAP(arena, child).slot + 0
        if child + 1 < count:
            right_slot = CANDIDATE_HEAP(arena, child + 1).slot + 0
            if is_candidate_before(arena, right_slot, child_slot):
                child += 1
                child_slot = right_slot
        if is_candidate_before(arena, moving, child_slot):
            break
        CANDIDATE_HEAP(arena, root).slot = child_slot
        root = child
    CANDIDATE_HEAP(arena, root).slot = moving
    return 0


@cold
def rank_candidates(arena):
    """Make the heap, once every candidate has its rank."""
    for k in range(ENGINE(arena, 0).candidates // 2 - 1, -1, -1):
        sift_ranked(arena, k)
    return 0


@cold
def pop_ranked(arena):
    """Take the first candidate off the heap and return it. It stays behind the heap's end: popped
    to the last, the places hold all candidates, the first at the end."""
    engine = ENGINE(arena, 0)
    first = CANDIDATE_HEAP(arena, 0).slot + 0
    engine.candidates -= 1
    CANDIDATE_HEAP(arena, 0).slot = CANDIDATE_HEAP(arena, engine.candidates).slot
    CANDIDATE_HEAP(arena, engine.candidates).slot = first
    if engine.candidates > 0:
        sift_ranked(arena, 0)
    return first
