// The twin's loop over a batch with the processor's clock read between commands, as that of
// bench/stamped_kernels.py. Where the clock can't be read so, this doesn't compile.
#include "twin.cpp"

#include <x86intrin.h>

namespace {

class Stamped : Twin {
public:
    explicit Stamped(char* base) : Twin(base) {}

    void run(const Command* commands, i64 count, i64* stamps) {
        stamps[0] = i64(__rdtsc());
        for (i64 row = 0; row < count; ++row) {
            look_ahead(commands, row, count);
            apply(commands[row]);
            stamps[row + 1] = i64(__rdtsc());
        }
    }
};

}  // namespace

extern "C" void twin_run_stamped(char* base, const lionrock::Command* commands,
                                 std::int64_t count, std::int64_t* stamps) {
    Stamped{base}.run(commands, count, stamps);
}
