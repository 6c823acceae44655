/* The bare yardstick: it looks at no byte of a body and sends an answer that was made before. What a request
 * costs here is libmicrohttpd's and the kernel's; what the product costs beyond it is the product's. */

#include "server.h"

void
prepare (struct recorded_answer *answer)
{
  answer->ready = MHD_create_response_from_buffer (answer->body_bytes, answer->body, MHD_RESPMEM_PERSISTENT);
  add_headers (answer->ready, answer);
}

struct MHD_Response *
respond (struct recorded_answer *answer, const char *body, size_t body_bytes, int *is_ours)
{
  (void) body;
  (void) body_bytes;
  *is_ours = 0;
  return answer->ready;
}
