// A reference book under our clock: the book and its workload reader come from a directory outside
// of this repository, named to the compiler; its own main stays out of the way.
#define main reference_main
#include <refbook.cpp>
#undef main

extern "C" void* reference_load(const char* path) { return new Load(load(path)); }

// One pass over the workload: nanoseconds of CPU time per command behind the prefill. `totals` gets
// fills, lots and notional.
extern "C" double reference_pass(const void* loaded, std::int64_t* totals) {
    const Load& flow = *static_cast<const Load*>(loaded);
    auto book = std::make_unique<Book>(flow.h);
    const Cmd* commands = flow.c.data();
    for (std::size_t i = 0; i < flow.h.n_prefill; ++i) book->cmd(commands[i]);
    commands += flow.h.n_prefill;
    const double start = now(CLOCK_THREAD_CPUTIME_ID);
    for (std::size_t i = 0; i < flow.h.n_cmds; ++i) book->cmd(commands[i]);
    const double spent = now(CLOCK_THREAD_CPUTIME_ID) - start;
    totals[0] = book->n_trades;
    totals[1] = book->traded_qty;
    totals[2] = book->notional;
    return spent * 1e9 / flow.h.n_cmds;
}
