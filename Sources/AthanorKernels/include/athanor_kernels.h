// The whole list of Athanor's compute kernels, with their contracts.
//
// A kernel is a function in a table (`ath_kernel_table`). Three kinds of table exist:
//   - the reference table for float and the one for double: plain loops, always built, the oracle of the tests;
//   - one table per instruction set (AVX2+FMA, AVX-512, NEON) for float: the float reference table overlaid with
//     the fast kernels that this set has.
//
// Common contract of every kernel:
//   - It never fails, allocates, prints or keeps state. Sizes are checked by the caller (the plan compiler).
//   - Element type is the table's (float or double) unless a field says otherwise. Images are NHWC, weights HWIO.
//   - It may use every thread of `pool`. The result is bit-identical for every number of threads: work is cut into
//     tasks by the shapes alone, and partial sums are added in the order of the tasks.
//   - `scratch` points to at least `..._scratch_bytes(args)` bytes, aligned to 64, contents undefined before and after.
//     That size depends on the shapes alone.
//   - Buffers do not overlap unless the kernel says that it may run in place. All are aligned to 64 bytes.
#ifndef ATHANOR_KERNELS_H
#define ATHANOR_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---------------------------------------------------------------------------------------------------------------------
// Threads

/// A fixed team of threads that runs numbered tasks. The calling thread is one of the team.
typedef struct ath_pool ath_pool;

/// Work on task `index`, run by team member `worker` (0 ..< threads).
typedef void (*ath_task)(void *context, int64_t index, int worker);

/// Makes a team of `threads` (at least 1, the caller included). Returns NULL when the system refuses a thread.
ath_pool *ath_pool_create(int threads);
void ath_pool_destroy(ath_pool *pool);
int ath_pool_threads(const ath_pool *pool);

/// Runs tasks 0 ..< count and returns when all are done. Tasks are handed out dynamically, so a task must not depend on
/// which worker runs it. Idle members spin for a short while (tens of microseconds) and then sleep. Not re-entrant:
/// one run at a time per pool (the caller serialises). With one thread or one task it simply loops.
void ath_pool_run(ath_pool *pool, int64_t count, ath_task task, void *context);

// ---------------------------------------------------------------------------------------------------------------------
// Convolution

typedef enum { ATH_ACTIVATION_NONE = 0, ATH_ACTIVATION_RELU = 1 } ath_activation;

/// A two-dimensional convolution: x[n, h, w, ci] (*) weights[kh, kw, ci / groups, co] -> y[n, oh, ow, co].
///   y[b, i, j, k] = activation(bias[k] + sum over (r, s, c) of
///                   x[b, i * stride_h + r * dilation_h - pad_top, j * stride_w + s * dilation_w - pad_left, g + c] *
///                   weights[r, s, c, k])     (g: first input channel of k's group; outside of x counts as zero)
/// oh and ow are given; the padding at the bottom and the right is whatever they imply.
typedef struct {
  int64_t n, h, w, ci;
  int64_t kh, kw, co;
  int64_t oh, ow;
  int64_t stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
  int64_t groups;
} ath_conv2d_shape;

typedef struct {
  ath_conv2d_shape shape;
  const void *x;       // [n, h, w, ci]
  const void *weights; // [kh, kw, ci / groups, co]
  const void *bias;    // [co] or NULL
  void *y;             // [n, oh, ow, co]
  ath_activation activation;
  void *scratch;
} ath_conv2d_forward_args;

typedef struct {
  ath_conv2d_shape shape;
  const void *dy;      // [n, oh, ow, co]
  const void *weights; // [kh, kw, ci / groups, co]
  void *dx;            // [n, h, w, ci], overwritten
  void *scratch;
} ath_conv2d_input_gradient_args;

typedef struct {
  ath_conv2d_shape shape;
  const void *x;       // [n, h, w, ci]
  const void *dy;      // [n, oh, ow, co]
  void *dweights;      // [kh, kw, ci / groups, co], overwritten
  void *dbias;         // [co] or NULL, overwritten: the sum of dy over n, oh and ow
  void *scratch;
} ath_conv2d_weight_gradient_args;

