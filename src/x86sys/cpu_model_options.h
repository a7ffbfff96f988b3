/* The text behind the model's name in -cpu. */
#ifndef MORTISE_X86SYS_CPU_MODEL_OPTIONS_H
#define MORTISE_X86SYS_CPU_MODEL_OPTIONS_H

#include "x86sys/model.h"

/* Takes the next piece between commas off *text; empty at the end. False: it is too long. */
NODISCARD bool sys_model_next_piece(const char **text, char *piece, size_t size);

/* The value of vendor= in the text; empty: there is none. */
NODISCARD int sys_model_vendor_option(const char *text, char vendor[13], struct error *err);

/* Applies the whole text to the model, and takes away what cannot be had: with `report`, a line
 * on standard error names it; with `enforce` in the text, it is an error. */
NODISCARD int sys_model_apply_options(struct sys_cpu_model *m, const char *text, bool report,
                                      struct error *err);

#endif
