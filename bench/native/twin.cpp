// The hot path once more, in C++: what a careful team would write instead of compiled Python.
//
// It works on the arena's own bytes and must leave the same state and the same events: plain limit
// orders (GTC, IOC), cancels and sweeps with every check of the engine. Whatever leads off that
// path (other commands, due work, reduce-only, funding owed, cash below zero, suspects,
// liquidation) sets `is_outside`, and `run` answers with a negative count.
#include <algorithm>
#include <bit>
#include <cstdint>

#include "arena.hpp"

#define HOT [[gnu::always_inline]] inline
#define RARE [[gnu::noinline, gnu::cold]]

namespace {

using namespace lionrock;
using i64 = std::int64_t;
using u64 = std::uint64_t;
using std::max;
using std::min;

constexpr i64 NONE = word::NONE;
constexpr i64 FAR = prefetch::FAR;
constexpr i64 AHEAD = prefetch::AHEAD;
constexpr i64 NEAR = prefetch::NEAR;
constexpr i64 OPENED_AHEAD = prefetch::OPENED_AHEAD;
constexpr i64 SLOT_MASK = 0xFFFFFFFF;
constexpr i64 INLINE_POSITIONS = 4;
constexpr i64 WINDOW = 64;
constexpr i64 TRADED_VALUE_MAX = i64{1} << 60;

HOT i64 absolute(i64 number) { return number < 0 ? -number : number; }

// Money and rates that go in here are never negative: unsigned division by a constant is one
// multiplication and a shift.
HOT i64 rate_floor(i64 money, i64 rate_ppb) {
    constexpr u64 ppb = bound::PPB;
    const u64 whole = u64(money) / ppb;
    return i64(whole * u64(rate_ppb) + (u64(money) - whole * ppb) * u64(rate_ppb) / ppb);
}

HOT i64 rate_ceil(i64 money, i64 rate_ppb) {
    constexpr u64 ppb = bound::PPB;
    const u64 whole = u64(money) / ppb;
    const u64 rest = (u64(money) - whole * ppb) * u64(rate_ppb);
    return i64(whole * u64(rate_ppb) + (rest + (ppb - 1)) / ppb);
}

HOT i64 multiply_divide(i64 left, i64 right, i64 divisor) {
    i64 product;
    if (!__builtin_mul_overflow(left, right, &product)) [[likely]]
        return i64(u64(product) / u64(divisor));
    return i64(static_cast<unsigned __int128>(left) * u64(right) / u64(divisor));
}

HOT i64 multiply_divide_trunc(i64 number, i64 factor, i64 divisor) {
    return number >= 0 ? multiply_divide(number, factor, divisor)
                       : -multiply_divide(-number, factor, divisor);
}

HOT i64 ladder_of(i64 contract, i64 side) { return contract * 2 + side; }
HOT i64 key_of(i64 price_ticks, i64 side) { return price_ticks ^ (layout::KEY_MASK * (1 - side)); }

struct Margins {
    i64 initial;
    i64 maintenance;
};

// What an account is worth, walked over: equity, and maintenance beside one contract.
struct Walked {
    i64 equity;
    i64 beside;
};

struct Admission {
    i64 lots;
    i64 reserve;
    i64 loss_fee;
};

struct Aggressor {
    i64 contract, account, position, slot, side, group, mode;
    i64 leaves;
    Margins margins;  // of its position, which each fill changes
    i64 equity = 0, filled = 0, stop_reason = 0;
};

struct Maker {
    i64 slot, account, position, price_ticks;
    i64 equity = 0;
};

struct Fill {
    i64 asked_lots, edge;
    i64 lots = 0, fee = 0;
};

class Twin {
public:
    explicit Twin(char* base) : arena{base}, engine{arena.engine(0)} {}

    i64 run(const Command* commands, i64 count, i64 events_max) {
        i64 row = 0;
        while (row < count && engine.events < events_max) {
            look_ahead(commands, row, count);
            apply(commands[row]);
            if (is_outside) [[unlikely]] return -1 - row;
            ++row;
        }
        return row;
    }

protected:
    Arena arena;
    Engine& engine;
    bool is_outside = false;

    HOT void look_ahead(const Command* commands, i64 row, i64 count) {
        __builtin_prefetch(commands + row + FAR, 0, 3);
        if (row + AHEAD < count) prefetch_named(commands[row + AHEAD]);
        if constexpr (NEAR > 0)
            if (row + NEAR < count) prefetch_related(commands[row + NEAR]);
    }

    // ---- events

    HOT void emit(i64 kind, i64 contract, i64 account, i64 a, i64 b, i64 c, i64 d, i64 e, i64 f) {
        Event& event = arena.events(engine.events);
        event.sequence = engine.sequence;
        event.a = a;
        event.b = b;
        event.c = c;
        event.d = d;
        event.e = e;
        event.f = f;
        event.account = std::int32_t(account);
        event.contract = std::int16_t(contract);
        event.kind = std::int16_t(kind);
        ++engine.events;
    }

    HOT void emit_cancelled(i64 slot, i64 lots, i64 reason) {
        const Order& order = arena.orders(slot);
        emit(event::ORDER_CANCELLED, order.contract, order.account, order_id_of(order, slot),
             order.client_id, order.price_ticks, lots, reason, 0);
    }

    RARE void refuse(const Command& command, i64 code) {
        const bool is_place = command.kind == command::PLACE_ORDER;
        emit(event::REFUSED, is_place ? command.contract : 0, command.account, code, command.kind,
             command.client_id, is_place ? 0 : command.order_id, 0, 0);
    }

    // ---- levels

    HOT std::int32_t& directory_of(i64 ladder, i64 key) const {
        return arena.ladder_pages(ladder * layout::PAGES_PER_LADDER + (key >> 9)).slot;
    }

    HOT Level& level_of(i64 ladder, i64 key) const {
        return arena.levels((i64(directory_of(ladder, key)) << 9) | (key & 511));
    }

    HOT Level& open_level(i64 ladder, i64 key) {
        i64 page = directory_of(ladder, key);
        if (page == NONE) [[unlikely]] page = add_page(ladder, key);
        Level& level = arena.levels((page << 9) | (key & 511));
        if (level.head == NONE) add_level(ladder, page, key);
        return level;
    }

    [[gnu::noinline]] i64 add_page(i64 ladder, i64 key) {
        i64 page = engine.pages_free;
        if (page != NONE) {
            Level& first = arena.levels(page << 9);
            engine.pages_free = first.head;
            first.head = 0;
        } else {
            page = ++engine.pages_top;
        }
        directory_of(ladder, key) = std::int32_t(page);
        arena.ladder_groups(ladder * 64 + (key >> 15)).bits |= u64{1} << ((key >> 9) & 63);
        arena.ladders(ladder).groups |= u64{1} << (key >> 15);
        return page;
    }

