// TurboJPEG: JPEG pictures, through the interface that reports errors as values.
#pragma once
#include <turbojpeg.h>
