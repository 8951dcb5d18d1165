// The team of threads: spins briefly between runs, then sleeps on a condition variable (portable: no futex).
//
// A run is open while `epoch` is odd. A helper first counts itself in `active` and only then looks whether the run is
// open; the caller closes the run first and only then waits for `active` to fall to zero. All of these accesses are
// sequentially consistent, so either the helper sees the run closed or the caller waits for it: nobody reads the task of
// a run that is being replaced, and a run never waits for a helper that is still asleep.
#include "internal.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#if defined(__APPLE__)
#include <pthread/qos.h>
#endif

enum {
  // How long threads spin: by the clock, because a pause takes 1 ns on one processor and 40 ns on another. With 60 us one prediction of
  // Malireddi's network took 54 us instead of 44 (Zen 4, 2 threads): helpers fell asleep between the calls.
  nanoseconds_before_sleep = 150 * 1000,
  nanoseconds_before_yield = 400 * 1000,
  spins_per_look_at_clock = 256,
  // The longest cache line that there is (Apple's processors); x86 fetches pairs of 64 bytes.
  cache_line = 128,
};

typedef struct {
  ath_pool *pool;
  pthread_t thread;
  int index;
} helper;

struct ath_pool {
  _Alignas(cache_line) _Atomic uint64_t epoch;
  _Alignas(cache_line) _Atomic int64_t next;
  _Alignas(cache_line) _Atomic int active;
  _Alignas(cache_line) _Atomic int sleepers;
  _Atomic bool stopping;
  int64_t count;
  ath_task task;
  void *context;
  int threads;
  helper *helpers; // threads - 1, numbered from 1
  char *buffers;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
};

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __builtin_arm_yield();
#endif
}

static inline uint64_t nanoseconds(void) {
#if defined(__APPLE__)
  return clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
#else
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
#endif
}

/// A stretch of spinning. The clock is read now and then, and not at all while the wait is short.
typedef struct {
  uint64_t begin;
  int spins;
} spinning;

/// Pauses; false when as much time as the limit has passed.
static inline bool spin(spinning *state, uint64_t limit) {
  pause_briefly();
  if (++state->spins % spins_per_look_at_clock != 0) return true;
  uint64_t now = nanoseconds();
  if (state->begin == 0) state->begin = now;
  return now - state->begin < limit;
}

static void take_tasks(ath_pool *pool, int worker) {
  for (;;) {
    int64_t index = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
    if (index >= pool->count) return;
    pool->task(pool->context, index, worker);
  }
}

static bool has_news(ath_pool *pool, uint64_t seen) {
  uint64_t epoch = atomic_load(&pool->epoch);
  return ((epoch & 1) && epoch != seen) || atomic_load(&pool->stopping);
}

static void wait_for_news(ath_pool *pool, uint64_t seen) {
  spinning state = {0};
  do {
    if (has_news(pool, seen)) return;
  } while (spin(&state, nanoseconds_before_sleep));
  pthread_mutex_lock(&pool->mutex);
  atomic_fetch_add(&pool->sleepers, 1);
  while (!has_news(pool, seen)) pthread_cond_wait(&pool->wake, &pool->mutex);
  atomic_fetch_sub(&pool->sleepers, 1);
  pthread_mutex_unlock(&pool->mutex);
}

static void wake_sleepers(ath_pool *pool) {
  if (atomic_load(&pool->sleepers) == 0) return;
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
}

static void *help(void *argument) {
  helper *self = argument;
  ath_pool *pool = self->pool;
  uint64_t seen = 0;
  while (!atomic_load(&pool->stopping)) {
    wait_for_news(pool, seen);
    atomic_fetch_add(&pool->active, 1);
    uint64_t epoch = atomic_load(&pool->epoch);
    if (epoch & 1) {
      seen = epoch;
      take_tasks(pool, self->index);
    }
    atomic_fetch_sub(&pool->active, 1);
  }
  return NULL;
}

