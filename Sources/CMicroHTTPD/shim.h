/* libmicrohttpd for Swift: the include, and what Swift cannot express, each with the reason. */
#ifndef IOVAD_CMICROHTTPD_SHIM_H
#define IOVAD_CMICROHTTPD_SHIM_H
#include <link.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <sys/socket.h>
#include <gnutls/gnutls.h>
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

/* The same function again: bytes of the head, from the method to the empty line; 0 before it is complete. */
static inline size_t
iovad_mhd_head_size (struct MHD_Connection *connection)
{
  const union MHD_ConnectionInfo *info =
    MHD_get_connection_info (connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
  return info ? info->header_size : 0;
}

/* Everything of which libmicrohttpd keeps a record: in Swift, kinds of values cannot be added up. */
static inline void
iovad_mhd_each_record (struct MHD_Connection *connection, MHD_KeyValueIterator take, void *context)
{
  MHD_get_connection_values (connection, MHD_HEADER_KIND | MHD_COOKIE_KIND | MHD_GET_ARGUMENT_KIND, take, context);
}

/* MHD_get_connection_info again, for its TLS session: sends bytes past libmicrohttpd, and no more after them. */
static inline void
iovad_mhd_send_last (struct MHD_Connection *connection, const void *bytes, size_t count)
{
  const union MHD_ConnectionInfo *info =
    MHD_get_connection_info (connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  int descriptor = iovad_mhd_connection_fd (connection);

  if (info && info->tls_session)
    {
      gnutls_record_send (info->tls_session, bytes, count);
      gnutls_bye (info->tls_session, GNUTLS_SHUT_WR);
    }
  else
    send (descriptor, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
  shutdown (descriptor, SHUT_RDWR);
}

/* MHD_set_connection_option is variadic. Not while the connection is suspended: then it does nothing. */
static inline void
iovad_mhd_set_timeout (struct MHD_Connection *connection, unsigned int seconds)
{
  MHD_set_connection_option (connection, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
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

/* The beginning of link.h's dl_phdr_info and its function, which Glibc shows only to those who define _GNU_SOURCE:
 * with other macros than Swift's Glibc, a module has other definitions of the C library's types. */
struct iovad_loaded_object
{
  ElfW (Addr) address;
  const char *name;
  const ElfW (Phdr) *segments;
  ElfW (Half) segment_count;
};

extern int iovad_each_loaded_object (int (*visit) (struct iovad_loaded_object *, size_t, void *), void *context)
  __asm__ ("dl_iterate_phdr");

/* Pages of files that are mapped without the right to write: the system drops them,
 * and reads those that are touched again from its cache. */
static inline int
iovad_return_object_pages (struct iovad_loaded_object *object, size_t size, void *unused)
{
  const uintptr_t page_mask = (uintptr_t) sysconf (_SC_PAGESIZE) - 1;

  (void) size;
  (void) unused;
  for (int place = 0; place < object->segment_count; place++)
    {
      const ElfW (Phdr) *segment = &object->segments[place];
      const uintptr_t start = object->address + segment->p_vaddr, first = start & ~page_mask;

      if (segment->p_type == PT_LOAD && ! (segment->p_flags & PF_W))
        madvise ((void *) first, start - first + segment->p_filesz, MADV_DONTNEED);
    }
  return 0;
}

static inline void
iovad_return_program_pages (void)
{
  iovad_each_loaded_object (iovad_return_object_pages, NULL);
}

static inline intptr_t
iovad_mhd_logger_address (void)
{
  return (intptr_t) &iovad_mhd_log;
}
#endif
