// inflate from libisal.so.2 (Intel ISA-L, BSD licence), which is found while the program runs: Debian has it as a shared
// library only. ISAL is the only importer.
#pragma once
#include <stddef.h>

struct cisal_stream;

/// Whether the library is installed.
int cisal_is_there(void);

/// One member of a gzip file behind its header, with the check sum and the length at its end; NULL where there is no library, or no memory.
struct cisal_stream *cisal_make(void);
void cisal_free(struct cisal_stream *stream);

/// The next byte is the first behind the header of another member.
void cisal_reset(struct cisal_stream *stream);

/// Inflates what is there. Both counts say how many bytes there are, and then how many were consumed and produced.
/// Returns a negative code of igzip_lib.h for bytes that are no gzip, 1 once the member is complete, 0 otherwise.
int cisal_inflate(struct cisal_stream *stream, const void *input, size_t *consumed, void *output, size_t *produced);
