/* libfdt for Swift. Nothing but the include: what Swift cannot express would be added here, each with the
 * reason. */
#ifndef IOVAD_CDEVICETREE_SHIM_H
#define IOVAD_CDEVICETREE_SHIM_H
#include <libfdt.h>
#endif