    HOT void add_level(i64 ladder, i64 page, i64 key) {
        arena.page_words(page * 8 + ((key & 511) >> 6)).bits |= u64{1} << (key & 63);
        Ladder& side = arena.ladders(ladder);
        if (side.best_key == NONE || key < side.best_key) side.best_key = key;
    }

    i64 find_page_from(i64 ladder, i64 page) const {
        if (page >= layout::PAGES_PER_LADDER) return page;
        const u64 bits = arena.ladder_groups(ladder * 64 + (page >> 6)).bits >> (page & 63);
        if (bits != 0) return page + std::countr_zero(bits);
        if (page >> 6 == 63) return layout::PAGES_PER_LADDER;
        const u64 groups = arena.ladders(ladder).groups & (~u64{0} << ((page >> 6) + 1));
        if (groups == 0) return layout::PAGES_PER_LADDER;
        const i64 group = std::countr_zero(groups);
        return (group << 6) | std::countr_zero(arena.ladder_groups(ladder * 64 + group).bits);
    }

    // A level has gone and others of its word are left: of the best one, all behind it.
    HOT void leave_best(i64 ladder, i64 key, u64 bits) {
        Ladder& side = arena.ladders(ladder);
        if (side.best_key == key) side.best_key = (key >> 6 << 6) | std::countr_zero(bits);
    }

    HOT void drop_level(i64 ladder, i64 key, const Level& level) {
        const i64 page = (&level - &arena.levels(0)) >> 9;
        Word& word = arena.page_words(page * 8 + ((key & 511) >> 6));
        word.bits &= ~(u64{1} << (key & 63));
        if (word.bits != 0) leave_best(ladder, key, word.bits);
        else drop_word(ladder, page, key);
    }

    // Which of a page's words have a level, a bit each.
    HOT u64 words_of(i64 page) const {
        u64 words = 0;
        for (i64 k = 0; k < 8; ++k) words |= u64(arena.page_words(page * 8 + k).bits != 0) << k;
        return words;
    }

    HOT void drop_word(i64 ladder, i64 page, i64 key) {
        const u64 words = words_of(page);
        Ladder& side = arena.ladders(ladder);
        if (words == 0) [[unlikely]]
            drop_page(ladder, page, key);
        else if (side.best_key == key)
            side.best_key = (key >> 9 << 9) | first_of(page, words);
    }

    // The first key of a page that has levels in these words.
    HOT i64 first_of(i64 page, u64 words) const {
        const i64 word = std::countr_zero(words);
        return word << 6 | std::countr_zero(arena.page_words(page * 8 + word).bits);
    }

    // The best key in pages at or behind this one, NONE when there is none.
    i64 find_first_from(i64 ladder, i64 from) const {
        const i64 next = find_page_from(ladder, from);
        if (next == layout::PAGES_PER_LADDER) return NONE;
        const i64 page = directory_of(ladder, next << 9);
        return next << 9 | first_of(page, words_of(page));
    }

    [[gnu::noinline]] void drop_page(i64 ladder, i64 page, i64 key) {
        Ladder& side = arena.ladders(ladder);
        Word& group = arena.ladder_groups(ladder * 64 + (key >> 15));
        group.bits &= ~(u64{1} << ((key >> 9) & 63));
        if (group.bits == 0) side.groups &= ~(u64{1} << (key >> 15));
        arena.levels(page << 9).head = std::int32_t(engine.pages_free);
        engine.pages_free = page;
        directory_of(ladder, key) = 0;
        if (side.best_key == key) side.best_key = find_first_from(ladder, (key >> 9) + 1);
    }

    // ---- orders

    HOT static i64 order_id_of(const Order& order, i64 slot) {
        return (i64(order.generation) + 1) << 32 | slot;
    }

    HOT i64 take_order_slot() {
        i64 slot = engine.orders_free;
        if (slot != NONE) engine.orders_free = arena.orders(slot).next;
        else slot = ++engine.orders_top;
        ++engine.orders_live;
        return slot;
    }

    HOT void free_order_slot(Order& order, i64 slot) {
        order.lots = 0;
        ++order.generation;
        order.next = std::int32_t(engine.orders_free);
        engine.orders_free = slot;
        --engine.orders_live;
    }

    HOT void queue_order(Order& order, i64 slot) {
        const i64 ladder = ladder_of(order.contract, order.side);
        Level& level = open_level(ladder, key_of(order.price_ticks, order.side));
        const std::int32_t tail = level.tail;
        order.previous = tail;
        order.next = 0;
        if (tail == NONE) level.head = std::int32_t(slot);
        else arena.orders(tail).next = std::int32_t(slot);
        level.tail = std::int32_t(slot);
        level.lots += order.lots;
        Ladder& side = arena.ladders(ladder);
        side.lots += order.lots;
        ++side.orders;
    }

    HOT void unqueue_order(Order& order) {
        const i64 ladder = ladder_of(order.contract, order.side);
        const i64 key = key_of(order.price_ticks, order.side);
        Level& level = level_of(ladder, key);
        const std::int32_t behind = order.next, ahead = order.previous;
        if (ahead == NONE) level.head = behind;
        else arena.orders(ahead).next = behind;
        if (behind == NONE) level.tail = ahead;
        else arena.orders(behind).previous = ahead;
        level.lots -= order.lots;
        Ladder& side = arena.ladders(ladder);
        side.lots -= order.lots;
        --side.orders;
        if (level.head == NONE) drop_level(ladder, key, level);
    }

    // The first order of a level that has been found.
    HOT void unqueue_head(Order& order, i64 ladder, i64 key, Level& level) {
        const std::int32_t behind = order.next;
        level.head = behind;
        level.lots -= order.lots;
        Ladder& side = arena.ladders(ladder);
        side.lots -= order.lots;
        --side.orders;
        if (behind != NONE) {
            arena.orders(behind).previous = 0;
        } else {
            level.tail = 0;
            drop_level(ladder, key, level);
        }
    }

    HOT void shrink_head(Order& order, i64 ladder, Level& level, i64 lots) {
        level.lots -= lots;
        arena.ladders(ladder).lots -= lots;
        order.lots -= std::int32_t(lots);
    }

