/* libcurl is loaded here, by name, when it is first asked for. */
#include "CCurl.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct {
    CURLcode (*global_init)(long);
    CURL *(*init)(void);
    CURLcode (*set)(CURL *, CURLoption, ...);
    CURLcode (*perform)(CURL *);
    CURLcode (*info)(CURL *, CURLINFO, ...);
    const char *(*text)(CURLcode);
    void (*cleanup)(CURL *);
    struct curl_slist *(*append)(struct curl_slist *, const char *);
    void (*free_all)(struct curl_slist *);
} curl;

/* NULL for a library that can be used; otherwise what it lacks. */
static const char *take_functions(void *library) {
    const struct {
        const char *name;
        void *place;
    } functions[] = {
        {"curl_global_init", &curl.global_init}, {"curl_easy_init", &curl.init},
        {"curl_easy_setopt", &curl.set},         {"curl_easy_perform", &curl.perform},
        {"curl_easy_getinfo", &curl.info},       {"curl_easy_strerror", &curl.text},
        {"curl_easy_cleanup", &curl.cleanup},    {"curl_slist_append", &curl.append},
        {"curl_slist_free_all", &curl.free_all},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *function = dlsym(library, functions[i].name);
        if (function == NULL) return functions[i].name;
        memcpy(functions[i].place, &function, sizeof function);
    }
    return curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? NULL : "a successful curl_global_init";
}

/* Fills `error` with why each of the names cannot be used. */
static bool load(char *error) {
    /* The two flavours of Debian have the same interface. */
    static const char *const names[] = {"libcurl-gnutls.so.4", "libcurl.so.4"};
    static bool is_loaded;
    size_t length = 0;
    for (size_t i = 0; !is_loaded && i < sizeof names / sizeof *names; i++) {
        const size_t room = IOVAD_CURL_ERROR_BYTES - length;
        const char *gap = length > 0 ? "; " : "";
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        const char *missing = library ? take_functions(library) : NULL;
        is_loaded = library != NULL && missing == NULL;
        if (is_loaded) break;
        int written = library ? snprintf(error + length, room, "%s%s has no %s", gap, names[i], missing)
                              : snprintf(error + length, room, "%s%s", gap, dlerror());
        if (library) dlclose(library);
        if (written > 0) length += (size_t)written < room ? (size_t)written : room - 1;
    }
    if (is_loaded) error[0] = '\0';
    return is_loaded;
}

/* An exchange under way. */
struct progress {
    const iovad_curl_exchange *exchange;
    int64_t heard_at;
    bool is_silent;
};

static int64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static size_t pass(struct progress *progress, iovad_curl_sink sink, char *bytes, size_t count) {
    progress->heard_at = milliseconds();
    return sink(progress->exchange->context, (const uint8_t *)bytes, count) ? count : 0;
}

static size_t on_head(char *bytes, size_t size, size_t count, void *progress) {
    return pass(progress, ((struct progress *)progress)->exchange->head, bytes, size * count);
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *progress) {
    return pass(progress, ((struct progress *)progress)->exchange->bytes, bytes, size * count);
}

/* libcurl calls this about once a second. Its own LOW_SPEED counts whole bytes per second, and a stream that
 * has a heartbeat of some bytes now and then would be none to it. */
static int on_progress(void *context, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow) {
    (void)dltotal, (void)dlnow, (void)ultotal, (void)ulnow;
    struct progress *progress = context;
    progress->is_silent = milliseconds() - progress->heard_at > progress->exchange->silence_milliseconds;
    return progress->is_silent;
}

static void set_options(CURL *easy, struct progress *progress, struct curl_slist *fields, char *error) {
    const iovad_curl_exchange *exchange = progress->exchange;
    curl.set(easy, CURLOPT_URL, exchange->url);
    curl.set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl.set(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl.set(easy, CURLOPT_NOSIGNAL, 1L);
    curl.set(easy, CURLOPT_ERRORBUFFER, error);
    curl.set(easy, CURLOPT_HTTPHEADER, fields);
    if (exchange->body_length > 0) {
        curl.set(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->body_length);
        curl.set(easy, CURLOPT_POSTFIELDS, exchange->body);
    }
    curl.set(easy, CURLOPT_CUSTOMREQUEST, exchange->method);
    if (exchange->trusted) curl.set(easy, CURLOPT_CAINFO, exchange->trusted);
    curl.set(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)exchange->connect_milliseconds);
    curl.set(easy, CURLOPT_TIMEOUT_MS, (long)exchange->total_milliseconds);
    if (exchange->silence_milliseconds > 0) {
        curl.set(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl.set(easy, CURLOPT_XFERINFODATA, progress);
        curl.set(easy, CURLOPT_NOPROGRESS, 0L);
    }
    if (exchange->is_loopback) curl.set(easy, CURLOPT_NOPROXY, "*");
    /* What a proxy says of its tunnel is no head of the answer. */
    curl.set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl.set(easy, CURLOPT_HEADERFUNCTION, on_head);
    curl.set(easy, CURLOPT_HEADERDATA, progress);
    curl.set(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl.set(easy, CURLOPT_WRITEDATA, progress);
}

static enum iovad_curl_outcome outcome(CURL *easy, CURLcode code) {
    /* A connection that cannot be made, or whose certificate is not trusted, has carried no request. */
    long sent = 0;
    switch (code) {
    case CURLE_OK: return IOVAD_CURL_ANSWERED;
    case CURLE_WRITE_ERROR: return IOVAD_CURL_STOPPED;
    default:
        curl.info(easy, CURLINFO_REQUEST_SIZE, &sent);
        return sent == 0 ? IOVAD_CURL_UNREACHABLE : IOVAD_CURL_FAILED;
    }
}

enum iovad_curl_outcome iovad_curl_send(
    const iovad_curl_exchange *exchange, long *status, char error[IOVAD_CURL_ERROR_BYTES]) {
    _Static_assert(IOVAD_CURL_ERROR_BYTES >= CURL_ERROR_SIZE, "libcurl writes so many bytes");
    *status = 0;
    error[0] = '\0';
    if (!load(error)) return IOVAD_CURL_MISSING;
    CURL *easy = curl.init();
    struct curl_slist *fields = NULL;
    bool has_memory = easy != NULL;
    for (size_t i = 0; has_memory && i < exchange->field_count; i++) {
        struct curl_slist *longer = curl.append(fields, exchange->fields[i]);
        has_memory = longer != NULL;
        if (has_memory) fields = longer;
    }
    enum iovad_curl_outcome result = IOVAD_CURL_UNREACHABLE;
    if (has_memory) {
        struct progress progress = {.exchange = exchange, .heard_at = milliseconds()};
        set_options(easy, &progress, fields, error);
        CURLcode code = curl.perform(easy);
        curl.info(easy, CURLINFO_RESPONSE_CODE, status);
        result = outcome(easy, code);
        if (progress.is_silent) {
            snprintf(error, IOVAD_CURL_ERROR_BYTES, "nothing came for %u ms", (unsigned)exchange->silence_milliseconds);
        } else if (code != CURLE_OK && error[0] == '\0') {
            snprintf(error, IOVAD_CURL_ERROR_BYTES, "%s", curl.text(code));
        }
    } else {
        snprintf(error, IOVAD_CURL_ERROR_BYTES, "%s", "no memory");
    }
    curl.free_all(fields);
    if (easy) curl.cleanup(easy);
    return result;
}
