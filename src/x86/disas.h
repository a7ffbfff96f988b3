/* What -d in_asm, op and out_asm print of a translation. */
#ifndef MORTISE_X86_DISAS_H
#define MORTISE_X86_DISAS_H

#include "base/log.h"
#include "x86/translate.h"

/* Logs a finished translation, as far as it is asked for. */
void x86_disas_log(const struct translation *t, const struct tb *tb);

#endif