    HOT void note_partial_fill(Order& order, i64 slot, i64 lots) {
        OrderExtra& extra = arena.order_extras(slot);
        if (order.flags & layout::PARTLY_FILLED) {
            extra.lots_filled += std::int32_t(lots);
        } else {
            order.flags |= layout::PARTLY_FILLED;
            extra.lots_filled = std::int32_t(lots);
        }
    }

    HOT void list_order(Order& order, i64 slot) {
        Position& position = arena.positions(order.position);
        const std::int32_t own = std::int32_t(slot), head = position.order_head;
        if (head == NONE) {
            position.order_head = order.account_next = order.account_previous = own;
            return;
        }
        Order& first = arena.orders(head);
        const std::int32_t tail = first.account_previous;
        arena.orders(tail).account_next = own;
        first.account_previous = own;
        order.account_previous = tail;
        order.account_next = head;
    }

    HOT void unlist_order(Order& order, i64 slot) {
        Position& position = arena.positions(order.position);
        const std::int32_t behind = order.account_next, ahead = order.account_previous;
        if (behind == slot) {
            position.order_head = 0;
            return;
        }
        arena.orders(ahead).account_next = behind;
        arena.orders(behind).account_previous = ahead;
        if (position.order_head == slot) position.order_head = behind;
    }

    HOT void rest_order(Order& order, i64 slot) {
        queue_order(order, slot);
        list_order(order, slot);
        ++arena.accounts(order.account).orders;
    }

    HOT void unrest_order(Order& order, i64 slot) {
        unqueue_order(order);
        unlist_order(order, slot);
        --arena.accounts(order.account).orders;
    }

    HOT bool would_trade(i64 contract, i64 side, i64 price_ticks) const {
        const i64 opposite = word::SELL - side;
        const i64 best_key = arena.ladders(ladder_of(contract, opposite)).best_key;
        return best_key != NONE && best_key <= key_of(price_ticks, opposite);
    }

    // ---- reserves

    HOT void apply_reserve(Order& order, Position& held, const Admission& admission) {
        order.reserve = admission.reserve;
        order.loss_fee = admission.loss_fee;
        held.loss_fee += admission.loss_fee;
        add_requirement(order.account, admission.reserve + admission.loss_fee);
        (&held.lots_buy)[order.side] += order.lots;
        (&held.reserve_buy)[order.side] += admission.reserve;
    }

    HOT void release_reserve(Order& order, i64 lots) {
        Position& held = arena.positions(order.position);
        i64 reserve = order.reserve, loss_fee = order.loss_fee;
        if (lots != order.lots) {
            reserve = multiply_divide(reserve, lots, order.lots);
            loss_fee = multiply_divide(loss_fee, lots, order.lots);
        }
        order.reserve -= reserve;
        order.loss_fee -= loss_fee;
        held.loss_fee -= loss_fee;
        add_requirement(order.account, -(reserve + loss_fee));
        (&held.lots_buy)[order.side] -= std::int32_t(lots);
        (&held.reserve_buy)[order.side] -= reserve;
    }

    // ---- accounts and margin

    // The account's positions in order of first use, each with its contract.
    template <class Visit>
    HOT void each_position(const Account& account, Visit visit) const {
        const std::int32_t* slots = &account.position_1;
        u64 contracts = account.contracts;
        for (i64 k = 0; k < INLINE_POSITIONS; ++k, contracts >>= 16) {
            if (slots[k] == NONE) return;
            visit(arena.positions(slots[k]), i64(contracts & 0xFFFF));
        }
        for (i64 slot = account.chain; slot != NONE;) {
            const PositionExtra& extra = arena.position_extras(slot);
            visit(arena.positions(slot), i64(extra.contract));
            slot = extra.chain_next;
        }
    }

    HOT i64 find_inline_position(const Account& account, i64 contract) const {
        constexpr u64 lanes = 0x0001'0001'0001'0001;
        const u64 differences = account.contracts ^ u64(contract) * lanes;
        const u64 zeros = (differences - lanes) & ~differences & lanes << 15;
        const i64 lane = std::countr_zero(zeros | u64{1} << 63) >> 4;
        return (&account.position_1)[lane] * i64(zeros != 0);
    }

    HOT i64 find_position(const Account& account, i64 contract) const {
        if (const i64 inlined = find_inline_position(account, contract); inlined != NONE)
            return inlined;
        i64 slot = account.chain;
        while (slot != NONE && arena.position_extras(slot).contract != contract)
            slot = arena.position_extras(slot).chain_next;
        return slot;
    }

    RARE i64 open_position(i64 account, i64 contract) {
        const i64 slot = ++engine.positions_top;
        __builtin_prefetch(&arena.positions(slot + OPENED_AHEAD), 0, 3);
        __builtin_prefetch(&arena.position_extras(slot + OPENED_AHEAD), 0, 3);
        arena.positions(slot).account = std::int32_t(account);
        arena.position_extras(slot).contract = std::int32_t(contract);
        Account& record = arena.accounts(account);
        std::int32_t* slots = &record.position_1;
        for (i64 k = 0; k < INLINE_POSITIONS; ++k) {
            if (((record.contracts >> (16 * k)) & 0xFFFF) == 0) {
                record.contracts |= u64(contract) << (16 * k);
                slots[k] = std::int32_t(slot);
                return slot;
            }
        }
        AccountExtra& extra = arena.account_extras(account);
        if (record.chain == NONE) record.chain = std::int32_t(slot);
        else arena.position_extras(extra.chain_tail).chain_next = std::int32_t(slot);
        extra.chain_tail = std::int32_t(slot);
        return slot;
    }

    RARE void add_holder(i64 contract, i64 position) {
        Contract& terms = arena.contracts(contract);
        arena.holders(contract * layout::ACCOUNT_ROWS + terms.holders).slot =
            std::int32_t(position);
        arena.position_extras(position).holder = std::int32_t(++terms.holders);
    }

    RARE void remove_holder(i64 contract, i64 position) {
        Contract& terms = arena.contracts(contract);
        PositionExtra& extra = arena.position_extras(position);
        Slot* holders = &arena.holders(contract * layout::ACCOUNT_ROWS);
        Band* bands = &arena.bands(contract * layout::ACCOUNT_ROWS);
        const std::int32_t last = holders[--terms.holders].slot;
        holders[extra.holder - 1].slot = last;
        bands[extra.holder - 1] = bands[terms.holders];
        bands[terms.holders] = Band{};
        arena.position_extras(last).holder = extra.holder;
        extra.holder = 0;
    }

