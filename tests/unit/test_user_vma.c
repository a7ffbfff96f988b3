/* The set of guest mappings, and the set of pages: against a plain array
 * that says the same byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "user/page_set.h"
#include "user/vma.h"

#define PAGE 4096UL

static struct vma range(uint64_t start, uint64_t end, uint32_t prot)
{
    return (struct vma){.start = start * PAGE, .end = end * PAGE, .prot = prot};
}

static void insert(struct vma_set *set, uint64_t start, uint64_t end, uint32_t prot)
{
    struct vma v = range(start, end, prot);
    vma_insert(set, &v);
}

static void test_ranges_are_split_and_merged(void **unused)
{
    struct vma_set set = {0};
    (void)unused;
    insert(&set, 10, 20, 1);
    insert(&set, 20, 30, 1);
    assert_int_equal(set.count, 1);
    insert(&set, 14, 16, 2);
    assert_int_equal(set.count, 3);
    assert_int_equal(vma_find(&set, 15 * PAGE)->prot, 2);
    vma_set_prot(&set, 14 * PAGE, 16 * PAGE, 1);
    assert_int_equal(set.count, 1);
    vma_remove(&set, 12 * PAGE, 13 * PAGE);
    assert_int_equal(set.count, 2);
    assert_null(vma_find(&set, 12 * PAGE));
    assert_true(vma_covers(&set, 13 * PAGE, 30 * PAGE));
    assert_false(vma_covers(&set, 11 * PAGE, 30 * PAGE));
    assert_true(vma_overlaps(&set, 12 * PAGE, 14 * PAGE));
    assert_false(vma_overlaps(&set, 12 * PAGE, 13 * PAGE));
    assert_false(vma_overlaps(&set, 30 * PAGE, 40 * PAGE));
    vma_set_free(&set);
}

static void test_file_offsets_follow_splits(void **unused)
{
    struct vma_set set = {0};
    struct vma file = range(10, 20, 1);
    (void)unused;
    file.ino = 7;
    file.offset = 100 * PAGE;
    vma_insert(&set, &file);
    vma_remove(&set, 12 * PAGE, 15 * PAGE);
    assert_int_equal(vma_find(&set, 15 * PAGE)->offset, 105 * PAGE);
    /* The same pages come back and are merged; others of the file are not. */
    file = range(12, 15, 1);
    file.ino = 7;
    file.offset = 102 * PAGE;
    vma_insert(&set, &file);
    assert_int_equal(set.count, 1);
    file.offset = 103 * PAGE;
    vma_insert(&set, &file);
    assert_int_equal(set.count, 3);
    vma_set_free(&set);
}

static void test_gap_is_the_highest_that_fits(void **unused)
{
    struct vma_set set = {0};
    (void)unused;
    assert_int_equal(vma_gap_from_top(&set, 10 * PAGE, 100 * PAGE, 5 * PAGE, PAGE), 95 * PAGE);
    insert(&set, 90, 120, 1);
    assert_int_equal(vma_gap_from_top(&set, 10 * PAGE, 100 * PAGE, 5 * PAGE, PAGE), 85 * PAGE);
    insert(&set, 40, 88, 1);
    assert_int_equal(vma_gap_from_top(&set, 10 * PAGE, 100 * PAGE, 2 * PAGE, PAGE), 88 * PAGE);
    assert_int_equal(vma_gap_from_top(&set, 10 * PAGE, 100 * PAGE, 5 * PAGE, PAGE), 35 * PAGE);
    assert_int_equal(vma_gap_from_top(&set, 10 * PAGE, 100 * PAGE, 5 * PAGE, 16 * PAGE), 32 * PAGE);
    assert_int_equal(vma_gap_from_top(&set, 10 * PAGE, 100 * PAGE, 31 * PAGE, PAGE), 0);
    insert(&set, 0, 200, 1);
    assert_int_equal(vma_gap_from_top(&set, 10 * PAGE, 100 * PAGE, PAGE, PAGE), 0);
    vma_set_free(&set);
}

#define MODEL_PAGES 64

static void check_against(const struct vma_set *set, const unsigned char *model)
{
    for (uint64_t page = 0; page < MODEL_PAGES; page++) {
        const struct vma *v = vma_find(set, page * PAGE + 5);
        assert_int_equal(v ? v->prot : 0, model[page]);
    }
    for (size_t i = 0; i + 1 < set->count; i++) {
        assert_true(set->v[i]->start < set->v[i]->end);
        assert_true(set->v[i]->end <= set->v[i + 1]->start);
        assert_false(set->v[i]->end == set->v[i + 1]->start &&
                     set->v[i]->prot == set->v[i + 1]->prot);
    }
}

static void test_random_operations_equal_the_model(void **unused)
{
    struct vma_set set = {0};
    unsigned char model[MODEL_PAGES] = {0};
    unsigned seed = 1;
    (void)unused;
    for (int step = 0; step < 20000; step++) {
        uint64_t start = (uint64_t)rand_r(&seed) % MODEL_PAGES;
        uint64_t end = start + 1 + (uint64_t)rand_r(&seed) % (MODEL_PAGES - start);
        unsigned char prot = (unsigned char)(1 + rand_r(&seed) % 3);
        switch (rand_r(&seed) % 3) {
        case 0:
            insert(&set, start, end, prot);
            memset(model + start, prot, end - start);
            break;
        case 1:
            vma_remove(&set, start * PAGE, end * PAGE);
            memset(model + start, 0, end - start);
            break;
        default:
            vma_set_prot(&set, start * PAGE, end * PAGE, prot);
            for (uint64_t page = start; page < end; page++) {
                model[page] = model[page] ? prot : 0;
            }
            break;
        }
        check_against(&set, model);
    }
    vma_set_free(&set);
}

static void test_page_set_equals_the_model(void **unused)
{
    struct page_set set = {0};
    unsigned char model[512] = {0};
    size_t count = 0;
    unsigned seed = 2;
    (void)unused;
    for (int step = 0; step < 100000; step++) {
        size_t page = (size_t)rand_r(&seed) % 512;
        uint64_t addr = (page + 1) * PAGE * (page % 7 + 1) * 512 + page * PAGE;
        if (rand_r(&seed) % 2) {
            assert_int_equal(page_set_add(&set, addr), !model[page]);
            count += !model[page];
            model[page] = 1;
        } else {
            assert_int_equal(page_set_remove(&set, addr), model[page]);
            count -= model[page];
            model[page] = 0;
        }
        assert_int_equal(page_set_has(&set, addr), model[page]);
        assert_int_equal(set.count, count);
    }
    size_t cursor = 0, found = 0;
    while (page_set_next(&set, &cursor) != 0) {
        found++;
    }
    assert_int_equal(found, count);
    page_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges_are_split_and_merged),
        cmocka_unit_test(test_file_offsets_follow_splits),
        cmocka_unit_test(test_gap_is_the_highest_that_fits),
        cmocka_unit_test(test_random_operations_equal_the_model),
        cmocka_unit_test(test_page_set_equals_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
