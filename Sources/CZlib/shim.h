/* zlib for Swift: the include, and what Swift cannot express, each with the reason. */
#ifndef IOVAD_CZLIB_SHIM_H
#define IOVAD_CZLIB_SHIM_H
#include <string.h>
#include <zlib.h>

/* deflateInit2 is a macro that passes the size of its structure. 31 is the window of zlib's default with a
 * gzip head; the head's time stays 0, so that the same bytes give the same file. */
static inline int
iovad_gzip_start (z_stream *stream, int level)
{
  memset (stream, 0, sizeof *stream);
  return deflateInit2 (stream, level, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY);
}

/* inflateInit2 is such a macro too; 31 as above. */
static inline int
iovad_gunzip_start (z_stream *stream)
{
  memset (stream, 0, sizeof *stream);
  return inflateInit2 (stream, 31);
}
#endif