// ---------------------------------------------------------------------------------------------------------------------
// Matrix product

/// c[m, n] = activation(op(a)[m, k] * op(b)[k, n] + bias[n]); op transposes when its flag is set, so that a is stored
/// as [k, m] and b as [n, k]. Everything is row-major and contiguous. `batch` independent products follow each other in
/// a, b and c (batch 1: an ordinary product); bias is shared.
typedef struct {
  int64_t batch, m, n, k;
  bool transpose_a, transpose_b;
  const void *a, *b;
  const void *bias; // [n] or NULL
  void *c;          // overwritten
  ath_activation activation;
  void *scratch;
} ath_matmul_args;

// ---------------------------------------------------------------------------------------------------------------------
// Pooling

/// Windows over x[n, h, w, c] -> y[n, oh, ow, c]. Positions outside of x never win a maximum and are not counted in an
/// average.
typedef struct {
  int64_t n, h, w, c;
  int64_t kh, kw, oh, ow, stride_h, stride_w, pad_top, pad_left;
} ath_pool2d_shape;

typedef struct {
  ath_pool2d_shape shape;
  const void *x;
  void *y;
  uint16_t *index; // [n, oh, ow, c] or NULL: which place r * kw + s of the window holds the maximum (the first among
                   // equals; NaN counts as greater than everything, the first NaN wins)
} ath_max_pool2d_forward_args;

/// dx = the gradient dy, put where the maximum was. When `y` is not NULL the pooled values passed through a ReLU before
/// pooling: a window with y <= 0 sends nothing.
typedef struct {
  ath_pool2d_shape shape;
  const void *dy;
  const uint16_t *index;
  const void *y; // [n, oh, ow, c] or NULL
  void *dx;      // [n, h, w, c], overwritten (overlapping windows add)
} ath_max_pool2d_gradient_args;

typedef struct {
  ath_pool2d_shape shape;
  const void *x;
  void *y;
} ath_average_pool2d_forward_args;

typedef struct {
  ath_pool2d_shape shape;
  const void *dy;
  void *dx; // overwritten
} ath_average_pool2d_gradient_args;

// ---------------------------------------------------------------------------------------------------------------------
// A convolution whose result went through max-pooling, and its gradients from the gradient `dpooled` of the pooled
// values. dy has at most one number in each window; it is never written out, and its zeros are not multiplied.
//
// Gradients are only for strides, dilations and groups of 1 and windows that do not overlap (pool.stride >= pool.k) of at most
// ATH_POOLED_PLACES places, with at most ATH_POOLED_FILTERS filters and ATH_POOLED_WIDTH windows in a row.

enum { ATH_POOLED_PLACES = 16, ATH_POOLED_FILTERS = 2048, ATH_POOLED_WIDTH = 2048 };

/// The convolution itself together with its max-pooling: any convolution, windows that do not overlap.
typedef struct {
  ath_conv2d_shape shape;
  ath_pool2d_shape pool; // h, w and c are oh, ow and co of the convolution
  const void *x, *weights, *bias; // as in ath_conv2d_forward_args
  ath_activation activation;      // before the pooling
  void *y;                        // [n, pool.oh, pool.ow, co]
  uint16_t *index;                // as in ath_max_pool2d_forward_args
  void *scratch;
} ath_conv2d_pooled_forward_args;

typedef struct {
  ath_pool2d_shape shape;  // h, w and c are oh, ow and co of the convolution
  const void *dpooled;     // [n, oh, ow, c]
  const uint16_t *index;   // as max_pool2d_forward gave it
  const void *pooled;      // [n, oh, ow, c] or NULL: as `y` of ath_max_pool2d_gradient_args
} ath_pooled_gradient;

typedef struct {
  ath_conv2d_shape shape;
  ath_pooled_gradient dy;
  const void *weights; // [kh, kw, ci, co]
  const void *relu;    // [n, h, w, ci] or NULL: x, when it is a ReLU's result; dx is then the gradient before that ReLU
  void *dx;            // [n, h, w, ci], overwritten
  void *scratch;
} ath_conv2d_pooled_input_gradient_args;

