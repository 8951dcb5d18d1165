// zlib: gzip files, as the public data sets come.
#pragma once
#include <zlib.h>
