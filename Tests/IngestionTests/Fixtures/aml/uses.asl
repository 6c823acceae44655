// How a named object can be changed without its own name, or not at all: the segment says which bridge it is.
DefinitionBlock ("", "DSDT", 2, "IOVAD ", "USES    ", 1)
{
    External (\_SB.PCI5._CRS)
    Scope (\_SB)
    {
        // 0: a field in what another method returns, which is the buffer itself.
        Device (PCI0)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 0)
            Name (PBRB, ResourceTemplate () { Memory32Fixed (ReadWrite, 0x1000, 0x1000) })
            Method (_CRS) { Return (PBRB) }
            Method (GETB) { Return (PBRB) }
            Method (SAME, 1) { Return (GETB ()) }
            Method (INIT) { CreateDWordField (SAME (1), 4, BASE) BASE = 0 }
        }
        // 1: a field in a conversion that converts nothing.
        Device (PCI1)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 1)
            Name (PBRB, ResourceTemplate () { Memory32Fixed (ReadWrite, 0x1000, 0x1000) })
            Method (_CRS) { Return (PBRB) }
            Method (INIT) { CreateDWordField (ToBuffer (PBRB), 4, BASE) BASE = 0 }
        }
        // 2: a package keeps a reference to a buffer that is declared after it.
        Device (PCI2)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 2)
            Name (KEPT, Package () { PBRB })
            Name (PBRB, ResourceTemplate () { Memory32Fixed (ReadWrite, 0x1000, 0x1000) })
            Method (_CRS) { Return (PBRB) }
        }
        // 3: an index that a local keeps, although its value is taken at once.
        Device (PCI3)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 3)
            Name (PBRB, ResourceTemplate () { Memory32Fixed (ReadWrite, 0x1000, 0x1000) })
            Method (_CRS) { Return (PBRB) }
            Method (INIT) { Local1 = DerefOf (Index (PBRB, 5, Local0)) SETA (Local0) }
            Method (SETA, 1) { Arg0 = 1 }
        }
        // 4: only asked whether it is there, and what another method returns is only read.
        Device (PCI4)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (SEGN, 4)
            Method (_SEG) { Return (SEGN) }
            Method (_BBN, 0, Serialized) { Name (BUSN, 0x20) Return (BUSN) }
            Name (PBRB, ResourceTemplate () { Memory32Fixed (ReadWrite, 0x1000, 0x1000) })
            Method (_CRS) { Return (PBRB) }
            Method (GETB) { Return (PBRB) }
            Method (LOOK, 1) { Arg0 = 7 }
            Method (INIT)
            {
                LOOK (SEGN)
                If (CondRefOf (PBRB)) { Local0 = SizeOf (PBRB) }
                Local1 = DerefOf (GETB () [4])
            }
        }
        // 5: declared in a table that is not here; a segment of the wrong kind.
        Device (PCI5)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (TEXT, "five")
            Method (_SEG) { Return (TEXT) }
        }
        // 6: in a bus that is not coherent, with a `_DMA` that counts for nothing without `_CRS`.
        Device (BUS6)
        {
            Name (_HID, "ACPI0004")
            Name (_CCA, 0)
            Method (_DMA) { Return (ResourceTemplate () {
                QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0, 0xFFFFFFFF, 0, 0x100000000)
            }) }
            Device (PCI6)
            {
                Name (_HID, EISAID ("PNP0A08"))
                Name (_SEG, 6)
                Name (_CCA, 1)
                // A Switch over a buffer is compiled with CopyObject.
                Method (_DSM, 4, Serialized)
                {
                    Switch (ToBuffer (Arg0))
                    {
                        Case (ToUUID ("E5C937D0-3553-4D7A-9117-EA4D19C3434D"))
                        {
                            If (Arg2 == 5) { Return (0) }
                        }
                    }
                    Return (Buffer () { 0 })
                }
            }
        }
        // 7: `_DSM` ends without a Return.
        Device (PCI7)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 7)
            Method (_DSM, 4) { If (Arg2 == 0) { Return (Buffer () { 0x21 }) } }
        }
    }
}