    HOT const Tier& tier_of(const Contract& terms, i64 contract, i64 notional) const {
        const Tier* tier = &arena.tiers(contract * bound::TIERS_MAX);
        for (i64 k = 1; k < terms.tiers && tier[1].floor_value <= notional; ++k) ++tier;
        return *tier;
    }

    HOT static i64 notional_of(const Contract& terms, i64 lots) {
        return absolute(lots) * terms.mark_size;
    }

    HOT i64 maintenance_of(i64 contract, i64 lots) const {
        const Contract& terms = arena.contracts(contract);
        const i64 notional = notional_of(terms, lots);
        const Tier& tier = tier_of(terms, contract, notional);
        return rate_ceil(notional, tier.rate_maintenance_ppb) - tier.deduction_maintenance;
    }

    HOT i64 initial_of(const Contract& terms, i64 contract, i64 lots) const {
        if (lots == 0) return 0;
        const i64 notional = notional_of(terms, lots);
        const Tier& tier = tier_of(terms, contract, notional);
        return rate_ceil(notional, tier.rate_initial_ppb) - tier.deduction_initial;
    }

    HOT static i64 profit_of(const Contract& terms, const Position& held) {
        const i64 owed = held.lots * (terms.funding_index - held.funding_index);
        return held.lots * terms.mark_value - held.entry_value - owed;
    }

    HOT static i64 need_of(i64 lots, i64 margin, i64 reserve_buy, i64 reserve_sell) {
        if (lots > 0) return max(margin + reserve_buy, reserve_sell - margin);
        if (lots < 0) return max(margin + reserve_sell, reserve_buy - margin);
        return max(reserve_buy, reserve_sell);
    }

    HOT Margins margins_of(const Contract& terms, i64 contract, i64 lots) const {
        const i64 notional = notional_of(terms, lots);
        const Tier& tier = tier_of(terms, contract, notional);
        return {rate_ceil(notional, tier.rate_initial_ppb) - tier.deduction_initial,
                rate_ceil(notional, tier.rate_maintenance_ppb) - tier.deduction_maintenance};
    }

    HOT Margins margins_of_position(const Contract& terms, i64 contract, i64 position) const {
        return margins_of(terms, contract, arena.positions(position).lots);
    }

    // Equity, and the maintenance of the positions beside one contract.
    RARE Walked value_beside(i64 account, i64 contract) const {
        const Account& record = arena.accounts(account);
        Walked walked{record.cash, 0};
        each_position(record, [&](const Position& held, i64 other) {
            if (held.lots == 0) return;
            walked.equity += profit_of(arena.contracts(other), held);
            if (other != contract) walked.beside += maintenance_of(other, held.lots);
        });
        return walked;
    }

    // Whether equity covers the initial margin of all contracts with their orders, and `added`.
    RARE bool covers_requirement(const Account& record, i64 added) const {
        i64 equity = record.cash, requirement = 0;
        each_position(record, [&](const Position& held, i64 contract) {
            i64 margin = 0;
            if (held.lots != 0) {
                const Contract& terms = arena.contracts(contract);
                equity += profit_of(terms, held);
                margin = initial_of(terms, contract, held.lots);
            }
            requirement += held.loss_fee;
            requirement += need_of(held.lots, margin, held.reserve_buy, held.reserve_sell);
        });
        return equity >= requirement + added;
    }

    // ---- what an account is worth, kept from command to command

    HOT bool is_kept(i64 account) const {
        return arena.worths(account).valuation == engine.valuation + 1;
    }

    [[gnu::noinline]] void keep_worth(i64 account) {
        const Account& record = arena.accounts(account);
        Worth kept{engine.valuation + 1, record.cash, 0, 0};
        each_position(record, [&](const Position& held, i64 contract) {
            kept.requirement += held.loss_fee + held.reserve_buy + held.reserve_sell;
            if (held.lots == 0) return;
            const Contract& terms = arena.contracts(contract);
            if (terms.limits != 0) is_outside = true;
            const Margins margins = margins_of(terms, contract, held.lots);
            kept.requirement += margins.initial;
            kept.maintenance += margins.maintenance;
            kept.equity += profit_of(terms, held);
        });
        arena.worths(account) = kept;
    }

    HOT const Worth& worth_of(i64 account) {
        if (arena.accounts(account).flags & (layout::HOLDS_COLLATERAL | layout::PORTFOLIO))
            is_outside = true;
        if (!is_kept(account)) keep_worth(account);
        return arena.worths(account);
    }

    HOT void add_requirement(i64 account, i64 amount) {
        if (is_kept(account)) arena.worths(account).requirement += amount;
    }

    // Of a position that had `before` lots and these margins, which it changes; `gained` came to
    // cash less what came to the entry value.
    HOT void change_position(const Contract& terms, i64 contract, const Position& held, i64 before,
                             i64 gained, Margins& margins) {
        const Margins old = margins;
        margins = margins_of(terms, contract, held.lots);
        if (!is_kept(held.account)) return;
        Worth& worth = arena.worths(held.account);
        worth.equity += (held.lots - before) * terms.mark_value + gained;
        worth.requirement += margins.initial - old.initial;
        worth.maintenance += margins.maintenance - old.maintenance;
    }

    // ---- admission

    HOT i64 check_client(i64 account, i64 client_id) {
        if (account < word::CLIENT_FIRST || account > bound::ACCOUNTS_MAX)
            return refusal::ACCOUNT_UNKNOWN;
        Account& record = arena.accounts(account);
        if (record.group == 0) return refusal::ACCOUNT_UNKNOWN;
        if (arena.pool(0).messages_max != 0) is_outside = true;
        if (client_id < 1 || client_id > bound::CLIENT_ID_MAX)
            return refusal::CLIENT_ID_NOT_POSITIVE;
        const i64 ahead = client_id - record.client_id_highest;
        if (ahead > 0) [[likely]] {
            record.client_ids = ahead < WINDOW ? record.client_ids << ahead | 1 : 1;
            record.client_id_highest = client_id;
            return refusal::OK;
        }
        if (ahead <= -WINDOW) return refusal::CLIENT_ID_TOO_OLD;
        if (record.client_ids >> -ahead & 1) return refusal::CLIENT_ID_DUPLICATE;
        record.client_ids |= u64{1} << -ahead;
        return refusal::OK;
    }

