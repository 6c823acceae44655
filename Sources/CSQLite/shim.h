/* SQLite for Swift: the include, and what Swift cannot express, each with the reason. */
#ifndef IOVAD_CSQLITE_SHIM_H
#define IOVAD_CSQLITE_SHIM_H
#include <sqlite3.h>

/* SQLITE_TRANSIENT, which has SQLite copy what is bound, is a number cast to a pointer to a function. */
static inline int
iovad_sqlite_bind_text (sqlite3_stmt *statement, int index, const char *text, int length)
{
  return sqlite3_bind_text (statement, index, text, length, SQLITE_TRANSIENT);
}

static inline int
iovad_sqlite_bind_bytes (sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 length)
{
  return sqlite3_bind_blob64 (statement, index, bytes, length, SQLITE_TRANSIENT);
}
#endif
