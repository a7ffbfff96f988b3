/* The command line of `mortise system`: what is understood of QEMU's, and to what effect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cli/system_options.h"

static struct system_command command;
static const struct machine_config *const config = &command.config;

#define PARSE(...) parse((const char *const[]){"system", __VA_ARGS__, NULL})

static enum system_verdict parse(const char *const *argv)
{
    char *copy[32];
    int argc = 0;
    for (; argv[argc]; argc++) {
        copy[argc] = (char *)(uintptr_t)argv[argc];
    }
    system_command_free(&command); /* the last one's */
    return system_options_parse(argc, copy, &command);
}

static void assert_smp(const char *value, unsigned cpus, unsigned sockets, unsigned cores,
                       unsigned threads)
{
    assert_int_equal(PARSE("-smp", value), SYSTEM_RUN);
    assert_int_equal(config->cpus, cpus);
    assert_int_equal(config->sockets, sockets);
    assert_int_equal(config->cores, cores);
    assert_int_equal(config->threads, threads);
}

static void test_properties_with_one_setting_are_taken_with_it_only(void **unused)
{
    (void)unused;
    assert_int_equal(PARSE("-machine", "q35,smm=on,vmport=off,usb=off"), SYSTEM_RUN);
    assert_int_equal(config->type, MACHINE_Q35);
    assert_int_equal(PARSE("-machine", "pc,smm=auto,vmport=auto,graphics=off"), SYSTEM_RUN);
    assert_int_equal(PARSE("-M", "q35,smm"), SYSTEM_RUN);
    assert_int_equal(PARSE("-machine", "q35,kernel_irqchip=split,i8042=on"), SYSTEM_RUN);
    assert_int_equal(PARSE("-machine", "q35,kernel-irqchip=off"), SYSTEM_RUN);
    assert_int_equal(PARSE("-machine", "q35,smm=off"), SYSTEM_ERROR);
    assert_int_equal(PARSE("-machine", "pc,smm=perhaps"), SYSTEM_ERROR);
    assert_int_equal(PARSE("-machine", "pc,vmport=on"), SYSTEM_ERROR);
    assert_int_equal(PARSE("-machine", "pc,usb=auto"), SYSTEM_ERROR);
    assert_int_equal(PARSE("-machine", "pc,kernel-irqchip=none"), SYSTEM_ERROR);
}

static void test_hints_about_ram_are_kept(void **unused)
{
    (void)unused;
    assert_int_equal(PARSE("-machine", "pc"), SYSTEM_RUN);
    assert_true(command.dump_ram);
    assert_false(command.merge_ram);
    assert_int_equal(PARSE("-machine", "pc,dump-guest-core=off,mem-merge=on"), SYSTEM_RUN);
    assert_false(command.dump_ram);
    assert_true(command.merge_ram);
}

static void test_an_accelerator_that_is_missing_may_be_followed_by_tcg(void **unused)
{
    (void)unused;
    assert_int_equal(PARSE("-machine", "q35,accel=kvm:tcg"), SYSTEM_RUN);
    assert_int_equal(PARSE("-accel", "kvm,kernel-irqchip=off", "-accel", "tcg,thread=single"),
                     SYSTEM_RUN);
    assert_true(command.round_robin);
    assert_int_equal(PARSE("-accel", "hvf", "-accel", "kvm", "-accel", "tcg"), SYSTEM_RUN);
    assert_int_equal(PARSE("-accel", "tcg", "-accel", "kvm"), SYSTEM_RUN);
    assert_int_equal(PARSE("-machine", "q35,accel=kvm"), SYSTEM_ERROR);
    assert_int_equal(PARSE("-accel", "kvm"), SYSTEM_ERROR);
    assert_int_equal(PARSE("-accel", "kvm", "-accel", "tgc"), SYSTEM_ERROR);
    assert_int_equal(PARSE("-accel", "tcg,kernel-irqchip=off"), SYSTEM_ERROR);
}

static void test_memory_takes_fractions_and_room_for_more(void **unused)
{
    (void)unused;
    assert_int_equal(PARSE("-m", "1.5G"), SYSTEM_RUN);
    assert_int_equal(config->ram_size, 3UL << 29);
    assert_int_equal(PARSE("-m", "1G,slots=2,maxmem=4G"), SYSTEM_RUN);
    assert_int_equal(config->ram_size, 1UL << 30);
    assert_int_equal(PARSE("-m", "size=512"), SYSTEM_RUN);
    assert_int_equal(config->ram_size, 512UL << 20);
    assert_int_equal(PARSE("-m", "4G,maxmem=1G"), SYSTEM_ERROR);
    assert_int_equal(PARSE("-m", "1G,maxmem=much"), SYSTEM_ERROR);
}

