/* libpq for Swift: the include, and what Swift cannot express, each with the reason. */
#ifndef IOVAD_CPOSTGRESQL_SHIM_H
#define IOVAD_CPOSTGRESQL_SHIM_H
#include <libpq-fe.h>

/* PG_DIAG_SQLSTATE and PG_DIAG_SEVERITY_NONLOCALIZED are macros of character constants, ints in C. */
static inline const char *
iovad_pq_state (const PGresult *result)
{
  return PQresultErrorField (result, PG_DIAG_SQLSTATE);
}

static inline const char *
iovad_pq_severity (const PGresult *result)
{
  return PQresultErrorField (result, PG_DIAG_SEVERITY_NONLOCALIZED);
}

static inline const char *
iovad_pq_message (const PGresult *result)
{
  return PQresultErrorField (result, PG_DIAG_MESSAGE_PRIMARY);
}

/* What servers remark is not for standard error, where libpq would write it. */
static inline void
iovad_pq_ignore (void *context, const PGresult *result)
{
  (void) context;
  (void) result;
}

static inline void
iovad_pq_silence (PGconn *connection)
{
  PQsetNoticeReceiver (connection, iovad_pq_ignore, 0);
}
#endif
