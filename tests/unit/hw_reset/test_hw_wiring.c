/* How the parts of a whole machine are connected: which CPU gets what, and which
 * devices share a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "devices/standins.h"
#include "hw/pci.h"
#include "x86sys/interrupt.h"

#define APM_PORT    0xb2
#define PM_DEVFN    PCI_DEVFN(1, 3)
#define AHCI        PCI_DEVFN(31, 2)
#define AHCI_PIN    16 /* of the I/O APIC: PIRQ A */
#define APIC        0xfee00000u
#define IOAPIC      0xfec00000u
#define HPET_TIMER0 0xfed00100u

/* The BQL is held from here to the end of the program. */
static int start(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    (void)state;
    thread_role_enter(&main_loop_role);
    bql_lock();
    fuzz_machine_start();
    return 0;
}

static int end(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    (void)state;
    bql_unlock();
    thread_role_leave(&main_loop_role);
    return 0;
}

static int setup_pc(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    (void)state;
    fuzz_machine_up(0);
    return 0;
}

static int setup_q35(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    (void)state;
    fuzz_machine_up(FUZZ_WITH_Q35);
    return 0;
}

static int teardown(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    (void)state;
    fuzz_machine_down();
    return 0;
}

static bool has_smi(unsigned cpu)
{
    return atomic_load(&standin_cpu(cpu)->interrupt) & SYS_INT_SMI;
}

static void test_smi_of_a_q35_goes_to_the_cpu_that_asks_for_it(void **state)
{
    (void)state;
    bql_assert_locked();
    fuzz_store(fuzz_machine.io_as, 0x630, 4, 0x21); /* SMI_EN: all, and the APM port's */
    fuzz_select_cpu(1);
    fuzz_store(fuzz_machine.io_as, APM_PORT, 1, 0x55);
    assert_true(has_smi(1));
    assert_false(has_smi(0));
}

static void test_smi_of_a_pc_goes_to_the_first_cpu(void **state)
{
    (void)state;
    bql_assert_locked();
    fuzz_config_write(PM_DEVFN, 0x58, 4, 1 << 25); /* DEVACTB: the APM port's */
    fuzz_select_cpu(1);
    fuzz_store(fuzz_machine.io_as, APM_PORT, 1, 0x55);
    assert_true(has_smi(0));
    assert_false(has_smi(1));
}

static int acknowledge(void)
{
    const struct standin_cpu *cpu = standin_cpu(0);

    return cpu->apic_ops->acknowledge(cpu->apic);
}

static void test_hpet_that_lets_go_of_a_pin_leaves_it_to_pci(void **state)
{
    struct irq ahci;
    (void)state;
    bql_assert_locked();
    fuzz_store(fuzz_machine.memory_as, APIC + 0xf0, 4, 0x1ff);
    fuzz_store(fuzz_machine.memory_as, IOAPIC, 4, 0x10 + 2 * AHCI_PIN);
    fuzz_store(fuzz_machine.memory_as, IOAPIC + 0x10, 4, 0x8051); /* by level, vector 0x51 */
    ahci = pci_intx_line(fuzz_machine.pci->device[AHCI]);
    irq_set(&ahci, true);
    assert_int_equal(acknowledge(), 0x51);
    fuzz_store(fuzz_machine.memory_as, HPET_TIMER0, 8, AHCI_PIN << 9 | 6); /* by level */
    fuzz_store(fuzz_machine.memory_as, HPET_TIMER0, 8, 0);
    fuzz_store(fuzz_machine.memory_as, APIC + 0xb0, 4, 0);
    assert_int_equal(acknowledge(), 0x51);
    irq_set(&ahci, false);
}

int main(void)
{
#define TEST(name, machine) cmocka_unit_test_setup_teardown(name, setup_##machine, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_smi_of_a_q35_goes_to_the_cpu_that_asks_for_it, q35),
        TEST(test_hpet_that_lets_go_of_a_pin_leaves_it_to_pci, q35),
        TEST(test_smi_of_a_pc_goes_to_the_first_cpu, pc),
    };
    return cmocka_run_group_tests(tests, start, end);
}