/* The numbers are QEMU's. */
static void test_what_smp_leaves_out_follows_from_the_rest(void **unused)
{
    (void)unused;
    assert_smp("4", 4, 1, 4, 1);
    assert_smp("4,sockets=2", 4, 2, 2, 1);
    assert_smp("4,cores=2", 4, 2, 2, 1);
    assert_smp("8,sockets=2,cores=2", 8, 2, 2, 2);
    assert_smp("sockets=2,cores=2", 4, 2, 2, 1);
    assert_smp("4,sockets=1,dies=1,clusters=1,cores=4,threads=1", 4, 1, 4, 1);
    assert_smp("2,maxcpus=4,sockets=4", 2, 4, 1, 1);
    assert_smp("maxcpus=4", 4, 1, 4, 1);
    assert_int_equal(PARSE("-smp", "4,dies=2"), SYSTEM_ERROR);
    assert_int_equal(PARSE("-smp", "4,maxcpus=2"), SYSTEM_ERROR);
    assert_int_equal(PARSE("-smp", "4,sockets=3"), SYSTEM_ERROR);
    assert_int_equal(PARSE("-smp", "2,maxcpus=4,sockets=2,cores=1,threads=1"), SYSTEM_ERROR);
}

static void test_boot_once_leaves_the_order_alone(void **unused)
{
    (void)unused;
    assert_int_equal(PARSE("-boot", "once=d,order=c"), SYSTEM_RUN);
    assert_true(config->boot.has_once);
    assert_string_equal(config->boot.once, "d");
    assert_string_equal(config->boot.order, "c");
    assert_int_equal(PARSE("-boot", "once=d"), SYSTEM_RUN);
    assert_string_equal(config->boot.order, "cad");
    assert_int_equal(PARSE("-boot", "dc,menu=on,strict=on"), SYSTEM_RUN);
    assert_false(config->boot.has_once);
    assert_string_equal(config->boot.order, "dc");
    assert_true(config->boot.menu);
    assert_true(config->boot.strict);
    assert_int_equal(PARSE("-boot", "cc"), SYSTEM_ERROR);
    assert_int_equal(PARSE("-boot", "order=x"), SYSTEM_ERROR);
}

static void test_firmware_is_told_how_long_to_wait(void **unused)
{
    (void)unused;
    assert_int_equal(PARSE("-boot", "menu=on,splash-time=2000,reboot-timeout=-1"), SYSTEM_RUN);
    assert_int_equal(config->boot.menu_wait_ms, 2000);
    assert_true(config->boot.has_fail_wait);
    assert_int_equal(config->boot.fail_wait_ms, -1);
    assert_int_equal(PARSE("-boot", "reboot-timeout=x"), SYSTEM_ERROR);
}

static void test_the_clock_may_begin_when_time_did(void **unused)
{
    (void)unused;
    assert_int_equal(PARSE("-rtc", "base=1970-01-01"), SYSTEM_RUN);
    assert_true(config->rtc_has_base);
    assert_int_equal(config->rtc_base, 0);
    assert_int_equal(PARSE("-rtc", "base=utc,clock=vm,driftfix=none"), SYSTEM_RUN);
    assert_false(config->rtc_has_base);
    assert_int_equal(PARSE("-rtc", "clock=sun"), SYSTEM_ERROR);
    assert_int_equal(PARSE("-rtc", "driftfix=maybe"), SYSTEM_ERROR);
}

static void test_the_guest_has_a_name_and_the_process_another(void **unused)
{
    (void)unused;
    assert_int_equal(PARSE("-name", "guest=vm1,debug-threads=on"), SYSTEM_RUN);
    assert_string_equal(config->name, "vm1");
    assert_string_equal(command.process_name, "");
    assert_int_equal(PARSE("-name", "vm2,process=emulator"), SYSTEM_RUN);
    assert_string_equal(config->name, "vm2");
    assert_string_equal(command.process_name, "emulator");
    assert_int_equal(PARSE("-name", "vm,colour=red"), SYSTEM_ERROR);
}

static void test_older_names_of_properties_are_heeded(void **unused)
{
    (void)unused;
    assert_int_equal(PARSE("-no-hpet", "-no-acpi", "-no-user-config", "-L", "/a", "-L", "/b"),
                     SYSTEM_RUN);
    assert_false(config->hpet);
    assert_false(config->acpi);
    assert_int_equal(config->data_dir_count, 2);
    assert_string_equal(config->data_dir[1], "/b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_properties_with_one_setting_are_taken_with_it_only),
        cmocka_unit_test(test_hints_about_ram_are_kept),
        cmocka_unit_test(test_an_accelerator_that_is_missing_may_be_followed_by_tcg),
        cmocka_unit_test(test_memory_takes_fractions_and_room_for_more),
        cmocka_unit_test(test_what_smp_leaves_out_follows_from_the_rest),
        cmocka_unit_test(test_boot_once_leaves_the_order_alone),
        cmocka_unit_test(test_firmware_is_told_how_long_to_wait),
        cmocka_unit_test(test_the_clock_may_begin_when_time_did),
        cmocka_unit_test(test_the_guest_has_a_name_and_the_process_another),
        cmocka_unit_test(test_older_names_of_properties_are_heeded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
