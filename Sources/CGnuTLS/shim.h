/* GnuTLS for Swift: the includes. Swift can call all that is needed here. */
#ifndef IOVAD_CGNUTLS_SHIM_H
#define IOVAD_CGNUTLS_SHIM_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* as in CMicroHTTPD: types of the C library must be the same in both */
#endif
#include <gnutls/gnutls.h>
#include <gnutls/abstract.h>
#endif
