/* A guarded field is read without its lock. */
/* expect: reading variable 'balance' requires holding mutex */
#include "account.h"

int balance(struct account *a);

int balance(struct account *a)
{
    return a->balance;
}
