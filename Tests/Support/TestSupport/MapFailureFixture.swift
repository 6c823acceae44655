// Messages of failed maps as programs print them, with the facts that are in each: for the tests of the
// reader, of the service and of the command.

public enum MapFailureFixture {
    public struct Form: Sendable, CustomStringConvertible {
        /// With ERRNO for the number, WORDS for strerror's words.
        public let template: String
        /// As on the wire.
        public let program: String
        public var action = "map"
        public var iova: UInt64?
        public var size: UInt64?
        /// Of a message without one: the errno that it stands for.
        public var errorNumber: Int?
        public var description: String { template }

        public func text(_ number: Int, _ words: String) -> String {
            template.replacing("ERRNO", with: String(number)).replacing("WORDS", with: words)
        }
    }

    public static let forms = [
        Form(template: "VFIO_MAP_DMA failed: WORDS", program: "qemu"),
        Form(template: "VFIO_MAP_DMA: -ERRNO", program: "qemu"),
        Form(template: "VFIO_UNMAP_DMA failed: WORDS", program: "qemu", action: "unmap"),
        Form(
            template:
                "vfio_dma_map(0x55855c75bf00, 0x40000000, 0x100000000, 0x7f5197e00000) = -ERRNO (WORDS)",
            program: "qemu", iova: 0x4000_0000, size: 0x1_0000_0000),
        Form(
            template: "vfio_container_dma_map(0x5585, 0x8000000, 0x1000, 0x7f5197e00000) = -ERRNO (WORDS)",
            program: "qemu", iova: 0x800_0000, size: 0x1000),
        Form(
            template: "vfio_container_dma_unmap(0x5585, 0x8000000, 0x1000) = -ERRNO (WORDS)", program: "qemu",
            action: "unmap", iova: 0x800_0000, size: 0x1000),
        Form(template: "qemu-system-aarch64: IOMMU_IOAS_MAP failed: WORDS", program: "qemu"),
        Form(
            template:
                "memory listener initialization failed: Region mach-virt.ram: vfio_container_dma_map(0x5585, "
                + "0x40000000, 0x1000, 0x7f5197e00000) = -ERRNO (WORDS)", program: "qemu", iova: 0x4000_0000,
            size: 0x1000),
        Form(
            template:
                "failed to map memory for VFIO container, iova 0x3fff00000000, gpa 0x3fff00000000, size 0x100000: "
                + "Error(ERRNO)", program: "cloud_hypervisor", iova: 0x3fff_0000_0000, size: 0x10_0000),
        Form(
            template: "cloud-hypervisor: Error: VfioDmaMap(IommuDmaMap(Error(ERRNO)))",
            program: "cloud_hypervisor"),
        Form(
            template: "[crosvm] failed to add guest memory map into iommu table: WORDS (os error ERRNO)",
            program: "crosvm"),
        Form(
            template: "failed to remove guest memory map from iommu table: WORDS (os error ERRNO)",
            program: "rust_vmm",
            action: "unmap"),
        Form(
            template: "openvmm: failed to map DMA region iova=0x8000000 size=0x1000: WORDS (os error ERRNO)",
            program: "openvmm", iova: 0x800_0000, size: 0x1000),
        Form(
            template: "Failed to map 0x80000000 -> 0x7f0000000000 (268435456) for DMA: WORDS",
            program: "kvmtool",
            iova: 0x8000_0000, size: 0x1000_0000),
        Form(template: "EAL: Cannot set up DMA remapping, error ERRNO (WORDS)", program: "dpdk"),
        Form(template: "EAL: 0000:01:00.0 VFIO_IOMMU_MAP_DMA failed, error ERRNO (WORDS)", program: "dpdk"),
        Form(
            template: "EAL:   cannot clear DMA remapping, error ERRNO (WORDS)", program: "dpdk",
            action: "unmap"),
        Form(template: "memory.c: *ERROR*: Cannot set up DMA mapping, error ERRNO", program: "spdk"),
        Form(
            template:
                "ioctl(15, VFIO_IOMMU_MAP_DMA, {argsz=32, vaddr=0x7000, iova=0x8000000, size=0x1000}) = -1 WORDS",
            program: "unknown", iova: 0x800_0000, size: 0x1000),
        Form(
            template: "qemu: failed to set iommu for container: WORDS", program: "qemu", action: "attach"),
        Form(
            template: "vfio_pin_pages_remote: RLIMIT_MEMLOCK (67108864) exceeded", program: "kernel",
            errorNumber: 12),
        Form(
            template: "RESERVED region [90000000-900fffff] would overlap RAM region [80000000-9fffffff]",
            program: "kvmtool", iova: 0x8000_0000, size: 0x2000_0000, errorNumber: 22),
        Form(
            template: "DEVICE region [8000000-80fffff] would overlap RESERVED region [8000000-80fffff]",
            program: "kvmtool", iova: 0x800_0000, size: 0x10_0000, errorNumber: 22),
        Form(
            template: "vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module param "
                + "\"allow_unsafe_interrupts\" to enable VFIO IOMMU support on this platform",
            program: "kernel",
            action: "attach", errorNumber: 1),
    ]

    /// What stands before a message in logs, journals, libvirt's errors and mail.
    public static let prefixes = [
        "2023-11-01T10:00:00.000000Z ", "Nov 01 10:00:00 host qemu[1234]: ", "[   12.345678] ", "> ", "\t",
        "<3>[   12.3] ", "libvirt: error : internal error: qemu unexpectedly closed the monitor: ",
        "| ", "2026-11-29 12:00:00.000+0000: 1234: error : virNetClient: ",
    ]
}
