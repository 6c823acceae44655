// The `_CRS` of the bridges that the DSDT declares.
DefinitionBlock ("", "SSDT", 2, "IOVAD ", "WINDOWS ", 1)
{
    External (\_SB.BUS0.PCI0, DeviceObj)
    External (\_SB.PCI1, DeviceObj)
    Scope (\_SB.BUS0.PCI0)
    {
        Name (_CRS, ResourceTemplate () {
            QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                0, 0x10000000, 0x1FFFFFFF, 0, 0x10000000)
        })
    }
    Scope (\_SB.PCI1)
    {
        Name (_CRS, ResourceTemplate () {
            DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                0, 0x20000000, 0x2FFFFFFF, 0, 0x10000000)
        })
    }
}
