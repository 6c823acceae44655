/* libcurl for Swift: one exchange. To be deleted when Swift can call functions with variable arguments. */
#ifndef IOVAD_CCURL_H
#define IOVAD_CCURL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Receives bytes while they arrive; false ends the exchange. */
typedef bool (*iovad_curl_sink)(void *context, const uint8_t *bytes, size_t count);

typedef struct {
    const char *method;
    const char *url;
    /* "Name: value", of any number. */
    const char *const *fields;
    size_t field_count;
    const uint8_t *body;
    size_t body_length;
    /* A file of certificates to trust; NULL for the system's. */
    const char *trusted;
    /* The server is this machine: no proxy of the environment is asked. */
    bool is_loopback;
    uint32_t connect_milliseconds;
    /* Of the whole exchange; 0 for a stream, which ends when not a byte came for `silence_milliseconds`. */
    uint32_t total_milliseconds;
    uint32_t silence_milliseconds;
    /* A line of the head, its end included. */
    iovad_curl_sink head;
    iovad_curl_sink bytes;
    void *context;
} iovad_curl_exchange;

enum { IOVAD_CURL_ERROR_BYTES = 256 };

enum iovad_curl_outcome {
    IOVAD_CURL_ANSWERED,
    /* A sink ended it. */
    IOVAD_CURL_STOPPED,
    /* No libcurl on this machine that can be loaded. */
    IOVAD_CURL_MISSING,
    /* Nothing was sent. */
    IOVAD_CURL_UNREACHABLE,
    IOVAD_CURL_FAILED
};

/* Sends a request and receives its answer, on the calling thread. `status` is 0 where no head came; `error`
 * is a sentence where the outcome is neither answered nor stopped. Not for two threads at once before the
 * first exchange has ended. */
enum iovad_curl_outcome iovad_curl_send(
    const iovad_curl_exchange *exchange, long *status, char error[IOVAD_CURL_ERROR_BYTES]);

#endif
