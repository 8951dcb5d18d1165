// What the kernels use of Apple's <time.h>.
#pragma once
typedef enum { CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 6, CLOCK_UPTIME_RAW = 8 } clockid_t;
unsigned long long clock_gettime_nsec_np(clockid_t);
