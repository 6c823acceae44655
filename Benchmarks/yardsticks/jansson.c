/* The yardstick of a server in C that reads and writes JSON with jansson, and does nothing else: it reads the
 * body into a tree, looks every member up by its name and reads its number, builds an answer of the recorded
 * shape as a new tree, and encodes that. What the product takes beyond it is what answering costs. */

#include "server.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sums what it reads, so that no look-up can be left out. */
static unsigned long long
look_up (const json_t *value)
{
  unsigned long long sum = 0;
  const char *name;
  json_t *item;
  size_t index;

  switch (json_typeof (value))
    {
    case JSON_OBJECT:
      json_object_foreach ((json_t *) value, name, item) sum += look_up (json_object_get (value, name));
      return sum;
    case JSON_ARRAY:
      json_array_foreach (value, index, item) sum += look_up (item);
      return sum;
    case JSON_STRING:
      return strtoull (json_string_value (value), NULL, 0);
    case JSON_INTEGER:
      return json_integer_value (value);
    case JSON_REAL:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
      return 1;
    }
  return 0;
}

void
prepare (struct recorded_answer *answer)
{
  answer->model = json_loadb (answer->body, answer->body_bytes, 0, NULL);
  if (! answer->model && answer->body_bytes)
    {
      fputs ("yardstick: a recorded answer is not JSON\n", stderr);
      exit (1);
    }
}

struct MHD_Response *
respond (struct recorded_answer *answer, const char *body, size_t body_bytes, int *is_ours)
{
  volatile unsigned long long seen = 0;
  struct MHD_Response *response;
  json_t *question = body_bytes ? json_loadb (body, body_bytes, 0, NULL) : NULL;
  json_t *tree = answer->model ? json_deep_copy (answer->model) : NULL;
  char *text = tree ? json_dumps (tree, JSON_COMPACT) : NULL;

  if (question)
    seen = look_up (question);
  (void) seen;
  json_decref (question);
  json_decref (tree);
  response = text ? MHD_create_response_from_buffer (strlen (text), text, MHD_RESPMEM_MUST_FREE)
                  : MHD_create_response_from_buffer (0, "", MHD_RESPMEM_PERSISTENT);
  add_headers (response, answer);
  *is_ours = 1;
  return response;
}
