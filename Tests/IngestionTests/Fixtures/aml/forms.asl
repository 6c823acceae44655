// Each way to write `_CRS` that is read without evaluation, and ways that are refused: the segment says which.
DefinitionBlock ("", "DSDT", 2, "IOVAD ", "FORMS   ", 1)
{
    External (\_SB.EXTM, MethodObj)
    Scope (\_SB)
    {
        Name (OUTS, ResourceTemplate () {
            DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                0, 0x40000000, 0x4FFFFFFF, 0, 0x10000000)
        })
        // 0: a name of a buffer, with a window of each width and a translation.
        Device (PCI0)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_CID, EISAID ("PNP0A03"))
            Name (_SEG, 0)
            Name (_BBN, 0x10)
            Name (_UID, "root")
            Name (_CCA, 1)
            Name (_CRS, ResourceTemplate () {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0x10, 0x1F, 0, 0x10)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0x10000000, 0x1FFFFFFF, 0x40000000, 0x10000000)
                QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Prefetchable, ReadWrite,
                    0, 0x8000000000, 0x80FFFFFFFF, 0, 0x100000000)
                QWordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0, 0xFFFF, 0x3EFF0000, 0x10000)
                ExtendedMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0x9000000000, 0x9000FFFFFF, 0, 0x1000000)
                QWordMemory (ResourceConsumer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0x70000000, 0x7000FFFF, 0, 0x10000)
                Memory32Fixed (ReadWrite, 0x60200000, 0x100000)
            })
        }
        // 1: a method that returns a buffer; the segment and the bus are methods.
        Device (PCI1)
        {
            Name (_HID, "PNP0A08")
            Method (_SEG) { Return (1) }
            Method (_BBN) { Return (0) }
            Method (_CRS) { Return (ResourceTemplate () {
                Memory32Fixed (ReadWrite, 0x60300000, 0x100000)
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0, 1, 0, 2)
            }) }
        }
        // 2: a method that returns a buffer of its own name.
        Device (PCI2)
        {
            Name (_HID, "ACPI0016")
            Name (_CID, Package () { "PNP0A03", EISAID ("PNP0C02") })
            Name (_SEG, 2)
            Method (_CRS, 0, Serialized)
            {
                Name (RBUF, ResourceTemplate () {
                    QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                        0, 0x20000000, 0x2FFFFFFF, 0, 0x10000000)
                })
                Return (RBUF)
            }
        }
        // 3: a sibling name that others only read.
        Device (PCI3)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 3)
            Name (PBRB, ResourceTemplate () {
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0x30000000, 0x3FFFFFFF, 0, 0x10000000)
            })
            Method (_CRS) { Return (PBRB) }
            Method (_PRS) { Return (PBRB) }
            Method (READ)
            {
                Local0 = SizeOf (PBRB)
                Local1 = DerefOf (PBRB [4])
                Local2 = PBRB
                If (ObjectType (PBRB) == 3) { Return (Local0) }
                Return (Local1)
            }
        }
        // 4: a sibling name with a field in it.
        Device (PCI4)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 4)
            Name (PBRB, ResourceTemplate () {
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0x50000000, 0x5FFFFFFF, 0, 0x10000000)
            })
            Method (_CRS) { Return (PBRB) }
            Method (INIT) { CreateDWordField (PBRB, 10, MINA) MINA = 0x50000000 }
        }
        // 5: a name that another method writes to by index.
        Device (PCI5)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 5)
            Name (PBRB, ResourceTemplate () { Memory32Fixed (ReadWrite, 0x1000, 0x1000) })
            Method (_CRS) { Return (PBRB) }
            Method (INIT) { PBRB [4] = 1 }
        }
        // 6: a name that is passed to a method.
        Device (PCI6)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 6)
            Name (PBRB, ResourceTemplate () { Memory32Fixed (ReadWrite, 0x1000, 0x1000) })
            Method (_CRS) { Return (PBRB) }
            Method (HELP, 1) { CreateDWordField (Arg0, 4, BASE) BASE = 0 }
            Method (INIT) { HELP (PBRB) }
        }
        // 7: a branch.
        Device (PCI7)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 7)
            Method (_CRS)
            {
                If (\_OSI ("Linux")) { Return (ResourceTemplate () { Memory32Fixed (ReadWrite, 0, 1) }) }
                Return (ResourceTemplate () { Memory32Fixed (ReadWrite, 2, 1) })
            }
        }
        // 8: a store between the name and its return.
        Device (PCI8)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 8)
            Method (_CRS, 0, Serialized)
            {
                Name (RBUF, ResourceTemplate () {
                    QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                        0, 0x100000000, 0x1FFFFFFFF, 0, 0x100000000)
                })
                CreateQWordField (RBUF, 14, MINA)
                MINA = 0x100000000
                Return (RBUF)
            }
        }
        // 9: a name further out.
        Device (PCI9)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 9)
            Method (_CRS) { Return (OUTS) }
        }
        // 10: what another method returns, and `_STA` 0.
        Device (PCIA)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 10)
            Name (_STA, 0)
            Method (_CRS) { Return (EXTM ()) }
        }
        // 11: a name that is stored to, and a segment that is computed.
        Device (PCIB)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (BASE, 11)
            Method (_SEG) { Return (BASE + 0) }
            Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0x1000, 0x1000) })
            Method (INIT) { _CRS = Buffer (2) { 0x79, 0 } }
        }
        // 12: a declaration under a condition.
        Device (PCIC)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 12)
            If (\_OSI ("Linux")) { Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0, 1) }) }
        }
        // 13: a buffer in a package, which keeps a reference to it.
        Device (PCID)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 13)
            Name (PBRB, ResourceTemplate () { Memory32Fixed (ReadWrite, 0x1000, 0x1000) })
            Name (KEPT, Package () { PBRB })
            Method (_CRS) { Return (PBRB) }
        }
        // No host bridge.
        Device (UART)
        {
            Name (_HID, "ARMH0011")
            Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0x9000000, 0x1000) })
        }
    }
}
