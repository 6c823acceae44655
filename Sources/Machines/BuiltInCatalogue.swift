// A few machines to try things on without a file at hand. They are facts written down by us from public
// documentation, reduced to what decides where an MSI window may lie; upload the real tree for the rest.

import AddressSpaces

/// Platforms that every server knows.
public enum BuiltInCatalogue {
    /// A machine under its id.
    public struct Entry: Sendable {
        public let id: String
        public let platform: Platform
        /// What is special about it: one sentence.
        public let summary: String
    }

    /// In the order of the ids.
    public static let all = [
        Entry(
            id: "example-ampere-altra", platform: ampereAltra,
            summary: "A server with ACPI: Linux's default window lies in a PCI window of segment 2."),
        Entry(
            id: "example-arm-juno", platform: armJuno,
            summary:
                "Its PCI host bridge carries DMA from 2 GiB on, so devices do not reach the default window."),
        Entry(
            id: "example-qemu-virt", platform: qemuVirt,
            summary: "A virtual machine with an emulated SMMUv3, where devices reach the default window."),
    ]

    /// The machine of an id; traps for other ids.
    public static func platform(_ id: String) -> Platform {
        guard let found = all.first(where: { $0.id == id }) else { preconditionFailure("no example \(id)") }
        return found.platform
    }

    /// QEMU's `virt` machine with an emulated SMMUv3 and a GICv3 ITS: nothing is in the way.
    static let qemuVirt = Platform(
        source: .builtIn, model: "QEMU virt machine with SMMUv3", compatible: ["linux,dummy-virt"],
        smmus: [smmu("/smmuv3@9050000", .v3, "arm,smmu-v3", base: 0x905_0000, size: 0x2_0000)],
        msiControllers: [
            MSIController(
                id: "/intc@8000000/its@8080000", kind: .its, compatible: ["arm,gic-v3-its"],
                doorbell: PhysicalAddress(0x809_0040), enabled: true)
        ],
        devices: [
            Device(
                id: "/pcie@10000000", kind: .pciHost, compatible: ["pci-host-ecam-generic"],
                streams: [wholeBus(to: "/smmuv3@9050000")], msiControllers: ["/intc@8000000/its@8080000"],
                dmaCoherent: true,
                pciWindows: [
                    memory(at: 0x1000_0000, size: 0x2eff_0000),
                    memory(at: 0x80_0000_0000, size: 0x80_0000_0000, is64Bit: true),
                ])
        ],
        memory: [PhysicalRange(proven: 0x4000_0000, 0xbfff_ffff)])

    /// The host bridge of Arm Juno r1 and r2, which carries inbound DMA from 2 GiB on only, so that Linux's
    /// constant window cannot be reached.
    static let armJuno = Platform(
        source: .builtIn, model: "ARM Juno development board (r1 and r2)", compatible: ["arm,juno"],
        smmus: [smmu("/iommu@2b500000", .v1, "arm,mmu-401", base: 0x2b50_0000, size: 0x1_0000)],
        msiControllers: [
            MSIController(
                id: "/interrupt-controller@2c010000/v2m@0", kind: .gicv2m,
                compatible: ["arm,gic-v2m-frame"], doorbell: PhysicalAddress(0x2c1c_0040), enabled: true)
        ],
        devices: [
            Device(
                id: "/pcie@40000000", kind: .pciHost, compatible: ["plda,xpressrich3-axi"],
                streams: [wholeBus(to: "/iommu@2b500000")],
                msiControllers: ["/interrupt-controller@2c010000/v2m@0"], dmaLimit: 0x9_ffff_ffff,
                dmaCoherent: true,
                pciWindows: [
                    memory(at: 0x5000_0000, size: 0x800_0000),
                    memory(at: 0x40_0000_0000, size: 0x1_0000_0000, isPrefetchable: true),
                ],
                inboundWindows: [
                    InboundWindow(busStart: 0x8000_0000, cpuStart: 0x8000_0000, size: 0x8000_0000),
                    InboundWindow(busStart: 0x8_0000_0000, cpuStart: 0x8_0000_0000, size: 0x2_0000_0000),
                ])
        ],
        memory: [
            PhysicalRange(proven: 0x8000_0000, 0xfeff_ffff),
            PhysicalRange(proven: 0x8_8000_0000, 0x9_ffff_ffff),
        ])

