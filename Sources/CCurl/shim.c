/* libcurl is loaded here, by name, when it is first asked for. */
#include "CCurl.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

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

static bool load(void) {
    /* The two flavours of Debian have the same interface. */
    static const char *const names[] = {"libcurl-gnutls.so.4", "libcurl.so.4"};
    static bool is_loaded;
    if (is_loaded) return true;
    void *library = NULL;
    for (size_t i = 0; library == NULL && i < sizeof names / sizeof *names; i++) {
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    }
    if (library == NULL) return false;
    *(void **)&curl.global_init = dlsym(library, "curl_global_init");
    *(void **)&curl.init = dlsym(library, "curl_easy_init");
    *(void **)&curl.set = dlsym(library, "curl_easy_setopt");
    *(void **)&curl.perform = dlsym(library, "curl_easy_perform");
    *(void **)&curl.info = dlsym(library, "curl_easy_getinfo");
    *(void **)&curl.text = dlsym(library, "curl_easy_strerror");
    *(void **)&curl.cleanup = dlsym(library, "curl_easy_cleanup");
    *(void **)&curl.append = dlsym(library, "curl_slist_append");
    *(void **)&curl.free_all = dlsym(library, "curl_slist_free_all");
    is_loaded = curl.global_init && curl.init && curl.set && curl.perform && curl.info && curl.text
        && curl.cleanup && curl.append && curl.free_all && curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    return is_loaded;
}

static size_t pass(const iovad_curl_exchange *exchange, iovad_curl_sink sink, char *bytes, size_t count) {
    return sink(exchange->context, (const uint8_t *)bytes, count) ? count : 0;
}

static size_t on_head(char *bytes, size_t size, size_t count, void *exchange) {
    return pass(exchange, ((const iovad_curl_exchange *)exchange)->head, bytes, size * count);
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *exchange) {
    return pass(exchange, ((const iovad_curl_exchange *)exchange)->bytes, bytes, size * count);
}

static void set_options(CURL *easy, const iovad_curl_exchange *exchange, struct curl_slist *fields, char *error) {
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
    if (exchange->silence_seconds > 0) {
        curl.set(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl.set(easy, CURLOPT_LOW_SPEED_TIME, (long)exchange->silence_seconds);
    }
    curl.set(easy, CURLOPT_HEADERFUNCTION, on_head);
    curl.set(easy, CURLOPT_HEADERDATA, exchange);
    curl.set(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl.set(easy, CURLOPT_WRITEDATA, exchange);
}

static enum iovad_curl_outcome outcome(CURLcode code) {
    switch (code) {
    case CURLE_OK: return IOVAD_CURL_ANSWERED;
    case CURLE_WRITE_ERROR: return IOVAD_CURL_STOPPED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT: return IOVAD_CURL_UNREACHABLE;
    default: return IOVAD_CURL_FAILED;
    }
}

enum iovad_curl_outcome iovad_curl_send(
    const iovad_curl_exchange *exchange, long *status, char error[IOVAD_CURL_ERROR_BYTES]) {
    _Static_assert(IOVAD_CURL_ERROR_BYTES >= CURL_ERROR_SIZE, "libcurl writes so many bytes");
    *status = 0;
    error[0] = '\0';
    if (!load()) return IOVAD_CURL_MISSING;
    CURL *easy = curl.init();
    struct curl_slist *fields = NULL;
    bool has_memory = easy != NULL;
    for (size_t i = 0; has_memory && i < exchange->field_count; i++) {
        struct curl_slist *longer = curl.append(fields, exchange->fields[i]);
        has_memory = longer != NULL;
        if (has_memory) fields = longer;
    }
    enum iovad_curl_outcome result = IOVAD_CURL_FAILED;
    if (has_memory) {
        set_options(easy, exchange, fields, error);
        CURLcode code = curl.perform(easy);
        curl.info(easy, CURLINFO_RESPONSE_CODE, status);
        result = outcome(code);
        if (code != CURLE_OK && error[0] == '\0') {
            snprintf(error, IOVAD_CURL_ERROR_BYTES, "%s", curl.text(code));
        }
    } else {
        snprintf(error, IOVAD_CURL_ERROR_BYTES, "%s", "no memory");
    }
    curl.free_all(fields);
    if (easy) curl.cleanup(easy);
    return result;
}
