/* simdjson for Swift. Swift cannot call its C++ templates, and its lazy iterator hands out views that die
 * with the parser, so this shim walks a document once and leaves a flat table of nodes. To be deleted when
 * Swift can import simdjson directly. */
#ifndef IOVAD_CSIMDJSON_H
#define IOVAD_CSIMDJSON_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

enum iovad_json_kind {
    IOVAD_JSON_NULL, IOVAD_JSON_FALSE, IOVAD_JSON_TRUE, IOVAD_JSON_NUMBER,
    IOVAD_JSON_STRING, IOVAD_JSON_ARRAY, IOVAD_JSON_OBJECT
};

enum iovad_json_status {
    IOVAD_JSON_OK, IOVAD_JSON_REFUSED, IOVAD_JSON_TOO_DEEP, IOVAD_JSON_TOO_MANY,
    IOVAD_JSON_DUPLICATE_KEY, IOVAD_JSON_NO_MEMORY,
    /* The top level is neither object nor array: the caller reads it itself. */
    IOVAD_JSON_SCALAR
};

/* One value. Values lie in document order; a container's descendants follow it up to `end`. */
typedef struct {
    uint32_t kind;
    uint32_t end;         /* index one past the last descendant */
    uint32_t parent;      /* index of the container; its own index for the root */
    uint32_t count;       /* children of a container */
    uint32_t position;    /* byte offset of the value in the source */
    uint32_t key_offset;  /* in text; length 0 for elements of arrays and empty keys */
    uint32_t key_length;
    uint32_t text_offset; /* strings: decoded, in text; numbers: the token, in the source */
    uint32_t text_length;
} iovad_json_node;

typedef struct {
    enum iovad_json_status status;
    uint32_t position;    /* of the refusal where it is known, else UINT32_MAX */
    const iovad_json_node *nodes;
    size_t node_count;
    const uint8_t *text;
    size_t text_length;
    void *owner;
    bool is_scratch;      /* the owner is kept by the thread for its next document */
} iovad_json_result;

/* Reads `length` bytes. Nothing of `source` is kept. Free the result whatever its status, on the same thread. */
iovad_json_result iovad_json_parse(
    const uint8_t *source, size_t length, uint32_t depth_max, uint32_t values_max);
void iovad_json_free(iovad_json_result result);

#ifdef __cplusplus
}
#endif
#endif
