// zlib (Debian zlib1g-dev, Rocky zlib-devel and zlib-static). Compression is its only importer.
#pragma once
#include <zlib.h>