typedef struct {
  ath_conv2d_shape shape;
  ath_pooled_gradient dy;
  const void *x;  // [n, h, w, ci]
  void *dweights; // [kh, kw, ci, co], overwritten
  void *dbias;    // [co] or NULL, overwritten
  void *scratch;
} ath_conv2d_pooled_weight_gradient_args;

// ---------------------------------------------------------------------------------------------------------------------
// Pointwise functions

// The enumerations are made from `pointwise/functions.def`, where each function has its one line with its formulas. Swift sees them as
// enumerations with the names of those lines.
#define ATH_POINTWISE_ENUM(name) enum __attribute__((enum_extensibility(closed))) name
#define ATH_POINTWISE_CASE(kind, name) ATH_##kind##_##name __attribute__((swift_name(#name))),

typedef ATH_POINTWISE_ENUM(ath_unary) {
#define UNARY(name, ...) ATH_POINTWISE_CASE(UNARY, name)
#include "../pointwise/functions.def"
} ath_unary;

typedef ATH_POINTWISE_ENUM(ath_binary) {
#define BINARY(name, ...) ATH_POINTWISE_CASE(BINARY, name)
#include "../pointwise/functions.def"
} ath_binary;

enum {
  ATH_UNARY_COUNT = 0
#define UNARY(...) +1
#include "../pointwise/functions.def"
  ,
  ATH_BINARY_COUNT = 0
#define BINARY(...) +1
#include "../pointwise/functions.def"
};

/// The function's name in `pointwise/functions.def`.
const char *ath_unary_name(ath_unary function);
const char *ath_binary_name(ath_binary function);

/// y = f(x). `alpha` is the function's parameter where it has one.
typedef struct {
  ath_unary function;
  int64_t count;
  double alpha;
  const void *x;
  void *y; // may be x
} ath_unary_args;

/// dx = dy * f'(x). Both x and y = f(x) are given where the plan still has them; a function reads only what
/// ath_unary_gradient_reads says, and the other may be NULL.
typedef struct {
  ath_unary function;
  int64_t count;
  double alpha;
  const void *x, *y, *dy;
  void *dx; // may be dy
} ath_unary_gradient_args;

/// What a gradient needs besides dy: x, y, nothing (dx = f(dy)), or not even dy (dx = 0).
typedef enum { ATH_READS_NOTHING = 0, ATH_READS_DY, ATH_READS_X, ATH_READS_Y } ath_gradient_reads;
ath_gradient_reads ath_unary_gradient_reads(ath_unary function);

#define ATH_MAX_RANK 6

/// y[i...] = f(a[i...], b[i...]). y is contiguous with `dims` (rank axes); a stride of 0 repeats that axis (broadcast).
/// Strides count elements. rank 0 is one element. y may be a or b when their strides are contiguous.
typedef struct {
  ath_binary function;
  int rank;
  int64_t dims[ATH_MAX_RANK];
  int64_t a_strides[ATH_MAX_RANK], b_strides[ATH_MAX_RANK];
  const void *a, *b;
  void *y;
} ath_binary_args;

/// y[i * y_strides] = x[i * x_strides] for every i in dims: transposes, broadcasts, slices and joins. Elements are of
/// `element_bytes` (1, 2, 4 or 8) whatever the table. Elements of y that no i reaches keep their value.
typedef struct {
  int rank;
  int64_t dims[ATH_MAX_RANK], x_strides[ATH_MAX_RANK], y_strides[ATH_MAX_RANK];
  int element_bytes;
  const void *x; // already moved to the first element
  void *y;       // already moved to the first element
} ath_copy_args;

typedef struct {
  int64_t count;
  double value;
  void *y;
} ath_fill_args;

