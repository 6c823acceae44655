/* libmicrohttpd for Swift: the include, and one wrapper for what Swift cannot call. */
#ifndef IOVAD_CMICROHTTPD_SHIM_H
#define IOVAD_CMICROHTTPD_SHIM_H
#include <microhttpd.h>

/* MHD_get_connection_info is variadic, which Swift cannot call; to be deleted when libmicrohttpd offers it
 * otherwise. The peer's address, valid as long as the connection; NULL when it is not known. */
static inline const struct sockaddr *iovad_client_address(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info == NULL ? NULL : info->client_addr;
}
#endif
