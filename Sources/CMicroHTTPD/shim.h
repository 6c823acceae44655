/* libmicrohttpd for Swift: the include, and what Swift cannot express, each with the reason. */
#ifndef IOVAD_CMICROHTTPD_SHIM_H
#define IOVAD_CMICROHTTPD_SHIM_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dl_iterate_phdr */
#endif
#include <link.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
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

/* Swift's Glibc has no link.h. Pages of files that are mapped without the right to write: the system drops them,
 * and reads those that are touched again from its cache. */
static inline int
iovad_return_object_pages (struct dl_phdr_info *object, size_t size, void *unused)
{
  const uintptr_t page_mask = (uintptr_t) sysconf (_SC_PAGESIZE) - 1;

  (void) size;
  (void) unused;
  for (int place = 0; place < object->dlpi_phnum; place++)
    {
      const ElfW (Phdr) *segment = &object->dlpi_phdr[place];
      const uintptr_t start = object->dlpi_addr + segment->p_vaddr, first = start & ~page_mask;

      if (segment->p_type == PT_LOAD && ! (segment->p_flags & PF_W))
        madvise ((void *) first, start - first + segment->p_filesz, MADV_DONTNEED);
    }
  return 0;
}

static inline void
iovad_return_program_pages (void)
{
  dl_iterate_phdr (iovad_return_object_pages, NULL);
}

static inline intptr_t
iovad_mhd_logger_address (void)
{
  return (intptr_t) &iovad_mhd_log;
}
#endif
