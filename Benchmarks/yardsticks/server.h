/* What the two yardstick servers share. server.c holds the socket, the bodies and the recorded answers; a
 * yardstick adds how it answers, in one function. */

#ifndef YARDSTICK_SERVER_H
#define YARDSTICK_SERVER_H

#include <microhttpd.h>
#include <stddef.h>

enum { HEADERS_MAX = 32 };

/* An answer of the product, as it was recorded. Date, Content-Length and Connection are libmicrohttpd's. */
struct recorded_answer
{
  char *method;
  unsigned int status;
  size_t header_count;
  char *names[HEADERS_MAX];
  char *values[HEADERS_MAX];
  char *body;
  size_t body_bytes;
  struct MHD_Response *ready; /* made once, sent many times */
  void *model;                /* of the yardstick */
};

/* Adds the recorded headers; ends the program when there is no memory. */
void add_headers (struct MHD_Response *response, const struct recorded_answer *answer);

/* Called for each recorded answer before the server starts. */
void prepare (struct recorded_answer *answer);

/* The response to a request whose body came in full. `*is_ours` is set when the caller has to destroy it. */
struct MHD_Response *respond (struct recorded_answer *answer, const char *body, size_t body_bytes, int *is_ours);

#endif