/// y = x * scale + offset in the table's element type, of which ATH_SOURCE_FLOAT is too; with it y may be x.
typedef enum { ATH_SOURCE_UINT8 = 0, ATH_SOURCE_INT32 = 1, ATH_SOURCE_FLOAT = 2 } ath_source;
typedef struct {
  ath_source source;
  int64_t count;
  const void *x;
  double scale, offset;
  void *y;
} ath_convert_args;

/// y = x without what is behind its point, as int32 (`bytes` false; what does not fit becomes the nearest that does, NaN 0) or as the
/// lowest byte of that. ATH_SOURCE_FLOAT is the table's element type.
typedef struct {
  ath_source source;
  bool bytes;
  int64_t count;
  const void *x;
  void *y;
} ath_to_integers_args;

/// y = f(a, b) in the table's element type, for the functions that compare.
typedef struct {
  ath_binary function;
  int64_t count;
  const int32_t *a, *b;
  void *y;
} ath_compare_integers_args;

/// y = a where the condition (of the table's element type) is not 0, else b. Elements of a, b and y are of `element_bytes` (1, 4 or 8).
typedef struct {
  int64_t count;
  int element_bytes;
  const void *condition, *a, *b;
  void *y;
} ath_choose_args;

/// y[o, j, i] = x[o, places[j], i] for x [outer, length, inner] and count places, each from 0 to length - 1. `inner_bytes` is the size of
/// a row of inner, whatever the table.
typedef struct {
  int64_t outer, length, count, inner_bytes;
  const int32_t *places;
  const void *x;
  void *y;
} ath_take_args;

/// dx[o, places[j], i] += dy[o, j, i], from zero, in the order of j.
typedef struct {
  int64_t outer, length, count, inner;
  const int32_t *places;
  const void *dy;
  void *dx;
} ath_take_gradient_args;

/// y[j, :] = table[index[j], :]; an index outside of 0 ..< rows gives a row of NaN.
typedef struct {
  int64_t rows, width, count;
  const int32_t *index;
  const void *table;
  void *y;
} ath_lookup_args;

/// dtable[index[j], :] += dy[j, :], from zero, in the order of j; an index outside of 0 ..< rows is passed over.
typedef struct {
  int64_t rows, width, count;
  const int32_t *index;
  const void *dy;
  void *dtable;
} ath_lookup_gradient_args;

// ---------------------------------------------------------------------------------------------------------------------
// Reductions

typedef enum { ATH_REDUCE_SUM = 0, ATH_REDUCE_MEAN, ATH_REDUCE_MAX } ath_reduce;

/// x[outer, axis, inner] -> y[outer, inner].
typedef struct {
  ath_reduce function;
  int64_t outer, axis, inner;
  const void *x;
  void *y;
  void *scratch;
} ath_reduce_args;

/// y[o, t, i] = the sum of x[o, s, i] over s <= t, or s < t when `exclusive`; over s >= t or s > t when `reverse`. Kept in double.
typedef struct {
  int64_t outer, axis, inner;
  bool exclusive, reverse;
  const void *x;
  void *y; // may be x
} ath_cumulative_sum_args;

/// x[rows, columns] -> y[rows] (int32): the first place of the largest value (NaN counts as greater than everything).
typedef struct {
  int64_t rows, columns;
  const void *x;
  int32_t *y;
} ath_arg_max_args;

/// y[rows, columns] = 1 where column == index[row], else 0. An index outside of 0 ..< columns gives a row of zeros.
typedef struct {
  int64_t rows, columns;
  const int32_t *index;
  void *y;
} ath_one_hot_args;

/// y[row] = 1 when fewer than k columns are strictly greater than x[row, index[row]] and that value is finite, else 0.
/// (Keras' in_top_k: ties count as in.) An index outside of 0 ..< columns gives 0.
typedef struct {
  int64_t rows, columns, k;
  const void *x;
  const int32_t *index;
  void *y;
} ath_in_top_k_args;

// ---------------------------------------------------------------------------------------------------------------------
// Softmax and crossentropy. All along the last axis, with the row's maximum taken out first.

typedef struct {
  int64_t rows, columns;
  const void *x;
  void *y; // may be x
} ath_softmax_args;

