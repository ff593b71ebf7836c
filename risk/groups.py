"""Accounts under common control (15.1): a group's members, and the one opened first, its lead.

A table of open addressing finds the lead by the group's id: two rows for every account there may
be, so a free row always ends a search. What a group has as a whole hangs on its lead.
"""

from engine.kernel import cold, kernel
from engine.schema.vocabulary import NONE
from engine.state.access import ACCOUNT, ACCOUNT_EXTRA, GROUP_LEAD
from engine.state.layout import GROUP_ROW_BITS, GROUP_ROWS

_SPREAD = 2_654_435_769  # 2^32 over the golden ratio: ids in sequence land far apart


@cold
def find_row(arena, group):
    """The row of the group's lead, or the free row where it would stand."""
    row = ((group * _SPREAD) & 0xFFFFFFFF) >> (32 - GROUP_ROW_BITS)
    while True:
        lead = GROUP_LEAD(arena, row).slot
        if lead == NONE or ACCOUNT(arena, lead).group == group:
            return row
        row = (row + 1) % GROUP_ROWS


@cold
def find_lead(arena, group):
    """The account of the group that was opened first, NONE when there is none."""
    return GROUP_LEAD(arena, find_row(arena, group)).slot


@cold
def join_group(arena, account):
    """Enter an account that has just been opened into its group, behind the others."""
    entry = GROUP_LEAD(arena, find_row(arena, ACCOUNT(arena, account).group))
    if entry.slot == NONE:
        entry.slot = account
    lead = entry.slot
    if lead != account:
        ACCOUNT_EXTRA(arena, ACCOUNT_EXTRA(arena, lead).group_tail).group_next = account
    ACCOUNT_EXTRA(arena, lead).group_tail = account
    ACCOUNT_EXTRA(arena, account).lead = lead
    return lead


@kernel
def lead_of(arena, account):
    return ACCOUNT_EXTRA(arena, account).lead + 0


@kernel
def next_member(arena, account):
    """The member opened next, NONE behind the last."""
    return ACCOUNT_EXTRA(arena, account).group_next + 0
