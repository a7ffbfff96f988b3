/* Character devices that are made by themselves and used by name later: -chardev
 * KIND,id=ID,... and "chardev:ID" wherever a specification is taken (hw/chardev.h). */
#ifndef MORTISE_HW_CHARDEV_NAMED_H
#define MORTISE_HW_CHARDEV_NAMED_H

#include "hw/chardev.h"

/* Makes one:
 *
 *   null  pty  vc  stdio[,signal=off]  file,path=P  pipe,path=P  serial,path=P
 *   socket,path=P  socket,host=H,port=N[,telnet=on]     both [,server=on][,wait=off]
 *
 * each with id=ID, [,logfile=FILE][,logappend=on] (hw/chardev.h), and mux=on for two users, between
 * whom Ctrl-A c switches. `quit` is called for Ctrl-A x then. Fails with a sentence. */
NODISCARD int chardev_named_add(const char *text, void (*quit)(void *opaque), void *opaque,
                                struct error *err) REQUIRES(bql);

bool chardev_named_is(const char *id) REQUIRES(bql);

/* It belongs to who takes it; once, or twice if it is multiplexed. */
NODISCARD int chardev_named_take(const char *id, const char *user, struct chardev **out,
                                 struct error *err) REQUIRES(bql);

/* Those that nobody has taken. */
void chardevs_named_free(void) REQUIRES(bql);

#endif
