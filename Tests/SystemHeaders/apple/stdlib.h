// What the kernels use of Apple's <stdlib.h>.
#pragma once
#include <stddef.h>
void *calloc(size_t, size_t);
void free(void *);
int posix_memalign(void **, size_t, size_t);