    /// An Ampere Altra workstation, from a public /proc/iomem and boot log of 2025: Linux's constant window
    /// lies in a PCI window of segment 2. Which SMMU a segment is behind is taken from their addresses; the
    /// addresses of the ITSs are in neither text.
    static let ampereAltra = Platform(
        source: .builtIn, model: "Ampere Altra workstation (ACPI)",
        smmus: altraSegments.enumerated().map { number, segment in
            var smmu = smmu(
                altraSMMU(segment), .v3, "arm,smmu-v3", base: segment.high + altraSMMUOffset, size: 0x2_0000)
            smmu.autoNumber = number
            return smmu
        },
        msiControllers: [
            MSIController(id: "its:0", kind: .its, compatible: [], doorbell: nil, enabled: true)
        ],
        devices: altraSegments.map { segment in
            Device(
                id: Device.rootComplexID(segment.number), kind: .rootComplex,
                streams: [wholeBus(to: altraSMMU(segment))],
                msiControllers: ["its:0"], dmaCoherent: true,
                pciWindows: [
                    memory(at: segment.low, size: segment.lowSize),
                    memory(at: segment.high, size: altraSMMUOffset, is64Bit: true),
                ])
        },
        memory: [
            PhysicalRange(proven: 0x9000_0000, 0x91ff_ffff), PhysicalRange(proven: 0x927c_0000, 0xf896_ffff),
            PhysicalRange(proven: 0x800_0000_0000, 0x800_7fff_ffff),
            PhysicalRange(proven: 0x801_0000_0000, 0x807_ffff_ffff),
        ],
        findings: [
            Finding(
                severity: .info, code: "its-address-unknown", location: "/proc/iomem",
                detail: "The address of the ITS is in neither text, so doorbells are not known.")
        ])

    private typealias AltraSegment = (number: UInt32, low: UInt64, lowSize: UInt64, high: UInt64)

    /// In the order of the SMMUs' numbers: segment, its 32-bit window, and the start of its 64-bit window.
    private static let altraSegments: [AltraSegment] = [
        (12, 0x4000_0000, 0x1000_0000, 0x3000_0000_0000), (13, 0x5000_0000, 0x1000_0000, 0x3400_0000_0000),
        (0, 0x7000_0000, 0x1000_0000, 0x3c00_0000_0000), (2, 0x800_0000, 0x800_0000, 0x2000_0000_0000),
        (4, 0x2000_0000, 0x1000_0000, 0x2800_0000_0000), (5, 0x3000_0000, 0x1000_0000, 0x2c00_0000_0000),
    ]

    /// From the start of a segment's 64-bit window to its end, where its SMMU's registers are.
    private static let altraSMMUOffset: UInt64 = 0x3ff_e000_0000

    private static func altraSMMU(_ segment: AltraSegment) -> String {
        "smmuv3@" + HexLiteral.digits(segment.high + altraSMMUOffset)
    }

    private static func smmu(
        _ id: String, _ version: SMMU.Version, _ compatible: String, base: UInt64, size: UInt64
    ) -> SMMU {
        SMMU(
            id: id, version: version, compatible: [compatible],
            registers: [PhysicalRange(proven: base, base + size - 1)], enabled: true, iommuCells: 1,
            coherentWalk: true)
    }

    private static func wholeBus(to smmu: String) -> StreamMapping {
        StreamMapping(smmu: smmu, kind: .idMap(idBase: 0, length: 0x1_0000, output: [0]))
    }

    private static func memory(
        at start: UInt64, size: UInt64, is64Bit: Bool = false, isPrefetchable: Bool = false
    ) -> PCIWindow {
        PCIWindow(
            kind: .memory, busStart: start, cpuStart: start, size: size, is64Bit: is64Bit,
            isPrefetchable: isPrefetchable)
    }
}
