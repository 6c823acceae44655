// The DMA mask of a device before its driver sets one. Mirrors drivers/of/device.c: of_dma_configure_id and
// drivers/acpi/arm64/dma.c: acpi_arch_dma_setup, Linux 7.2: 32 bits, narrowed to the bits that the bus's
// highest address has. MSIs that a driver asks for without setting a mask are allocated below it.

extension Device {
    /// All ones up to the highest bit that both 32 bits and the bus's limit have.
    public var defaultDMAMask: UInt64 {
        let bits = UInt64.bitWidth - dmaLimit.leadingZeroBitCount
        return bits >= 32 ? 0xffff_ffff : (1 << UInt64(bits)) - 1
    }
}
