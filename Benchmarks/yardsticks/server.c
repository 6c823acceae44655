/* A server on the same libmicrohttpd as ours, started with the same options and as many threads, that takes a
 * request's body in full and answers what the product was recorded to answer. How it makes the bytes is in
 * plain.c and jansson.c. It is no server to use: it has no deadlines and no refusals.
 *
 * NAME [--threads N] --answer METHOD FILE ...; FILE holds a status, header lines, an empty line and the body.
 * It listens on a free port of 127.0.0.1, says so on standard error in the words of `iovad serve`, and ends at
 * SIGTERM. */

#include "server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ANSWERS_MAX = 8, THREADS_MAX = 1024 };

/* Those of ServerLimits: memory for one connection, connections, seconds of silence, bytes of a body. */
enum { CONNECTION_MEMORY_BYTES = 8192, CONNECTIONS_MAX = 10000, INACTIVITY_SECONDS = 60, BODY_BYTES_MAX = 24 << 20 };

static struct recorded_answer answers[ANSWERS_MAX];
static size_t answer_count;

struct request
{
  char *body;
  size_t used, room;
};

static _Noreturn void
fail (const char *what)
{
  fprintf (stderr, "yardstick: %s\n", what);
  exit (1);
}

/* The body's room is what Content-Length says, so that it is allocated once. */
static struct request *
begin (struct MHD_Connection *connection)
{
  const char *length = MHD_lookup_connection_value (connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
  struct request *request = calloc (1, sizeof *request);

  if (! request)
    return NULL;
  request->room = length ? strtoul (length, NULL, 10) : 0;
  if (request->room > BODY_BYTES_MAX || (request->room && ! (request->body = malloc (request->room))))
    {
      free (request);
      return NULL;
    }
  return request;
}

static enum MHD_Result
handle (void *unused, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
        const char *upload_data, size_t *upload_data_size, void **state)
{
  struct request *request = *state;

  (void) unused;
  (void) url;
  (void) version;
  if (! request)
    return (*state = begin (connection)) ? MHD_YES : MHD_NO;
  if (*upload_data_size)
    {
      if (*upload_data_size > request->room - request->used)
        return MHD_NO;
      memcpy (request->body + request->used, upload_data, *upload_data_size);
      request->used += *upload_data_size;
      *upload_data_size = 0;
      return MHD_YES;
    }
  for (size_t index = 0; index < answer_count; index++)
    if (! strcmp (answers[index].method, method))
      {
        int is_ours = 0;
        struct MHD_Response *response = respond (&answers[index], request->body, request->used, &is_ours);
        enum MHD_Result result = MHD_queue_response (connection, answers[index].status, response);

        if (is_ours)
          MHD_destroy_response (response);
        return result;
      }
  return MHD_NO;
}

static void
completed (void *unused, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
  struct request *request = *state;

  (void) unused;
  (void) connection;
  (void) code;
  if (! request)
    return;
  free (request->body);
  free (request);
  *state = NULL;
}

void
add_headers (struct MHD_Response *response, const struct recorded_answer *answer)
{
  if (! response)
    fail ("no memory for an answer");
  for (size_t index = 0; index < answer->header_count; index++)
    if (MHD_add_response_header (response, answer->names[index], answer->values[index]) != MHD_YES)
      fail ("libmicrohttpd refuses a recorded header");
}

/* Cuts the next line off; NULL at the end. */
static char *
next_line (char **rest)
{
  char *line = *rest, *end = strchr (line, '\n');

  if (! end)
    return NULL;
  *end = 0;
  *rest = end + 1;
  return line;
}

static void
read_answer (struct recorded_answer *answer, char *method, const char *path)
{
  FILE *file = fopen (path, "rb");
  char *text, *line;
  long size;

  if (! file || fseek (file, 0, SEEK_END) || (size = ftell (file)) < 0 || ! (text = malloc (size + 1)))
    fail ("an --answer cannot be read");
  rewind (file);
  if (fread (text, 1, size, file) != (size_t) size)
    fail ("an --answer cannot be read");
  fclose (file);
  text[size] = 0;
  answer->method = method;
  answer->body = text;
  if (! (line = next_line (&answer->body)))
    fail ("an --answer has no status");
  answer->status = atoi (line);
  while ((line = next_line (&answer->body)) && *line)
    {
      char *colon = strchr (line, ':');

      if (! colon || answer->header_count == HEADERS_MAX)
        fail ("a header of an --answer cannot be read");
      *colon = 0;
      answer->names[answer->header_count] = line;
      answer->values[answer->header_count++] = colon + 2;
    }
  answer->body_bytes = text + size - answer->body;
  prepare (answer);
}

static long
read_arguments (int count, char **arguments)
{
  long threads = sysconf (_SC_NPROCESSORS_ONLN);

  for (int index = 1; index < count; index++)
    if (index + 1 < count && ! strcmp (arguments[index], "--threads"))
      threads = atol (arguments[++index]);
    else if (index + 2 < count && ! strcmp (arguments[index], "--answer") && answer_count < ANSWERS_MAX)
      {
        read_answer (&answers[answer_count++], arguments[index + 1], arguments[index + 2]);
        index += 2;
      }
    else
      fail ("usage: [--threads N] --answer METHOD FILE ...");
  if (threads < 1 || threads > THREADS_MAX)
    fail ("--threads is out of range");
  return threads;
}

int
main (int count, char **arguments)
{
  long threads = read_arguments (count, arguments);
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
  struct MHD_OptionItem pool[] = { { MHD_OPTION_END, 0, NULL }, { MHD_OPTION_END, 0, NULL } };
  struct MHD_Daemon *daemon;
  sigset_t signals;
  int which;

  /* Before any thread starts, so that all inherit it. */
  sigemptyset (&signals);
  sigaddset (&signals, SIGTERM);
  sigaddset (&signals, SIGINT);
  pthread_sigmask (SIG_BLOCK, &signals, NULL);
  signal (SIGPIPE, SIG_IGN);
  /* A pool of one is refused. */
  if (threads > 1)
    pool[0] = (struct MHD_OptionItem) { MHD_OPTION_THREAD_POOL_SIZE, threads, NULL };
  daemon = MHD_start_daemon (
    MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle,
    NULL, MHD_OPTION_SOCK_ADDR, (struct sockaddr *) &address, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) CONNECTION_MEMORY_BYTES, MHD_OPTION_CONNECTION_LIMIT,
    (unsigned int) CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int) INACTIVITY_SECONDS,
    MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
  if (! daemon)
    fail ("libmicrohttpd does not start");
  fprintf (stderr, "yardstick serves http://127.0.0.1:%u\n",
           (unsigned int) MHD_get_daemon_info (daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
  sigwait (&signals, &which);
  MHD_stop_daemon (daemon);
  return 0;
}
