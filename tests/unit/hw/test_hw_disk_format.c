/* Images in other formats than raw, and what a -drive that does not say format= makes of them. */
#include "hw_test.h"

#include <stdio.h>
#include <unistd.h>

#include "hw/disk_format.h"
#include "hw/drive.h"

static char path[32];

/* A file of 64 KiB, zeros but for these bytes. */
static int setup(void **state)
{
    (void)state;
    strcpy(path, "/tmp/mortise-format-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 65536), 0);
    (void)close(fd);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    drives_free();
    (void)unlink(path);
    return 0;
}

static void put(long at, const char *bytes, size_t len)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

/* What it says; NULL: it worked. */
static const char *add(const char *how)
{
    static struct error err;
    char text[128];

    bql_assert_locked();
    (void)snprintf(text, sizeof(text), "file=%s%s", path, how);
    return drive_add(text, &err) < 0 ? err.text : NULL;
}

static void test_images_of_other_formats_are_no_raw_disks(void **state)
{
    static const struct {
        const char *format;
        long at;
        const char *bytes;
        size_t len;
    } images[] = {
        {"qcow2", 0, "QFI\xfb\0\0\0\3", 8},
        {"qcow", 0, "QFI\xfb\0\0\0\1", 8},
        {"vmdk", 0, "KDMV\1\0\0\0", 8},
        {"vmdk", 0, "COWD\1\0\0\0", 8},
        {"vmdk", 0, "# Disk DescriptorFile\n", 22},
        {"vpc", 0, "conectix\0\0\0\2", 12},
        {"vhdx", 0, "vhdxfile", 8},
        {"qed", 0, "QED\0", 4},
        {"vdi", 64, "\x7f\x10\xda\xbe", 4},
        {"luks", 0, "LUKS\xba\xbe\0\2", 8},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
        static const char nothing[128];
        char sentence[256];

        put(0, nothing, sizeof(nothing));
        put(images[i].at, images[i].bytes, images[i].len);
        (void)snprintf(sentence, sizeof(sentence), "disk \"%s\" is a %s image, ", path,
                       images[i].format);
        for (unsigned k = 0; k < 3; k++) {
            static const char *const how[] = {"", ",readonly=on", ",if=pflash"};
            const char *said = add(how[k]);

            assert_non_null(said);
            assert_non_null(strstr(said, sentence));
        }
    }
}

static void test_who_says_raw_gets_the_bytes_as_they_are(void **state)
{
    (void)state;
    put(0, "QFI\xfb\0\0\0\3", 8);
    assert_null(add(",format=raw"));
}

static void test_what_has_no_signature_is_raw(void **state)
{
    (void)state;
    assert_null(add(""));
    put(510, "\x55\xaa", 2);
    assert_null(add(""));
    put(0, "QFI ", 4); /* not quite one */
    assert_null(add(""));
    assert_int_equal(truncate(path, 0), 0);
    assert_null(add(""));
    put(0, "QFI", 3);
    assert_null(add(""));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_images_of_other_formats_are_no_raw_disks),
        TEST(test_who_says_raw_gets_the_bytes_as_they_are),
        TEST(test_what_has_no_signature_is_raw),
    };
    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