/// dx = y * (dy - sum(dy * y))
typedef struct {
  int64_t rows, columns;
  const void *y, *dy;
  void *dx; // may be dy
} ath_softmax_gradient_args;

/// loss[row] = sum over columns of -target * log softmax(logits), and the probabilities softmax(logits) beside it.
typedef struct {
  int64_t rows, columns;
  const void *logits;
  const void *target;  // [rows, columns] in the table's type, or NULL
  const int32_t *index; // [rows] class numbers, used when target is NULL
  void *loss;          // [rows]
  void *probabilities; // [rows, columns] (may be logits)
} ath_softmax_crossentropy_args;

/// dlogits = (probabilities * sum(target) - target) * dloss[row]
typedef struct {
  int64_t rows, columns;
  const void *probabilities;
  const void *target;
  const int32_t *index;
  const void *dloss; // [rows]
  void *dlogits;     // may be probabilities
} ath_softmax_crossentropy_gradient_args;

// ---------------------------------------------------------------------------------------------------------------------
// Dropout and random numbers

/// Philox-4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): 4 words for one counter.
void ath_philox4x32(uint64_t key, uint64_t counter_high, uint64_t counter_low, uint32_t out[4]);

/// Inverted dropout: y = kept ? x / (1 - rate) : 0, and mask = kept ? 1 : 0. Element e uses bits 16 * (e % 8) ... of the
/// 128 bits of philox(key, counter, e / 8), least significant bits of out[0] first: it is kept when these 16 bits, as a number, are
/// >= round(rate * 65536). So the mask depends on key, counter and place alone.
typedef struct {
  int64_t count;
  double rate; // 0 <= rate < 1
  uint64_t key, counter;
  const void *x;
  void *y;       // may be x
  uint8_t *mask; // [count]
} ath_dropout_args;

/// dx = mask ? dy / (1 - rate) : 0
typedef struct {
  int64_t count;
  double rate;
  const void *dy;
  const uint8_t *mask;
  void *dx; // may be dy
} ath_dropout_gradient_args;

/// Random numbers that depend on key, counter and place alone. Element e has word e % 4 of philox(key, counter, e / 4). Uniform: its upper
/// 24 bits times 2^-24, in [0, 1). Normal, of mean 0 and variance 1 (Box and Muller 1958): with u and v the upper 24 bits of words 0 and 1
/// (2 and 3), r = sqrt(-2 log((u + 1) 2^-24)) and t = 2 pi v 2^-24, the two elements are r cos t and r sin t.
typedef struct {
  int64_t count;
  bool normal;
  uint64_t key, counter;
  void *y; // [count]
} ath_random_numbers_args;

// ---------------------------------------------------------------------------------------------------------------------
// Pictures through affine maps

/// What stands for places outside of a picture of the pixels a b c d: the fill value; d c b a | a b c d | d c b a;
/// a b c d | a b c d | a b c d; a a a a | a b c d | d d d d.
typedef enum { ATH_FILL_CONSTANT, ATH_FILL_REFLECT, ATH_FILL_WRAP, ATH_FILL_NEAREST } ath_fill_mode;

/// x[n, h, w, c] -> y[n, oh, ow, c]: the pixel in row i and column j of example b is that of x in column u = m[0] j + m[1] i + m[2]
/// and row v = m[3] j + m[4] i + m[5], with m = matrix[b]. Between pixels: the four around it by bilinear weights, each filled by
/// itself where it lies outside; or the nearest one, halves away from zero.
typedef struct {
  int64_t n, h, w, c, oh, ow;
  bool bilinear;
  ath_fill_mode fill;
  double fill_value;
} ath_affine_shape;

typedef struct {
  ath_affine_shape shape;
  const void *x, *matrix; // matrix: [n, 6]
  void *y;
} ath_affine_sample_args;

typedef struct {
  ath_affine_shape shape;
  const void *dy, *matrix;
  void *dx; // overwritten
} ath_affine_sample_gradient_args;

