// A bridge in a bus with `_DMA`, its `_CRS` in an SSDT, and `_DSM` in the forms that compilers make.
DefinitionBlock ("", "DSDT", 2, "IOVAD ", "BRIDGE  ", 1)
{
    Scope (\_SB)
    {
        Device (BUS0)
        {
            Name (_HID, "ACPI0004")
            Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0x1000, 0x1000) })
            Method (_DMA) { Return (ResourceTemplate () {
                QWordMemory (ResourceConsumer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0, 0xBFFFFFFF, 0, 0xC0000000)
                QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0x100000000, 0x1FFFFFFFF, 0x700000000, 0x100000000)
            }) }
            Device (PCI0)
            {
                Name (_HID, EISAID ("PNP0A08"))
                Method (_DSM, 4)
                {
                    If (Arg0 == ToUUID ("E5C937D0-3553-4D7A-9117-EA4D19C3434D"))
                    {
                        Switch (ToInteger (Arg2))
                        {
                            Case (0) { Return (Buffer () { 0x21 }) }
                            Case (5) { Return (0) }
                            Default { Return (Buffer () { 0 }) }
                        }
                    }
                    Return (Buffer () { 0 })
                }
            }
        }
        Device (PCI1)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 1)
            Method (_DSM, 4)
            {
                If (LEqual (Arg0, ToUUID ("E5C937D0-3553-4D7A-9117-EA4D19C3434D")))
                {
                    If (Arg2 == 0) { Return (Buffer () { 0x01 }) }
                    If ((Arg1 >= 1) && (Arg2 == 5)) { Return (1) }
                }
                Return (Buffer () { 0 })
            }
        }
        // Another function's identifier, so that function 5 returns no integer.
        Device (PCI2)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 2)
            Method (_DSM, 4)
            {
                If (Arg0 == ToUUID ("11111111-3553-4D7A-9117-EA4D19C3434D")) { Return (0) }
                Return (Buffer () { 0 })
            }
        }
        // It depends on something else.
        Device (PCI3)
        {
            Name (_HID, EISAID ("PNP0A08"))
            Name (_SEG, 3)
            Name (KEEP, 0)
            Method (_DSM, 4) { Return (KEEP) }
        }
    }
}
