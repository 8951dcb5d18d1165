// libpng: PNG pictures, through its simplified interface, which needs no setjmp.
#pragma once
#include <png.h>