    HOT i64 check_shape(const Command& command) const {
        if (command.contract < 1 || command.contract > engine.contracts)
            return refusal::CONTRACT_UNKNOWN;
        if (command.order_type < word::LIMIT || command.order_type > word::TRAILING_MARKET)
            return refusal::ORDER_TYPE_INVALID;
        if (command.side != word::BUY && command.side != word::SELL) return refusal::SIDE_INVALID;
        const bool is_immediate = command.tif == word::IOC || command.tif == word::FOK;
        if (command.tif < 0 || command.tif > word::DAY) return refusal::TIF_INVALID;
        if (command.order_type == word::MARKET && !is_immediate) return refusal::TIF_INVALID;
        if ((command.flags & ~word::FLAGS_CLIENT) != 0) return refusal::FLAGS_INVALID;
        if ((command.flags & word::POST_ONLY) != 0 && is_immediate) return refusal::FLAGS_INVALID;
        if (command.stp < 0 || command.stp > word::STP_NONE) return refusal::STP_INVALID;
        if (command.stp == word::STP_NONE &&
            arena.contracts(command.contract).stp_none_allowed == 0)
            return refusal::STP_INVALID;
        return refusal::OK;
    }

    HOT i64 check_price(const Contract& terms, i64 price_ticks) const {
        if (price_ticks < terms.price_ticks_min)
            return price_ticks < 1 ? refusal::PRICE_NOT_POSITIVE : refusal::PRICE_BELOW_MIN;
        if (price_ticks > terms.price_ticks_max) return refusal::PRICE_ABOVE_MAX;
        if (price_ticks < terms.band_low_ticks || price_ticks > terms.band_high_ticks)
            return refusal::PRICE_OUTSIDE_BAND;
        return refusal::OK;
    }

    HOT i64 check_limits(const Contract& terms, const Position& held, i64 contract, i64 side,
                         i64 lots) const {
        const i64 working = side == word::BUY ? held.lots_buy : held.lots_sell;
        const i64 signed_lots = side == word::BUY ? held.lots : -held.lots;
        if (max(signed_lots, i64{0}) + working + lots > terms.position_lots_max)
            return refusal::POSITION_LIMIT;
        const Ladder& ladder = arena.ladders(ladder_of(contract, side));
        const i64 resting = ladder.lots + ladder.lots_hidden;
        if (terms.long_lots + resting + lots > terms.open_interest_lots_max)
            return refusal::OPEN_INTEREST_LIMIT;
        return refusal::OK;
    }

    HOT bool has_room(i64 position) const {
        return engine.orders_live < bound::ORDERS_MAX - bound::POSITIONS_MAX - 1 &&
               (engine.pages_free != NONE || engine.pages_top < bound::PAGES_MAX) &&
               (position != NONE || engine.positions_top < bound::POSITIONS_MAX);
    }

    HOT i64 check_margin(const Contract& terms, const Account& record, const Position& held,
                         const Command& command, bool reduces, Admission& admission) {
        const bool is_buy = command.side == word::BUY;
        const i64 contract = command.contract, lots = command.lots, price = command.price_ticks;
        const i64 buys = i64(held.lots_buy) + (is_buy ? lots : 0);
        const i64 sells = i64(held.lots_sell) + (is_buy ? 0 : lots);
        const i64 worst = max(absolute(held.lots + buys), absolute(held.lots - sells));
        const i64 valued_ticks = is_buy ? price : max(price, terms.mark_ticks);
        const i64 value = lots * valued_ticks * terms.tick_value;
        const Tier& tier = tier_of(terms, contract, notional_of(terms, worst));
        const i64 worse_ticks = is_buy ? price - terms.mark_ticks : terms.mark_ticks - price;
        const i64 loss = lots * max(worse_ticks, i64{0}) * terms.tick_value;
        admission.lots = lots;
        admission.reserve = rate_ceil(value, tier.rate_initial_ppb);
        admission.loss_fee = loss + rate_ceil(value, terms.fee_worst_ppb);
        const Worth& worth = worth_of(command.account);
        if (worth.equity >= worth.requirement + admission.reserve + admission.loss_fee) [[likely]]
            return refusal::OK;
        return check_need(terms, record, held, command, reduces, admission);
    }

    RARE i64 check_need(const Contract& terms, const Account& record, const Position& held,
                        const Command& command, bool reduces, const Admission& admission) const {
        const bool is_buy = command.side == word::BUY;
        const i64 margin = initial_of(terms, command.contract, held.lots);
        const i64 before = need_of(held.lots, margin, held.reserve_buy, held.reserve_sell);
        const i64 after = need_of(held.lots, margin,
                                  held.reserve_buy + (is_buy ? admission.reserve : 0),
                                  held.reserve_sell + (is_buy ? 0 : admission.reserve));
        if (after - before + (reduces ? 0 : admission.loss_fee) <= 0) return refusal::OK;
        return covers_requirement(record, after - before + admission.loss_fee)
                   ? refusal::OK
                   : refusal::MARGIN_INSUFFICIENT;
    }

    HOT i64 check_order(const Command& command, const Contract& terms, const Account& record,
                        i64 position, Admission& admission) {
        if (terms.state == word::STATE_FROZEN) return refusal::CONTRACT_FROZEN;
        const i64 standing =
            record.flags & (layout::LIQUIDATING | layout::STOPPED | layout::GROUP_STOPPED);
        if ((standing | terms.stopped) != 0) is_outside = true;
        if (const i64 code = check_price(terms, command.price_ticks)) return code;
        if (terms.state != word::STATE_CONTINUOUS || (terms.limits | terms.contract_value) != 0)
            is_outside = true;
        const Position& held = arena.positions(position);
        const bool is_buy = command.side == word::BUY;
        const i64 working = is_buy ? held.lots_buy : held.lots_sell;
        const i64 closable = is_buy ? -i64(held.lots) : held.lots;
        const bool reduces = closable > 0 && working + command.lots <= closable;
        if (!reduces) {
            const i64 code =
                check_limits(terms, held, command.contract, command.side, command.lots);
            if (code != refusal::OK) return code;
        }
        if (command.tif == word::GTC) {
            if (record.orders >= arena.pool(0).orders_account_max) return refusal::ORDERS_LIMIT;
        }
        if (!has_room(position)) return refusal::POOL_FULL;
        return check_margin(terms, record, held, command, reduces, admission);
    }

    // ---- settlement

    HOT void apply_lots(Contract& terms, Position& held, i64 before, i64 after) {
        held.lots = std::int32_t(after);
        terms.long_lots += max(after, i64{0}) - max(before, i64{0});
        terms.short_lots += max(-after, i64{0}) - max(-before, i64{0});
    }

    HOT void apply_entry(Pool& pool, Position& held, i64 amount) {
        held.entry_value += amount;
        pool.entry_total += amount;
    }