static void stop_helpers(ath_pool *pool, int started) {
  atomic_store(&pool->stopping, true);
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
  for (int i = 0; i < started; ++i) pthread_join(pool->helpers[i].thread, NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
}

static void release(ath_pool *pool) {
  free(pool->helpers);
  free(pool->buffers);
  free(pool);
}

ath_pool *ath_pool_create(int threads) {
  if (threads < 1) threads = 1;
  void *memory = NULL;
  if (posix_memalign(&memory, cache_line, sizeof(ath_pool)) != 0) return NULL;
  ath_pool *pool = memory;
  *pool = (ath_pool){.threads = threads};
  pool->helpers = calloc((size_t)threads, sizeof(helper));
  void *buffers = NULL;
  if (posix_memalign(&buffers, 4096, (size_t)threads * ATH_WORKER_BYTES) == 0) pool->buffers = buffers;
  if (!pool->helpers || !pool->buffers) {
    release(pool);
    return NULL;
  }
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
#if defined(__APPLE__)
  // Helpers are as urgent as who waits for them; otherwise the system may put them on slow cores.
  pthread_attr_set_qos_class_np(&attributes, qos_class_self(), 0);
#endif
  for (int i = 0; i < threads - 1; ++i) {
    pool->helpers[i].pool = pool;
    pool->helpers[i].index = i + 1;
    if (pthread_create(&pool->helpers[i].thread, &attributes, help, &pool->helpers[i]) != 0) {
      pthread_attr_destroy(&attributes);
      stop_helpers(pool, i);
      release(pool);
      return NULL;
    }
  }
  pthread_attr_destroy(&attributes);
  return pool;
}

void ath_pool_destroy(ath_pool *pool) {
  if (!pool) return;
  stop_helpers(pool, pool->threads - 1);
  release(pool);
}

int ath_pool_threads(const ath_pool *pool) { return pool->threads; }

void *ath_pool_buffer(ath_pool *pool, int worker) { return pool->buffers + (size_t)worker * ATH_WORKER_BYTES; }

void ath_pool_run(ath_pool *pool, int64_t count, ath_task task, void *context) {
  if (pool->threads == 1 || count <= 1) {
    for (int64_t index = 0; index < count; ++index) task(context, index, 0);
    return;
  }
  pool->count = count;
  pool->task = task;
  pool->context = context;
  atomic_store(&pool->next, 0);
  atomic_fetch_add(&pool->epoch, 1); // opens the run
  wake_sleepers(pool);
  take_tasks(pool, 0);
  atomic_fetch_add(&pool->epoch, 1); // closes it
  spinning state = {0};
  bool is_short = true;
  while (atomic_load(&pool->active) != 0) {
    if (is_short) {
      is_short = spin(&state, nanoseconds_before_yield);
    } else {
      sched_yield();
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Ranges

typedef struct {
  int64_t count, length;
  ath_range_task task;
  const void *context;
} ranges;

/// Elements in each range but the last: a multiple of 64, so that ranges of any element type begin at a cache line.
static int64_t range_length(int64_t count, int64_t grain) {
  int64_t wanted = ath_min(ATH_MAX_RANGES, ath_max(1, count / ath_max(1, grain)));
  int64_t length = ath_divide_up(count, wanted);
  return grain >= 64 ? ath_round_up(length, 64) : length;
}

int64_t ath_range_count(int64_t count, int64_t grain) {
  return count <= 0 ? 0 : ath_divide_up(count, range_length(count, grain));
}

static void run_range(void *context, int64_t index, int worker) {
  (void)worker;
  const ranges *all = context;
  int64_t begin = index * all->length;
  all->task(all->context, index, begin, ath_min(begin + all->length, all->count));
}

void ath_run_ranges(ath_pool *pool, int64_t count, int64_t grain, ath_range_task task, const void *context) {
  if (count <= 0) return;
  ranges all = {count, range_length(count, grain), task, context};
  ath_pool_run(pool, ath_divide_up(count, all.length), run_range, &all);
}
