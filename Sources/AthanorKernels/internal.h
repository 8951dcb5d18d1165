// What the kernel files share and the outside does not see.
#ifndef ATHANOR_KERNELS_INTERNAL_H
#define ATHANOR_KERNELS_INTERNAL_H

#include "include/athanor_kernels.h"

// Names of template functions: ATH_NAME(adam) is ath_f32_adam__avx512 when a file has set ATH_REAL_NAME to f32 and
// ATH_SET_NAME to avx512.
#define ATH_JOIN_NAME(real, name, set) ath_##real##_##name##__##set
#define ATH_EXPAND_NAME(real, name, set) ATH_JOIN_NAME(real, name, set)
#define ATH_NAME(name) ATH_EXPAND_NAME(ATH_REAL_NAME, name, ATH_SET_NAME)

/// Each team member owns a buffer of this size for the life of the pool: bands of padded images, packed tiles. It is half
/// of a small second-level cache, so that a band stays there while every panel of weights sweeps over it.
#define ATH_WORKER_BYTES ((size_t)512 * 1024)

/// The buffer of team member `worker`, aligned to 64 bytes.
void *ath_pool_buffer(ath_pool *pool, int worker);

/// Work on elements begin ..< end, the range number `index`.
typedef void (*ath_range_task)(const void *context, int64_t index, int64_t begin, int64_t end);

/// At most this many ranges, so that a partial result for each fits on the stack.
#define ATH_MAX_RANGES 64

/// How many ranges `count` elements are cut into when a range should hold at least `grain` of them. Depends on nothing
/// else: this is what makes results independent of the number of threads.
int64_t ath_range_count(int64_t count, int64_t grain);

/// Runs `task` over those ranges.
void ath_run_ranges(ath_pool *pool, int64_t count, int64_t grain, ath_range_task task, const void *context);

/// Elements that one range of cheap pointwise work should hold: less does not pay for waking a thread.
#define ATH_POINTWISE_GRAIN 16384

/// Stands before a loop whose iterations do not depend on each other, although its result may be one of its operands ("may
/// be x"). Without it the compiler tests whether the two overlap and runs the scalar loop when they do: in place, pointwise
/// kernels were 5 to 10 times slower. Operands are loaded before a condition decides, or nothing could be vectorised.
#define ATH_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")

static inline int64_t ath_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t ath_max(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t ath_divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t ath_round_up(int64_t a, int64_t b) { return ath_divide_up(a, b) * b; }

/// Shared by every table: its elements are bytes, whatever the table's type.
void ath_copy(const ath_copy_args *args, ath_pool *pool);

// One filler per instruction set (dispatch.c installs them); each is empty where the compiler cannot build the set.
void ath_fill_f32__reference(ath_kernel_table *table);
void ath_fill_f64__reference(ath_kernel_table *table);
void ath_fill_f32__avx2(ath_kernel_table *table);
void ath_fill_f32__avx512(ath_kernel_table *table);
void ath_fill_f32__neon(ath_kernel_table *table);

#endif