    HOT i64 realise(Contract& terms, i64 contract, i64 position, Position& held, i64 side,
                    i64 lots, i64 value) {
        Pool& pool = arena.pool(0);
        const bool is_buy = side == word::BUY;
        const i64 before = held.lots, after = before + (is_buy ? lots : -lots);
        apply_lots(terms, held, before, after);
        if (before == 0) {
            held.funding_index = terms.funding_index;
            add_holder(contract, position);
        } else if (after == 0) {
            remove_holder(contract, position);
        }
        if (before == 0 || (before > 0) == is_buy) {
            apply_entry(pool, held, is_buy ? value : -value);
            return 0;
        }
        const i64 open = absolute(before), closed = min(lots, open);
        i64 part = held.entry_value, closed_value = value;
        if (closed != open) part = multiply_divide_trunc(part, closed, open);
        if (closed != lots) closed_value = multiply_divide(value, closed, lots);
        const i64 opened_value = value - closed_value;
        apply_entry(pool, held, (is_buy ? opened_value : -opened_value) - part);
        return (is_buy ? -closed_value : closed_value) - part;
    }

    // The account's mark bands are void: it is valued before the next scan.
    HOT void note_dirty(Account& record, i64 account) {
        if (record.flags & layout::DIRTY) return;
        record.flags |= layout::DIRTY;
        arena.dirty_accounts(engine.dirty++).slot = std::int32_t(account);
    }

    HOT void settle_side(Contract& terms, i64 contract, i64 account, i64 position, i64 order_id,
                         i64 side, i64 lots, i64 value, i64 fee, Margins& margins) {
        Position& held = arena.positions(position);
        if (held.lots != 0 && held.funding_index != terms.funding_index) is_outside = true;
        const i64 before = held.lots, entry_before = held.entry_value;
        const i64 realised = realise(terms, contract, position, held, side, lots, value);
        const i64 gained = realised - fee - (held.entry_value - entry_before);
        change_position(terms, contract, held, before, gained, margins);
        Account& record = arena.accounts(account);
        Pool& pool = arena.pool(0);
        record.cash += realised - fee;
        pool.cash_total += realised - fee;
        note_dirty(record, account);
        pool.fees += fee;
        emit(event::LEG, contract, account, order_id, held.lots, held.entry_value, fee, realised,
             record.cash);
        if (record.cash < 0) is_outside = true;
    }

    HOT static i64 taker_fee_of(const Contract& terms, i64 value, i64 equity) {
        return min(rate_ceil(value, terms.fee_taker_ppb), max(equity, i64{0}));
    }

    HOT static i64 maker_fee_of(const Contract& terms, i64 value, i64 equity, i64 taker_fee) {
        if (terms.fee_maker_ppb < 0)
            return -min(rate_floor(value, -terms.fee_maker_ppb), taker_fee);
        return min(rate_ceil(value, terms.fee_maker_ppb), max(equity, i64{0}));
    }

    // ---- the sweep

    HOT void cancel_resting(Order& order, i64 slot, i64 reason) {
        const i64 lots = order.lots;
        emit_cancelled(slot, lots, reason);
        if (order.flags & (word::REDUCE_ONLY | layout::EXTRA)) is_outside = true;
        release_reserve(order, lots);
        unrest_order(order, slot);
        free_order_slot(order, slot);
    }

    // While this order is filled, the lines of who may be filled next come.
    HOT void prefetch_next_maker(const Order& order) const {
        const Order& next = arena.orders(order.next);
        prefetch_account(next.account);
        __builtin_prefetch(&arena.positions(next.position), 0, 3);
        __builtin_prefetch(&arena.position_extras(next.position), 0, 3);
        __builtin_prefetch(&arena.orders(next.next), 0, 3);
    }

    RARE bool prevent_self_trade(const Aggressor& aggressor, const Maker& maker) {
        if (aggressor.mode == word::STP_CANCEL_NEWEST) return true;
        if (aggressor.mode == word::STP_DECREMENT) {
            is_outside = true;
            return true;
        }
        cancel_resting(arena.orders(maker.slot), maker.slot, word::CANCEL_SELF_TRADE);
        return aggressor.mode == word::STP_CANCEL_BOTH;
    }

    RARE bool is_maker_beyond_slippage(const Contract& terms, const Aggressor& aggressor,
                                       const Maker& maker, const Fill& fill) const {
        const i64 value = fill.asked_lots * maker.price_ticks * terms.tick_value;
        i64 equity = maker.equity - fill.asked_lots * fill.edge;
        equity -= maker_fee_of(terms, value, equity, rate_ceil(value, terms.fee_taker_ppb));
        const i64 change = aggressor.side == word::BUY ? -fill.asked_lots : fill.asked_lots;
        const i64 lots = arena.positions(maker.position).lots + change;
        const Walked walked = value_beside(maker.account, aggressor.contract);
        return equity < walked.beside + maintenance_of(aggressor.contract, lots);
    }

    HOT i64 check_maker(const Contract& terms, const Aggressor& aggressor, const Maker& maker,
                        const Fill& fill) const {
        if (maker.equity - fill.asked_lots * fill.edge < 0) [[unlikely]]
            return word::CANCEL_SOLVENCY;
        if (fill.edge > terms.slip_value) [[unlikely]]
            if (is_maker_beyond_slippage(terms, aggressor, maker, fill))
                return word::CANCEL_SLIPPAGE;
        return 0;
    }

    HOT i64 check_aggressor(const Contract& terms, const Aggressor& aggressor, const Maker& maker,
                            Fill& fill) const {
        i64 lots = fill.asked_lots;
        // a product instead of a division: it is cut only when the whole fill can't be borne
        if (fill.edge < 0 && aggressor.equity < lots * -fill.edge) [[unlikely]] {
            lots = aggressor.equity >= 0 ? aggressor.equity / -fill.edge : -1;
            if (lots <= 0) return word::CANCEL_SOLVENCY;
        }
        const i64 value = lots * maker.price_ticks * terms.tick_value;
        i64 equity = aggressor.equity + lots * fill.edge;
        fill.fee = taker_fee_of(terms, value, equity);
        equity -= fill.fee;
        if (-fill.edge > terms.slip_value) [[unlikely]] {
            const i64 change = aggressor.side == word::BUY ? lots : -lots;
            const i64 after = arena.positions(aggressor.position).lots + change;
            const Walked walked = value_beside(aggressor.account, aggressor.contract);
            if (equity < walked.beside + maintenance_of(aggressor.contract, after))
                return word::CANCEL_SLIPPAGE;
        }
        fill.lots = lots;
        return 0;
    }

