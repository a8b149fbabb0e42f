#include "CISAL.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

// The binary interface of soname 2, as igzip_lib.h of ISA-L 2.30 declares it: `struct inflate_state` with its constants worked
// out. What stands before and between the members that are used here is the library's own.
enum { gzip_without_header = 6, finished = 5, look_ahead = 288, history = 32 << 10 };

struct inflate_state {
    uint8_t *next_out;
    uint32_t avail_out;
    uint32_t total_out;
    uint8_t *next_in;
    uint64_t read_in;
    uint32_t avail_in;
    int32_t read_in_length;
    struct { uint32_t short_codes[4096]; uint16_t long_codes[1264]; } literals;
    struct { uint16_t short_codes[1024]; uint16_t long_codes[80]; } distances;
    uint32_t block_state;
    uint32_t dict_length;
    uint32_t bfinal;
    uint32_t crc_flag;
    uint32_t crc;
    uint32_t hist_bits;
    int32_t count;
    int32_t overflow[4];
    int16_t wrapper_flag;
    int16_t tmp_in_size;
    int32_t tmp_out_valid;
    int32_t tmp_out_processed;
    uint8_t tmp_in_buffer[328];
    uint8_t tmp_out_buffer[2 * history + look_ahead];
};

_Static_assert(sizeof(struct inflate_state) == 87368, "not the structure of libisal.so.2");

struct cisal_stream {
    struct inflate_state state;
    // Should a later library of this soname have put something behind it.
    uint8_t room[4096];
};

static void (*inflate_init)(struct inflate_state *);
static void (*inflate_reset)(struct inflate_state *);
static int (*inflate_more)(struct inflate_state *);
static int is_there;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void look_for_it(void)
{
    void *library = dlopen("libisal.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
    inflate_init = (void (*)(struct inflate_state *))dlsym(library, "isal_inflate_init");
    inflate_reset = (void (*)(struct inflate_state *))dlsym(library, "isal_inflate_reset");
    inflate_more = (int (*)(struct inflate_state *))dlsym(library, "isal_inflate");
    is_there = inflate_init && inflate_reset && inflate_more;
}

int cisal_is_there(void)
{
    pthread_once(&once, look_for_it);
    return is_there;
}

struct cisal_stream *cisal_make(void)
{
    if (!cisal_is_there()) return NULL;
    struct cisal_stream *stream = calloc(1, sizeof *stream);
    if (!stream) return NULL;
    inflate_init(&stream->state);
    stream->state.crc_flag = gzip_without_header;
    return stream;
}

void cisal_free(struct cisal_stream *stream) { free(stream); }

void cisal_reset(struct cisal_stream *stream)
{
    inflate_reset(&stream->state);
    stream->state.crc_flag = gzip_without_header;
}

int cisal_inflate(struct cisal_stream *stream, const void *input, size_t *consumed, void *output, size_t *produced)
{
    struct inflate_state *state = &stream->state;
    uint32_t available = *consumed > UINT32_MAX ? UINT32_MAX : (uint32_t)*consumed;
    uint32_t room = *produced > UINT32_MAX ? UINT32_MAX : (uint32_t)*produced;
    state->next_in = (uint8_t *)input;
    state->avail_in = available;
    state->next_out = output;
    state->avail_out = room;
    int code = inflate_more(state);
    *consumed = available - state->avail_in;
    *produced = room - state->avail_out;
    if (code < 0) return code;
    return state->block_state == finished;
}
