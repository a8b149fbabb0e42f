// Zstandard (Debian libzstd-dev, Rocky libzstd-devel and libzstd-static). Compression is its only importer.
#pragma once
#include <zstd.h>
