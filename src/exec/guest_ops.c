/* The two tables through which src/exec reaches the guest's instruction set
 * and its environment; set at start-up, before any vCPU exists. */
#include "exec/guest_ops.h"

const struct guest_ops *guest_ops;
const struct code_source_ops *code_source;
