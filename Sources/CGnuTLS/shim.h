/* GnuTLS for Swift: the includes. Swift can call all that is needed here. */
#ifndef IOVAD_CGNUTLS_SHIM_H
#define IOVAD_CGNUTLS_SHIM_H
#include <gnutls/gnutls.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#endif
