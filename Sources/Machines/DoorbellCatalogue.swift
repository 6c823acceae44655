// Which chips and virtual machines have a doorbell at a physical address. An MSI that nobody mapped reaches
// the SMMU with exactly that address, so a bare log line is enough to recognise it. It is a list of known
// places, not of all: an address that is missing here proves nothing.

public import AddressSpaces

/// Doorbells of known machines.
public enum DoorbellCatalogue {
    /// A doorbell that some machines have.
    public struct Row: Hashable, Sendable {
        public let doorbell: PhysicalAddress
        public let kind: MSIController.Kind
        /// Chips by the root's `compatible` of their device trees, virtual machines by name.
        public let machines: [String]

        init(_ doorbell: UInt64, _ kind: MSIController.Kind, _ machines: [String]) {
            self.doorbell = PhysicalAddress(doorbell)
            self.kind = kind
            self.machines = machines
        }
    }

    /// Offset in its page of the register that takes MSIs, in a GICv2m frame (MSI_SETSPI_NS), in a
    /// distributor (GICD_SETSPI_NSR) and in the second half of an ITS (GITS_TRANSLATER).
    public static let offsetOfGICs: UInt64 = 0x40

    /// By address.
    public static let rows = (ofDeviceTrees + ofOthers + ofGuests).sorted { $0.doorbell < $1.doorbell }

    /// What has a doorbell exactly there; O(log rows).
    public static func rows(at address: UInt64) -> ArraySlice<Row> {
        let first = rows.partitioningIndex { $0.doorbell.value >= address }
        return rows[first...].prefix { $0.doorbell.value == address }
    }

    /// Machines for which Debian's kernel has no tree. hw/arm/virt.c: base_memmap and hw/arm/sbsa-ref.c of
    /// QEMU 10.2; GIC_ITS of crosvm and of OpenVMM as in Fleet's maps; Broadcom's published Stingray tree.
    private static let ofOthers = [
        Row(0x802_0040, .gicv2m, ["QEMU virt"]),
        Row(0x809_0040, .its, ["QEMU virt"]),
        Row(0x4001_0040, .its, ["crosvm"]),
        Row(0x4409_1040, .its, ["QEMU sbsa-ref"]),
        Row(0x63c3_0040, .its, ["brcm,stingray"]),
        Row(0xeffd_0040, .its, ["OpenVMM"]),
        Row(0xeffe_8040, .gicv2m, ["OpenVMM"]),
    ]

    /// Most virtual CPUs of guests whose ITS moves with them: more would be more addresses than evidence.
    public static let guestCPUsMax: UInt64 = 32

    /// Guests whose ITS lies below their redistributors, of which each virtual CPU has one: the layouts of
    /// Cloud Hypervisor (arch/src/aarch64/layout.rs), Firecracker and kvmtool with GICv3, as in Fleet's maps.
    private static let ofGuests = (1...guestCPUsMax).flatMap { count in
        [(0x8ff_0000, ["Cloud Hypervisor"]), (0x3fff_0000, ["Firecracker", "kvmtool"])].map { end, names in
            Row(
                end - (count + 1) * 0x2_0000 + 0x1_0040, .its,
                names.map { "\($0) with \(count) vCPU\(count == 1 ? "" : "s")" })
        }
    }
}
