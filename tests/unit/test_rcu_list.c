/* RCU lists: their shape after each operation, and what a reader standing on
 * an element that goes away sees next. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include "rcu/list.h"

struct item {
    int value;
    struct rcu_list link;
};

/* The values of the list as decimal digits, forward as a reader goes, and
 * checked against the way back that updaters go. */
static int digits(struct rcu_list *list)
{
    int forward = 0, backward = 0, factor = 1;

    rcu_read_lock();
    RCU_LIST_FOREACH (struct item, item, list, link) {
        forward = forward * 10 + item->value;
    }
    rcu_read_unlock();
    for (struct rcu_list *link = list->prev; link != list; link = link->prev) {
        backward += factor * RCU_LIST_ENTRY(link, struct item, link)->value;
        factor *= 10;
    }
    assert_int_equal(forward, backward);
    return forward;
}

static void test_elements_come_in_the_order_they_were_added(void **state)
{
    struct rcu_list list = RCU_LIST_INIT(list);
    struct item items[4] = {{.value = 1}, {.value = 2}, {.value = 3}, {.value = 4}};

    (void)state;
    assert_true(rcu_list_empty(&list));
    assert_int_equal(digits(&list), 0);
    rcu_list_add_tail(&list, &items[1].link);
    rcu_list_add_tail(&list, &items[2].link);
    rcu_list_add_head(&list, &items[0].link);
    rcu_list_add_tail(&list, &items[3].link);
    assert_int_equal(digits(&list), 1234);
    assert_false(rcu_list_empty(&list));
}

static void test_elements_are_removed_anywhere(void **state)
{
    struct rcu_list list;
    struct item items[4] = {{.value = 1}, {.value = 2}, {.value = 3}, {.value = 4}};

    (void)state;
    rcu_list_init(&list);
    for (int i = 0; i < 4; i++) {
        rcu_list_add_tail(&list, &items[i].link);
    }
    rcu_list_del(&items[1].link);
    assert_int_equal(digits(&list), 134);
    rcu_list_del(&items[0].link);
    assert_int_equal(digits(&list), 34);
    rcu_list_del(&items[3].link);
    assert_int_equal(digits(&list), 3);
    rcu_list_del(&items[2].link);
    assert_true(rcu_list_empty(&list));
}

static void test_an_element_is_replaced_in_its_place(void **state)
{
    struct rcu_list list = RCU_LIST_INIT(list);
    struct item items[3] = {{.value = 1}, {.value = 2}, {.value = 3}}, five = {.value = 5};

    (void)state;
    for (int i = 0; i < 3; i++) {
        rcu_list_add_tail(&list, &items[i].link);
    }
    rcu_list_replace(&items[1].link, &five.link);
    assert_int_equal(digits(&list), 153);
}

static void test_a_reader_on_a_removed_element_goes_on(void **state)
{
    struct rcu_list list = RCU_LIST_INIT(list);
    struct item items[4] = {{.value = 1}, {.value = 2}, {.value = 3}, {.value = 4}};
    int seen = 0;

    (void)state;
    for (int i = 0; i < 4; i++) {
        rcu_list_add_tail(&list, &items[i].link);
    }
    rcu_read_lock();
    RCU_LIST_FOREACH (struct item, item, &list, link) {
        seen = seen * 10 + item->value;
        if (item->value == 2) {
            rcu_list_del(&items[1].link);
            rcu_list_del(&items[2].link);
        }
    }
    rcu_read_unlock();
    assert_true(seen == 124 || seen == 1234);
    assert_int_equal(digits(&list), 14);
}

#ifdef MORTISE_SANITIZE
#define ROUNDS 2000
#else
#define ROUNDS 20000
#endif
#define LENGTH 8

static struct rcu_list shared = RCU_LIST_INIT(shared);
static atomic_bool stop;
static atomic_ulong bad, walks;

/* Every element has a value from 1 to LENGTH, freed ones have 0. The list
 * changes at most once during a walk, as each change waits for a grace period:
 * an element may be missed while it moves from head to tail, no more. */
static void *walker(void *unused)
{
    (void)unused;
    while (!atomic_load(&stop)) {
        unsigned long length = 0;

        rcu_read_lock();
        RCU_LIST_FOREACH (struct item, item, &shared, link) {
            if (item->value < 1 || item->value > LENGTH) {
                atomic_fetch_add(&bad, 1);
            }
            length++;
        }
        rcu_read_unlock();
        if (length < LENGTH - 1) {
            atomic_fetch_add(&bad, 1);
        }
        atomic_fetch_add(&walks, 1);
    }
    return NULL;
}

static struct item *item_new(int value)
{
    struct item *item = malloc(sizeof(*item));

    assert_non_null(item);
    item->value = value;
    return item;
}

static void test_walks_stay_on_the_list_while_it_changes(void **state)
{
    pthread_t walkers[2];

    (void)state;
    for (int i = 1; i <= LENGTH; i++) {
        rcu_list_add_tail(&shared, &item_new(i)->link);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&walkers[i], NULL, walker, NULL), 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        struct rcu_list *first = rcu_dereference_locked(shared.next);
        struct item *old = RCU_LIST_ENTRY(first, struct item, link), *new = item_new(old->value);

        if (i % 2) {
            rcu_list_replace(&old->link, &new->link);
        } else {
            rcu_list_del(&old->link);
            rcu_list_add_tail(&shared, &new->link);
        }
        synchronize_rcu();
        old->value = 0;
        free(old);
    }
    while (atomic_load(&walks) == 0) {
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(walkers[i], NULL);
    }
    while (!rcu_list_empty(&shared)) {
        struct item *item = RCU_LIST_ENTRY(shared.prev, struct item, link);

        rcu_list_del(&item->link);
        free(item);
    }
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements_come_in_the_order_they_were_added),
        cmocka_unit_test(test_elements_are_removed_anywhere),
        cmocka_unit_test(test_an_element_is_replaced_in_its_place),
        cmocka_unit_test(test_a_reader_on_a_removed_element_goes_on),
        cmocka_unit_test(test_walks_stay_on_the_list_while_it_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
