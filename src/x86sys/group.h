/* Groups of accesses that share a TLB look-up: group.c finds them, lower_group.c writes
 * their code. */
#ifndef MORTISE_X86SYS_GROUP_H
#define MORTISE_X86SYS_GROUP_H

#include "x86sys/translate.h"

#define SYS_GROUP_STRETCH 256 /* bytes at most */

enum sys_group_member_kind {
    MEMBER_NONE,
    MEMBER_PLAIN,
    MEMBER_MEMORY,
    MEMBER_PUSH,
    MEMBER_POP,
    MEMBER_CALL, /* it and RET end a group */
    MEMBER_RET
};

struct sys_group {
    unsigned count; /* of instructions */
    unsigned accesses;
    uint8_t base;
    int64_t low, high; /* of the stretch, from the base as it is at the beginning */
    int64_t moved;     /* by how much the base (RSP) has changed since */
    int64_t owed;      /* ... that RSP's register does not show yet */
    uint32_t access;
};

enum sys_group_member_kind sys_group_member(const struct sys_insn *in);

/* Whether a group is over behind such a member. */
bool sys_group_ends(enum sys_group_member_kind m);

/* ADD, SUB or LEA of a constant to RSP, of an instruction that writes RSP: *by how much
 * it changes. */
bool sys_group_moves_rsp(const struct sys_insn *in, int64_t *by);

/* After a member: counts in g->moved by how much the base has changed. False: it is not
 * what the stretch counts from any more. */
bool sys_group_follow(struct sys_group *g, const struct sys_insn *in, enum sys_group_member_kind m);

/* The group that begins with the instruction at t->at; less than two accesses: none. */
void sys_group_find(const struct sys_translation *t, struct sys_group *g);

#endif
