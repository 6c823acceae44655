// Devices that may be host bridges, and host bridges that may not be there: the segment says which it is.
DefinitionBlock ("", "DSDT", 2, "IOVAD ", "DOUBT   ", 1)
{
    External (\_SB.EXTV, IntObj)
    External (\_SB.EXTM, MethodObj)
    Scope (\_SB)
    {
        // 0: `_HID` under a condition.
        Device (PCI0)
        {
            If (\_OSI ("Linux")) { Name (_HID, EISAID ("PNP0A08")) }
            Name (_SEG, 0)
            Name (_CRS, ResourceTemplate () { DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                NonCacheable, ReadWrite, 0, 0x10000000, 0x10FFFFFF, 0, 0x1000000) })
        }
        // 1: the whole device under one, whose own objects are there when it is.
        If (\_OSI ("Linux"))
        {
        Device (PCI1)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 1)
            Name (_CRS, ResourceTemplate () { DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                NonCacheable, ReadWrite, 0, 0x10000000, 0x10FFFFFF, 0, 0x1000000) })
        }
        }
        // 2: one of two values.
        Device (PCI2)
        {
            Method (_HID) { If (EXTV) { Return ("PNP0A08") } Return ("TEST0001") }
            Name (_SEG, 2)
            Name (_CRS, ResourceTemplate () { DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                NonCacheable, ReadWrite, 0, 0x20000000, 0x20FFFFFF, 0, 0x1000000) })
        }
        // 3: one of two values, none of which is a host bridge's.
        Device (DEV3)
        {
            Method (_HID) { If (EXTV) { Return ("TEST0002") } Else { Return ("TEST0001") } }
            Name (_SEG, 3)
            Name (_CRS, ResourceTemplate () { DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                NonCacheable, ReadWrite, 0, 0x30000000, 0x30FFFFFF, 0, 0x1000000) })
        }
        // 4: a host bridge whose `_STA` has to be evaluated.
        Device (PCI4)
        {
            Name (_HID, EISAID ("PNP0A08")) Method (_STA) { If (EXTV) { Return (0xF) } Return (0) }
            Name (_SEG, 4)
            Name (_CRS, ResourceTemplate () { DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                NonCacheable, ReadWrite, 0, 0x40000000, 0x40FFFFFF, 0, 0x1000000) })
        }
        // 5: in a device that is not there.
        Device (BUS5)
        {
            Name (_HID, "ACPI0004") Name (_STA, 0)
        Device (PCI5)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 5)
            Name (_CRS, ResourceTemplate () { DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                NonCacheable, ReadWrite, 0, 0x50000000, 0x50FFFFFF, 0, 0x1000000) })
        }
        }
        // 6: in one that may not be there.
        Device (BUS6)
        {
            Name (_HID, "ACPI0004") Method (_STA) { Return (EXTV) }
        Device (PCI6)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 6)
            Name (_CRS, ResourceTemplate () { DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                NonCacheable, ReadWrite, 0, 0x60000000, 0x60FFFFFF, 0, 0x1000000) })
        }
        }
        // 7: in one that is not present and works.
        Device (BUS7)
        {
            Name (_HID, "ACPI0004") Name (_STA, 8)
        Device (PCI7)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 7)
            Name (_CRS, ResourceTemplate () { DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                NonCacheable, ReadWrite, 0, 0x70000000, 0x70FFFFFF, 0, 0x1000000) })
        }
        }
        // 8: neither present nor working.
        Device (PCI8)
        {
            Name (_HID, EISAID ("PNP0A08")) Name (_STA, 6)
            Name (_SEG, 8)
            Name (_CRS, ResourceTemplate () { DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                NonCacheable, ReadWrite, 0, 0x80000000, 0x80FFFFFF, 0, 0x1000000) })
        }
        // 9: nothing shows what it is.
        Device (PCI9)
        {
            Name (_HID, "TEST0001") Method (_CID) { Return (EXTM ()) }
            Name (_SEG, 9)
            Name (_CRS, ResourceTemplate () { DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                NonCacheable, ReadWrite, 0, 0x90000000, 0x90FFFFFF, 0, 0x1000000) })
        }
        // a: the same, and it passes nothing on.
        Device (DEVA)
        {
            Method (_HID) { Return (EXTM ()) }
            Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0x1000, 0x1000) })
        }
        // b: another value is stored.
        Device (PCIB)
        {
            Name (_HID, "TEST0001") Method (SETH) { _HID = "PNP0A03" }
            Name (_SEG, 11)
            Name (_CRS, ResourceTemplate () { DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                NonCacheable, ReadWrite, 0, 0x10000000, 0x10FFFFFF, 0, 0x1000000) })
        }
        // c: both values of `_STA` let Linux look.
        Device (PCIC)
        {
            Name (_HID, EISAID ("PNP0A08")) Method (_STA) { If (EXTV) { Return (0xF) } Else { Return (0xB) } }
            Name (_SEG, 12)
            Name (_CRS, ResourceTemplate () { DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
                NonCacheable, ReadWrite, 0, 0x20000000, 0x20FFFFFF, 0, 0x1000000) })
        }
    }
}
