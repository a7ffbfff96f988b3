/* A context as a source of a GMainContext: whoever runs that runs the
 * context's descriptors, bottom halves and timers with it. */
#ifndef MORTISE_AIO_GLIB_SOURCE_H
#define MORTISE_AIO_GLIB_SOURCE_H

#include <glib.h>

#include "aio/aio.h"

/* A new source for ctx, of which there may be one at a time, to be attached
 * and unreferenced by the caller. It holds a reference to ctx. The thread that
 * runs the GMainContext must be the home of ctx. */
GSource *aio_get_g_source(struct aio_context *ctx);

#endif
