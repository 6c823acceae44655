/* What the transport costs: a server on the same libmicrohttpd, started with the same options as ours, that
 * reads a request's body, looks at none of it, and answers with bytes that were made before. Ours divided by
 * this is the share that is not libmicrohttpd and the kernel. It is no server to use: it has no deadlines and
 * no refusals.
 *
 * yardstick [--threads N] [--answer-bytes N]; it listens on a free port of 127.0.0.1, says so on standard
 * error in the words of `iovad serve`, and ends at SIGTERM. */

#include <arpa/inet.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_BYTES_MAX = 16 << 20, THREADS_MAX = 1024 };

/* Those of ServerLimits: memory for one connection, connections, seconds of silence. */
enum { CONNECTION_MEMORY_BYTES = 8192, CONNECTIONS_MAX = 10000, INACTIVITY_SECONDS = 60 };

static struct MHD_Response *live_answer;
static struct MHD_Response *fixed_answer;

static enum MHD_Result
answer (void *unused, struct MHD_Connection *connection, const char *url, const char *method,
        const char *version, const char *upload_data, size_t *upload_data_size, void **request)
{
  static int seen;

  (void) unused;
  (void) method;
  (void) version;
  (void) upload_data;
  if (! *request)
    {
      *request = &seen;
      return MHD_YES;
    }
  if (*upload_data_size)
    {
      *upload_data_size = 0;
      return MHD_YES;
    }
  return MHD_queue_response (connection, MHD_HTTP_OK, strcmp (url, "/livez") ? fixed_answer : live_answer);
}

static struct MHD_Response *
made (const char *bytes, size_t count, const char *type)
{
  struct MHD_Response *response =
    MHD_create_response_from_buffer (count, (void *) bytes, MHD_RESPMEM_MUST_COPY);

  if (! response || MHD_add_response_header (response, MHD_HTTP_HEADER_CONTENT_TYPE, type) != MHD_YES)
    {
      fputs ("yardstick: no memory for an answer\n", stderr);
      exit (1);
    }
  return response;
}

static long
number (const char *text, long most)
{
  char *end;
  long value = strtol (text, &end, 10);

  if (end == text || *end || value < 1 || value > most)
    {
      fprintf (stderr, "yardstick: %s is not a number from 1 to %ld\n", text, most);
      exit (2);
    }
  return value;
}

int
main (int count, char **arguments)
{
  long threads = sysconf (_SC_NPROCESSORS_ONLN);
  long answer_bytes = 1;
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
  struct MHD_OptionItem pool[] = { { MHD_OPTION_END, 0, NULL }, { MHD_OPTION_END, 0, NULL } };
  struct MHD_Daemon *daemon;
  sigset_t signals;
  char *bytes;
  int which;

  for (int index = 1; index < count; index += 2)
    {
      const char *name = arguments[index];

      if (index + 1 < count && ! strcmp (name, "--threads"))
        threads = number (arguments[index + 1], THREADS_MAX);
      else if (index + 1 < count && ! strcmp (name, "--answer-bytes"))
        answer_bytes = number (arguments[index + 1], ANSWER_BYTES_MAX);
      else
        {
          fputs ("usage: yardstick [--threads N] [--answer-bytes N]\n", stderr);
          return 2;
        }
    }
  bytes = malloc ((size_t) answer_bytes);
  if (! bytes)
    return 1;
  memset (bytes, 'x', (size_t) answer_bytes);
  live_answer = made ("alive\n", 6, "text/plain; charset=utf-8");
  fixed_answer = made (bytes, (size_t) answer_bytes, "application/json");
  free (bytes);

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
    MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
    answer, NULL, MHD_OPTION_SOCK_ADDR, (struct sockaddr *) &address, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
    (size_t) CONNECTION_MEMORY_BYTES, MHD_OPTION_CONNECTION_LIMIT, (unsigned int) CONNECTIONS_MAX,
    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int) INACTIVITY_SECONDS, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
  if (! daemon)
    {
      fputs ("yardstick: libmicrohttpd does not start\n", stderr);
      return 1;
    }
  fprintf (stderr, "yardstick serves http://127.0.0.1:%u\n",
           (unsigned int) MHD_get_daemon_info (daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
  sigwait (&signals, &which);
  MHD_stop_daemon (daemon);
  MHD_destroy_response (live_answer);
  MHD_destroy_response (fixed_answer);
  return 0;
}
