// libzip: the archives that NumPy and Keras write (.npz, .keras).
#pragma once
#include <zip.h>
