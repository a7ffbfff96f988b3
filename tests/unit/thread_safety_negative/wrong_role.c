/* A thread without the role calls what needs it. */
/* expect: calling function 'run_guest' requires holding role 'vcpu_role' */
#include "account.h"

void act(struct account *a)
{
    (void)a;
    run_guest();
}