    HOT void take_from_orders(Contract& terms, Order& own, i64 own_id, const Aggressor& aggressor,
                              const Maker& maker, const Fill& fill, i64 value, i64 ladder, i64 key,
                              Level& level) {
        Order& order = arena.orders(maker.slot);
        emit(event::TRADE, aggressor.contract, 0, maker.price_ticks, fill.lots, own_id,
             order_id_of(order, maker.slot), aggressor.side, 0);
        terms.last_trade_ticks = order.price_ticks;
        if (terms.armed_last > 0) is_outside = true;
        if (terms.traded_value <= TRADED_VALUE_MAX) {
            terms.traded_lots += fill.lots;
            terms.traded_value += value;
        }
        if (order.flags & (word::REDUCE_ONLY | layout::EXTRA)) is_outside = true;
        release_reserve(order, fill.lots);
        if (fill.lots == order.lots) {
            unqueue_head(order, ladder, key, level);
            unlist_order(order, maker.slot);
            --arena.accounts(order.account).orders;
            free_order_slot(order, maker.slot);
        } else {
            shrink_head(order, ladder, level, fill.lots);
            note_partial_fill(order, maker.slot, fill.lots);
        }
        release_reserve(own, fill.lots);
        own.lots -= std::int32_t(fill.lots);
    }

    HOT void settle_fill(Contract& terms, Aggressor& aggressor, Maker& maker, const Fill& fill,
                         i64 own_id, i64 maker_order_id, i64 value) {
        settle_side(terms, aggressor.contract, aggressor.account, aggressor.position, own_id,
                    aggressor.side, fill.lots, value, fill.fee, aggressor.margins);
        aggressor.equity += fill.lots * fill.edge - fill.fee;
        const bool is_own = maker.account == aggressor.account;
        if (is_own) maker.equity = aggressor.equity;
        maker.equity -= fill.lots * fill.edge;
        const i64 fee = maker_fee_of(terms, value, maker.equity, fill.fee);
        maker.equity -= fee;
        Margins margins = margins_of_position(terms, aggressor.contract, maker.position);
        settle_side(terms, aggressor.contract, maker.account, maker.position, maker_order_id,
                    word::SELL - aggressor.side, fill.lots, value, fee, margins);
        if (is_own) {
            aggressor.equity = maker.equity;
            aggressor.margins = margins;
        }
    }

    // Reduce-only upkeep and maintenance of both sides: on the plain path nobody is concerned.
    HOT void look_after(const Aggressor& aggressor, const Maker& maker) {
        const Position& own = arena.positions(aggressor.position);
        const Position& other = arena.positions(maker.position);
        if ((own.lots_reduce_only | other.lots_reduce_only) != 0) is_outside = true;
        if (aggressor.equity < worth_of(aggressor.account).maintenance) is_outside = true;
        if (maker.equity < worth_of(maker.account).maintenance) is_outside = true;
        if (arena.accounts(maker.account).flags & layout::LIQUIDATING) is_outside = true;
    }

    [[gnu::noinline]] void sweep(Aggressor& aggressor, i64 limit_ticks) {
        Contract& terms = arena.contracts(aggressor.contract);
        Order& own = arena.orders(aggressor.slot);
        const i64 own_id = order_id_of(own, aggressor.slot);
        const i64 maker_side = word::SELL - aggressor.side;
        const i64 ladder = ladder_of(aggressor.contract, maker_side);
        const i64 limit_key = key_of(limit_ticks, maker_side);
        aggressor.equity = worth_of(aggressor.account).equity;
        while (aggressor.leaves > 0 && !is_outside) {
            const i64 key = arena.ladders(ladder).best_key;
            if (key == NONE || key > limit_key) break;
            Level& level = level_of(ladder, key);
            const i64 slot = level.head;
            Order& order = arena.orders(slot);
            Maker maker{slot, order.account, order.position, order.price_ticks};
            if (arena.accounts(maker.account).group == aggressor.group &&
                aggressor.mode != word::STP_NONE) [[unlikely]] {
                if (!prevent_self_trade(aggressor, maker)) continue;
                aggressor.stop_reason = word::CANCEL_SELF_TRADE;
                break;
            }
            prefetch_next_maker(order);
            if (aggressor.leaves < order.lots) __builtin_prefetch(&arena.order_extras(slot), 0, 3);
            maker.equity = worth_of(maker.account).equity;
            const i64 edge = (terms.mark_ticks - maker.price_ticks) * terms.tick_value;
            Fill fill{.asked_lots = min(aggressor.leaves, i64(order.lots)),
                      .edge = aggressor.side == word::BUY ? edge : -edge};
            if (const i64 reason = check_maker(terms, aggressor, maker, fill)) [[unlikely]] {
                cancel_resting(order, maker.slot, reason);
                continue;
            }
            aggressor.stop_reason = check_aggressor(terms, aggressor, maker, fill);
            if (aggressor.stop_reason != 0) [[unlikely]] break;
            const i64 maker_order_id = order_id_of(order, maker.slot);
            const i64 value = fill.lots * maker.price_ticks * terms.tick_value;
            take_from_orders(terms, own, own_id, aggressor, maker, fill, value, ladder, key, level);
            settle_fill(terms, aggressor, maker, fill, own_id, maker_order_id, value);
            look_after(aggressor, maker);
            aggressor.leaves -= fill.lots;
            aggressor.filled += fill.lots;
            if (fill.lots < fill.asked_lots) [[unlikely]] {
                aggressor.stop_reason = word::CANCEL_SOLVENCY;
                break;
            }
        }
    }

    // ---- commands

    void end_aggressor(Order& order, i64 slot, i64 reason) {
        emit_cancelled(slot, order.lots, reason);
        release_reserve(order, order.lots);
        free_order_slot(order, slot);
    }

    [[gnu::noinline]] void work_aggressor(Order& order, i64 slot, const Command& command) {
        const Contract& terms = arena.contracts(command.contract);
        if (terms.band_dynamic_ppb != 0 || terms.band_set_high_ticks != 0) is_outside = true;
        Aggressor aggressor{
            .contract = command.contract, .account = command.account, .position = order.position,
            .slot = slot, .side = command.side, .group = arena.accounts(command.account).group,
            .mode = command.stp, .leaves = order.lots,
            .margins = margins_of_position(terms, command.contract, order.position)};
        sweep(aggressor, command.price_ticks);
        if (aggressor.leaves == 0) return free_order_slot(order, slot);
        if (aggressor.stop_reason != 0) return end_aggressor(order, slot, aggressor.stop_reason);
        if (command.tif != word::GTC) return end_aggressor(order, slot, word::CANCEL_IOC);
        if (aggressor.filled > 0) note_partial_fill(order, slot, aggressor.filled);
        rest_order(order, slot);
    }