// ---------------------------------------------------------------------------------------------------------------------
// Batch normalisation over x[rows, channels] (Ioffe and Szegedy 2015)

/// mean and (biased) variance per channel over the rows; y = gamma * (x - mean) / sqrt(variance + epsilon) + beta.
typedef struct {
  int64_t rows, channels;
  double epsilon;
  const void *x, *gamma, *beta; // gamma, beta: [channels] or NULL (1 and 0)
  void *y;                      // may be x
  void *mean, *variance;        // [channels]
  void *scratch;
} ath_batch_norm_forward_args;

typedef struct {
  int64_t rows, channels;
  double epsilon;
  const void *x, *gamma, *mean, *variance, *dy;
  void *dx, *dgamma, *dbeta; // overwritten; dgamma, dbeta [channels] are always given
  void *scratch;
} ath_batch_norm_gradient_args;

// ---------------------------------------------------------------------------------------------------------------------
// Optimisers over flat arrays. `rate` is the learning rate of this step; `decay` the decoupled weight decay
// (w -= rate * decay * w before the step, as Keras does); slots are zero before the first step.

/// v = momentum * v - rate * g; w += nesterov ? momentum * v - rate * g : v. velocity is NULL when momentum is 0:
/// w -= rate * g.
typedef struct {
  int64_t count;
  double rate, decay, momentum;
  bool nesterov;
  const void *gradient;
  void *weights, *velocity;
} ath_sgd_args;

/// s = rho * s + (1 - rho) g^2; centered: a = rho * a + (1 - rho) g, d = s - a^2 + epsilon, else d = s + epsilon;
/// step = rate * g / sqrt(d); with momentum: m = momentum * m + step, w -= m, else w -= step. (keras.optimizers.RMSprop)
typedef struct {
  int64_t count;
  double rate, decay, rho, momentum, epsilon;
  const void *gradient;
  void *weights, *square, *average, *velocity; // average NULL: not centered; velocity NULL: momentum 0
} ath_rmsprop_args;

/// m += (g - m)(1 - beta1); v += (g^2 - v)(1 - beta2); w -= m * alpha / (sqrt(v) + epsilon),
/// alpha = rate * sqrt(1 - beta2^t) / (1 - beta1^t), computed by the caller. (keras.optimizers.Adam)
typedef struct {
  int64_t count;
  double alpha, rate, decay, beta1, beta2, epsilon;
  const void *gradient;
  void *weights, *first, *second;
} ath_adam_args;

/// Returns the sum of squares of x in double, added in a fixed order.
typedef struct {
  int64_t count;
  const void *x;
} ath_sum_of_squares_args;

/// Returns the place of the first NaN or infinity in x, or -1.
typedef struct {
  int64_t count;
  const void *x;
} ath_first_non_finite_args;

// ---------------------------------------------------------------------------------------------------------------------
// The table

typedef struct {
  const char *name; // "reference", "avx2", "avx512", "neon"
  int element_bytes; // 4 or 8

#define KERNEL_OF(result, name) result (*name)(const ath_##name##_args *, ath_pool *);
#define KERNEL(name) KERNEL_OF(void, name)
#define KERNEL_WITH_SCRATCH(name)                                                                                      \
  size_t (*name##_scratch_bytes)(const ath_##name##_args *);                                                           \
  KERNEL(name)
#include "../table.def"
} ath_kernel_table;

typedef enum {
  ATH_INSTRUCTIONS_REFERENCE = 0,
  ATH_INSTRUCTIONS_NEON,
  ATH_INSTRUCTIONS_AVX2,
  ATH_INSTRUCTIONS_AVX512
} ath_instructions;

/// The best set that this CPU has and this build holds.
ath_instructions ath_best_instructions(void);

/// The table of float kernels for a set, or NULL when this CPU or this build lacks it.
const ath_kernel_table *ath_kernels_f32(ath_instructions instructions);

/// The double kernels: reference loops, for checking gradients.
const ath_kernel_table *ath_kernels_f64(void);

#ifdef __cplusplus
}
#endif
#endif
