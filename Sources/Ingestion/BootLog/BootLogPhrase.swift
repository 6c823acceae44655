// The words by which a line of a boot log is known, wherever time stamps and names of hosts put them: one
// walk over a line finds the first. Mirrors what these print, Linux 7.2: drivers/pci/probe.c:
// pci_register_host_bridge; drivers/iommu/iommu.c: iommu_init_device, iommu_group_claim_dma_owner and
// iommu_subsys_init; arm-smmu-v3.c: arm_smmu_device_hw_probe; arm-smmu.c: arm_smmu_device_cfg_probe;
// drivers/iommu/intel/dmar.c; drivers/iommu/amd/init.c; irq-gic-v3-its.c: its_of_probe;
// irq-gic-v2m.c: gicv2m_init_one; mm/mm_init.c: free_area_init.

/// What a line is about.
enum BootLogPhrase: String, CaseIterable {
    case hostBridge = "PCI host bridge to bus "
    case rootResource = "root bus resource ["
    case busAddress = "(bus address ["
    case member = "Adding to iommu group "
    case addressSizes = "ias "
    case stage1 = "Stage-1: "
    case stage2 = "Stage-2: "
    case pageSizes = "Supported page sizes: "
    case itsFrame = "ITS [mem "
    case its = "ITS@0x"
    case v2mFrame = "GICv2m: range[mem "
    case release = "Linux version "
    case booting = "Booting Linux on physical CPU "
    case commandLine = "Kernel command line: "
    case defaultDomain = "iommu: Default domain type: "
    case directMapping = "Firmware has requested this device have a 1:1 IOMMU mapping"
    case iort = "ACPI: IORT: "
    case oldIORT = "ACPI IORT: "
    case memoryNode = "node "
    case intelIOMMU = "DMAR: "
    case amdIOMMU = "AMD-Vi: "
    case contextFault = "Unhandled context fault"
    case event = "event 0x"

    /// Whether a text with such a line is a boot log: others are words of other texts too.
    var tells: Bool {
        switch self {
        case .hostBridge, .rootResource, .member, .booting, .commandLine, .defaultDomain, .iort,
            .itsFrame, .its, .v2mFrame, .directMapping:
            true
        case .busAddress, .addressSizes, .release, .stage1, .stage2, .pageSizes, .oldIORT, .memoryNode,
            .intelIOMMU, .amdIOMMU, .contextFault, .event:
            false
        }
    }

    /// A line with its phrase: what stands before it, and after.
    struct Found {
        var phrase: BootLogPhrase
        var before: ArraySlice<UInt8>
        var after: ArraySlice<UInt8>

        /// The last word before the phrase, without its colon: the device that printed the line.
        var device: ArraySlice<UInt8>? {
            guard let word = before.split(whereSeparator: TextLines.isBlank).last, word.last == 0x3a,
                word.count > 1
            else { return nil }
            return word.dropLast()
        }
    }

    /// The first phrase of a line, at the start of a word. O(bytes).
    static func find(in line: ArraySlice<UInt8>) -> Found? {
        var isStart = true
        for at in line.indices {
            let byte = line[at]
            defer { isStart = TextLines.isBlank(byte) || byte == 0x3a || byte == 0x5d || byte == 0x3e }
            guard isStart else { continue }
            for candidate in table[Int(byte)] where line[at...].starts(with: candidate.bytes) {
                return Found(
                    phrase: candidate.phrase, before: line[..<at],
                    after: line[(at + candidate.bytes.count)...])
            }
        }
        return nil
    }

    /// By first byte.
    private static let table: [[(phrase: Self, bytes: [UInt8])]] = {
        var table = [[(phrase: Self, bytes: [UInt8])]](repeating: [], count: 256)
        for phrase in allCases {
            let bytes = Array(phrase.rawValue.utf8)
            table[Int(bytes[0])].append((phrase, bytes))
        }
        return table
    }()
}