    HOT i64 place(const Command& command) {
        if (const i64 code = check_client(command.account, command.client_id)) return code;
        if (const i64 code = check_shape(command)) return code;
        // The bytes beside a plain order's: link, expiry, display, trigger, session.
        const i64 special = command.order_id | command.amount | command.price_ticks_2 |
                            command.price_ticks_3 | command.contract_2 | command.contract_3;
        if (command.order_type != word::LIMIT || command.tif >= word::FOK || command.flags != 0 ||
            special != 0) [[unlikely]] {
            is_outside = true;
            return refusal::OK;
        }
        const Contract& terms = arena.contracts(command.contract);
        if (command.lots < 1) return refusal::LOTS_NOT_POSITIVE;
        if (command.lots > terms.order_lots_max) return refusal::LOTS_ABOVE_MAX;
        if (command.lots < terms.order_lots_min) return refusal::LOTS_BELOW_MIN;
        const Account& record = arena.accounts(command.account);
        i64 position = find_position(record, command.contract);
        __builtin_prefetch(&arena.orders(arena.positions(position).order_head), 0, 3);
        Admission admission{};
        if (const i64 code = check_order(command, terms, record, position, admission)) return code;
        // From here the order is accepted; nothing below may refuse.
        if (position == NONE) [[unlikely]]
            position = open_position(command.account, command.contract);
        const i64 slot = take_order_slot();
        Order& order = arena.orders(slot);
        order.client_id = command.client_id;
        order.price_ticks = command.price_ticks;
        order.lots = command.lots;
        order.account = command.account;
        order.position = std::int32_t(position);
        order.contract = command.contract;
        order.side = command.side;
        order.flags = std::int8_t(command.stp << layout::STP_SHIFT);
        apply_reserve(order, arena.positions(position), admission);
        const i64 terms_word =
            command.order_type | command.tif << 8 | command.flags << 16 | command.stp << 24;
        emit(event::ORDER_ACCEPTED, command.contract, command.account, order_id_of(order, slot),
             command.client_id, command.price_ticks, command.lots, command.side, terms_word);
        if (command.tif != word::GTC ||
            would_trade(command.contract, command.side, command.price_ticks))
            work_aggressor(order, slot, command);
        else
            rest_order(order, slot);
        return refusal::OK;
    }

    HOT i64 cancel(const Command& command) {
        if (const i64 code = check_client(command.account, command.client_id)) return code;
        const i64 slot = command.order_id & SLOT_MASK;
        if (command.order_id <= 0 || slot > engine.orders_top) return refusal::ORDER_UNKNOWN;
        Order& order = arena.orders(slot);
        if (order.account != command.account || order.lots == 0 ||
            order.generation + i64{1} != command.order_id >> 32)
            return refusal::ORDER_UNKNOWN;
        cancel_resting(order, slot, word::CANCEL_CLIENT);
        return refusal::OK;
    }

    HOT void prefetch_account(i64 account) const {
        __builtin_prefetch(&arena.accounts(account), 0, 3);
        __builtin_prefetch(&arena.worths(account), 0, 3);
    }

    // The first stage: the lines that the command itself names, whatever its kind. Ids that are
    // none stay inside the arena.
    HOT void prefetch_named(const Command& command) const {
        prefetch_account(account_named(command));
        __builtin_prefetch(&arena.orders(slot_named(command)), 0, 3);
    }

    HOT static i64 account_named(const Command& command) {
        return u64(command.account) <= u64(bound::ACCOUNTS_MAX) ? command.account : 0;
    }

    // Of the order that it cancels, the nil one of a new one.
    HOT static i64 slot_named(const Command& command) {
        return min(command.order_id & SLOT_MASK, i64(bound::ORDERS_MAX));
    }

    // The second stage: the lines of the first have come and name those that are read next.
    HOT void prefetch_related(const Command& command) const {
        const Order& order = arena.orders(slot_named(command));
        __builtin_prefetch(&arena.positions(order.position), 0, 3);
        __builtin_prefetch(&arena.orders(order.next), 0, 3);
        __builtin_prefetch(&arena.orders(order.previous), 0, 3);
        __builtin_prefetch(&arena.orders(order.account_next), 0, 3);
        __builtin_prefetch(&arena.orders(order.account_previous), 0, 3);
        const i64 number = account_named(command);
        const Account& account = arena.accounts(number);
        const i64 position = find_inline_position(account, command.contract);
        __builtin_prefetch(&arena.positions(position), 0, 3);
        if (is_kept(number)) [[likely]] return;
        for (i64 k = 0; k < INLINE_POSITIONS; ++k)
            __builtin_prefetch(&arena.positions((&account.position_1)[k]), 0, 3);
    }

    HOT i64 check_stamp(i64 time_ns) const {
        if (time_ns < engine.clock_ns) return refusal::TIME_BACKWARDS;
        if (time_ns > bound::TIME_NS_MAX) return refusal::TIME_AHEAD;
        if (engine.clock_ns != 0 &&
            time_ns - engine.clock_ns > arena.pool(0).stamp_ahead_ns_max)
            return refusal::TIME_AHEAD;
        return refusal::OK;
    }

    HOT void apply(const Command& command) {
        ++engine.sequence;
        const bool is_place = command.kind == command::PLACE_ORDER;
        if (!is_place && command.kind != command::CANCEL_ORDER) [[unlikely]] {
            is_outside = true;
            return;
        }
        if (const i64 code = check_stamp(command.time_ns)) [[unlikely]]
            return refuse(command, code);
        if (engine.due_ns != 0 && engine.due_ns <= command.time_ns) [[unlikely]]
            is_outside = true;
        engine.clock_ns = command.time_ns;
        const i64 code = is_place ? place(command) : cancel(command);
        if (code != refusal::OK) [[unlikely]] refuse(command, code);
        if ((engine.suspects | engine.liquidations | engine.cooling | engine.linked | engine.fired) != 0) [[unlikely]]
            is_outside = true;
    }
};

}  // namespace

// Applies up to `count` commands like the engine's `run`. Returns how many were done, or
// -1 - row of the first command that lies outside the twin's path; the state is void after that.
extern "C" std::int64_t twin_run(char* base, const lionrock::Command* commands,
                                 std::int64_t count, std::int64_t events_max) {
    return Twin{base}.run(commands, count, events_max);
}
