// The twin's book alone, under the loop of bench/matching_kernels.py: what the same design costs
// when a C++ compiler makes it.
#include "twin.cpp"

namespace {

struct Flow {
    std::uint8_t op, side;
    std::uint16_t gap;
    std::uint32_t id;
    std::int32_t price, qty;
};

class Matching : Twin {
public:
    explicit Matching(char* base) : Twin(base) {}

    void run(const Flow* flow, i64 first, i64 end, i64* totals) {
        for (i64 row = first; row < end; ++row) {
            if (is_beyond_caches()) prefetch_ahead(flow + row);
            const Flow& command = flow[row];
            if (command.op == 0) rest(command);
            else if (command.op == 1) cancel(command);
            else take(command, totals);
        }
    }

private:
    static constexpr i64 CONTRACT = 1;
    static constexpr i64 AHEAD = 24, NEAR = 12, CACHED_ORDERS = 1 << 15;

    HOT bool is_beyond_caches() const { return engine.orders_top > CACHED_ORDERS; }

    HOT void prefetch_ahead(const Flow* next) const {
        __builtin_prefetch(&arena.orders(next[AHEAD].id * (next[AHEAD].op & 1)), 0, 3);
        const Order& order = arena.orders(next[NEAR].id * (next[NEAR].op & 1));
        __builtin_prefetch(&arena.orders(order.next), 0, 3);
        __builtin_prefetch(&arena.orders(order.previous), 0, 3);
    }

    HOT void rest(const Flow& command) {
        const i64 slot = take_order_slot();
        Order& order = arena.orders(slot);
        order.client_id = command.id;
        order.price_ticks = command.price;
        order.lots = command.qty;
        order.contract = CONTRACT;
        order.side = std::int8_t(command.side);
        order.flags = 0;
        queue_order(order, slot);
    }

    HOT void cancel(const Flow& command) {
        Order& order = arena.orders(command.id);
        if (order.lots == 0 || order.generation != command.price) return;
        unqueue_order(order);
        free_order_slot(order, command.id);
    }

    HOT void take(const Flow& command, i64* totals) {
        const i64 side = word::SELL - command.side;
        const i64 ladder = ladder_of(CONTRACT, side);
        const i64 limit_key = key_of(command.price, side);
        i64 leaves = command.qty;
        while (leaves > 0) {
            const i64 key = arena.ladders(ladder).best_key;
            if (key == NONE || key > limit_key) break;
            Level& level = level_of(ladder, key);
            const i64 slot = level.head;
            Order& order = arena.orders(slot);
            if (is_beyond_caches()) __builtin_prefetch(&arena.orders(order.next), 0, 3);
            const i64 price_ticks = order.price_ticks;
            const i64 fill = min(leaves, i64(order.lots));
            emit(event::TRADE, CONTRACT, 0, price_ticks, fill, command.id,
                 order_id_of(order, slot), command.side, 0);
            totals[0] += 1;
            totals[1] += fill;
            totals[2] += fill * price_ticks;
            if (fill == order.lots) {
                unqueue_head(order, ladder, key, level);
                free_order_slot(order, slot);
            } else {
                shrink_head(order, ladder, level, fill);
            }
            leaves -= fill;
        }
    }
};

}  // namespace

extern "C" void twin_match(char* base, const Flow* flow, std::int64_t first, std::int64_t end,
                           std::int64_t* totals) {
    Matching{base}.run(flow, first, end, totals);
}
