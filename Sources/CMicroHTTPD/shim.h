/* libmicrohttpd for Swift: the include, and what Swift cannot express, each with the reason. */
#ifndef IOVAD_CMICROHTTPD_SHIM_H
#define IOVAD_CMICROHTTPD_SHIM_H
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <microhttpd.h>

/* MHD_get_connection_info is variadic, which Swift does not import. -1 when MHD does not know. */
static inline int
iovad_mhd_connection_fd (struct MHD_Connection *connection)
{
  const union MHD_ConnectionInfo *info =
    MHD_get_connection_info (connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info ? info->connect_fd : -1;
}

/* The same function again: what NOTIFY_CONNECTION stored for this connection, or NULL. */
static inline void *
iovad_mhd_socket_context (struct MHD_Connection *connection)
{
  const union MHD_ConnectionInfo *info =
    MHD_get_connection_info (connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info ? info->socket_context : (void *) 0;
}

/* MHD_set_response_options is variadic. No chunks: the end of the connection is the end of the body. */
static inline void
iovad_mhd_end_body_by_closing (struct MHD_Response *response)
{
  MHD_set_response_options (response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
}

/* Where the error log goes. A Swift function with a va_list cannot be @convention(c) on Linux, so lines are
 * formatted here. */
struct iovad_mhd_log_sink
{
  void (*take) (void *context, const char *line);
  void *context;
};

static inline void
iovad_mhd_log (void *sink, const char *format, va_list arguments)
{
  struct iovad_mhd_log_sink *to = sink;
  char line[512];

  vsnprintf (line, sizeof line, format, arguments);
  to->take (to->context, line);
}

static inline intptr_t
iovad_mhd_logger_address (void)
{
  return (intptr_t) &iovad_mhd_log;
}
#endif
