/* The DSDT of the machine "q35": what the operating system cannot find out by itself.
 * Addresses and interrupts are those of hw/pc_chipset.c. */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "MORTIS", "MRTSQ35 ", 1)
{
    /* Filled in when the tables are built (hw/acpi_tables.c): where memory below 4 GiB
     * ends, where configuration space lies and how much it is; 0: it is not there. */
    Name (TOLM, 0xB0000000)
    Name (ECMB, 0xB0000000)
    Name (ECML, 0x10000000)

    /* Sleep type 0 in PM1 control is off (hw/acpi_pm.c). */
    Name (\_S5, Package () { 0, 0, 0, 0 })

    /* Interrupts go by the 8259s (0) or the I/O APIC (1). */
    Name (PICF, 0)
    Method (\_PIC, 1)
    {
        PICF = Arg0
    }

    Scope (\_SB)
    {
        /* Keeps the operating system from giving configuration space to a device. */
        Device (ECAM)
        {
            Name (_HID, EisaId ("PNP0C02"))
            Name (_UID, 1)
            Name (RES, ResourceTemplate ()
            {
                Memory32Fixed (ReadWrite, 0, 0, CFG)
            })
            CreateDWordField (RES, CFG._BAS, BASE)
            CreateDWordField (RES, CFG._LEN, SIZE)
            Method (_CRS, 0, Serialized)
            {
                BASE = ECMB
                SIZE = ECML
                Return (RES)
            }
        }

        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A08"))
            Name (_CID, EisaId ("PNP0A03"))
            Name (_UID, 0)
            Name (_BBN, 0)
            Name (RES, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0, 0x0000, 0x00FF, 0, 0x0100)
                IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0x0000, 0x0CF7, 0, 0x0CF8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0x0D00, 0xFFFF, 0, 0xF300)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                    0, 0x000A0000, 0x000BFFFF, 0, 0x00020000)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0x80000000, 0xAFFFFFFF, 0, 0x30000000, , , LOW)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0xC0000000, 0xFEBFFFFF, 0, 0x3EC00000, , , HIGH)
                QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                    0, 0x8000000000, 0x80FFFFFFFF, 0, 0x100000000)
            })
            CreateDWordField (RES, LOW._MIN, LMIN)
            CreateDWordField (RES, LOW._MAX, LMAX)
            CreateDWordField (RES, LOW._LEN, LLEN)
            CreateDWordField (RES, HIGH._MIN, HMIN)
            CreateDWordField (RES, HIGH._LEN, HLEN)

            /* Memory from the end of RAM to the APICs, without configuration space. */
            Method (_CRS, 0, Serialized)
            {
                If (ECML == 0)
                {
                    Local0 = 0xFEC00000
                    HMIN = 0
                    HLEN = 0
                }
                Else
                {
                    Local0 = ECMB
                    Local1 = ECMB + ECML
                    HMIN = Local1
                    HLEN = 0xFEC00000 - Local1
                }
                LMIN = TOLM
                LMAX = Local0 - 1
                LLEN = Local0 - TOLM
                Return (RES)
            }

            /* Pin p of slots to 24 is wired to PIRQ E + (s + p) mod 4, of the others to
             * PIRQ A + p: inputs 16 to 23 of the I/O APIC. With the 8259s, firmware, or
             * what stands in for it, routes A, B, E and F to IRQ 10, the others to 11. */
            Method (_PRT, 0, Serialized)
            {
                Local0 = Package (128) {}
                Local1 = 0
                While (Local1 < 128)
                {
                    Local2 = Local1 >> 2
                    If (Local2 < 25)
                    {
                        Local3 = ((Local1 + Local2) & 3) + 4
                    }
                    Else
                    {
                        Local3 = Local1 & 3
                    }
                    If (PICF)
                    {
                        Local4 = Local3 + 16
                    }
                    ElseIf ((Local3 & 3) < 2)
                    {
                        Local4 = 10
                    }
                    Else
                    {
                        Local4 = 11
                    }
                    Local5 = Package (4) { 0, 0, 0, 0 }
                    Local5 [0] = (Local2 << 16) | 0xFFFF
                    Local5 [1] = Local1 & 3
                    Local5 [3] = Local4
                    Local0 [Local1] = Local5
                    Local1++
                }
                Return (Local0)
            }

            Device (ISA)
            {
                Name (_ADR, 0x001F0000)

                Device (RTC)
                {
                    Name (_HID, EisaId ("PNP0B00"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0070, 0x0070, 0x10, 0x02)
                        IRQNoFlags () { 8 }
                    })
                }

                Device (KBD)
                {
                    Name (_HID, EisaId ("PNP0303"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0060, 0x0060, 0x01, 0x01)
                        IO (Decode16, 0x0064, 0x0064, 0x01, 0x01)
                        IRQNoFlags () { 1 }
                    })
                }

                Device (MOU)
                {
                    Name (_HID, EisaId ("PNP0F13"))
                    Name (_CRS, ResourceTemplate () { IRQNoFlags () { 12 } })
                }

                Device (COM1)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 1)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x03F8, 0x03F8, 0x00, 0x08)
                        IRQNoFlags () { 4 }
                    })
                }
            }
        }
    }
}
