// Own texts of every reader, and the facts that each reader finds in one: what the tests of cleaning compare.

import Foundation
import Machines
import TestSupport

@testable import Ingestion

enum CleanReader: String, CaseIterable {
    case sysfs, listing, iomem, trace, faults, dump

    var stamps: CleanText.Stamps { self == .faults ? .kept : .removed }

    /// A command that prints such a text.
    var command: String {
        switch self {
        case .sysfs: "tail -n +1 /sys/kernel/iommu_groups/*/reserved_regions"
        case .listing: "./groups.sh"
        case .iomem: "cat /proc/iomem"
        case .trace: "cat /sys/kernel/tracing/trace"
        case .faults: "dmesg | grep smmu"
        case .dump: "sudo acpidump -n IORT"
        }
    }

    var texts: [String] {
        switch self {
        case .sysfs: Self.seeds("sysfs") + [Self.grepped]
        case .listing: [Self.groups]
        case .iomem: [Self.resources]
        case .trace: Self.seeds("trace") + [Self.mappings]
        case .faults: Self.seeds("fault_log") + [Self.events]
        case .dump: Self.seeds("acpi").filter { $0.hasPrefix("IORT @") }
        }
    }

    /// Facts as text, without line numbers.
    func facts(_ bytes: [UInt8]) throws -> [String] {
        var findings = FindingList()
        switch self {
        case .sysfs, .listing:
            return try SysfsReader.read(bytes, nil, &findings).devices.map {
                "\($0.id) \($0.reportedRegions as Any)"
            }
        case .iomem:
            let content = try IOMemText.read(bytes, &findings)
            return content.pciWindows.sorted { $0.key < $1.key }.map { "\($0)" }
                + content.memory.map { "\($0)" }
        case .trace:
            return try TraceText.read(bytes).events.map { "\($0.task) \($0.kind) \($0.device)" }
        case .faults:
            return try FaultLog.read(bytes).faults.map { fault in
                var fault = fault
                (fault.line, fault.lastLine) = (0, 0)
                return "\(fault)"
            }
        case .dump:
            guard let text = ACPIDumpText.text(bytes) else { return ["no dump"] }
            return try ACPIDumpText.tables(text, &findings).map(\.hexDigits)
        }
    }

    static func seeds(_ reader: String) -> [String] {
        let folder = SharedShelf.packageRoot.appendingPathComponent("Fuzz/corpus/\(reader)")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        // Some seeds are dirty, so that fuzzing begins with dirt.
        return names.sorted().filter { $0 != "pasted" }.compactMap { name in
            guard let data = try? Data(contentsOf: folder.appendingPathComponent(name)),
                let text = String(data: data, encoding: .utf8), !text.contains("\0")
            else { return nil }
            return text.hasSuffix("\n") ? text : text + "\n"
        }
    }

    private static let grepped = """
        /sys/kernel/iommu_groups/0/reserved_regions:0x0000000008000000 0x00000000080fffff msi
        /sys/kernel/iommu_groups/12/reserved_regions:0x0000000008000000 0x00000000080fffff msi
        /sys/kernel/iommu_groups/12/reserved_regions:0x00000000c6010000 0x00000000c601ffff msi

        """

    private static let groups = """
        IOMMU Group 1:
        \t0000:00:01.0 PCI bridge [0604]: Some Vendor Root Port of a chip with a very long name \
        indeed [1d0f:0001] (rev 02)
        \t01:00.0 Ethernet controller [0200]: Some Vendor Adapter
        IOMMU Group 10:
        0x0000000008000000 0x00000000080fffff msi
        IOMMU Group 11 0000:02:00.0 Non-Volatile memory controller

        """

    private static let resources = """
        08000000-0fffffff : PCI Bus 0002:00
          08000000-081fffff : PCI Bus 0002:01
            08000000-08003fff : 0002:01:00.0
        10000000-10000fff : a controller with a name that is much longer than sixty columns are
        90000000-91ffffff : System RAM
          90080000-90ffffff : Kernel code
        200000000000-23ffdfffffff : PCI Bus 0002:00

        """

    private static let mappings = """
        # tracer: nop
        #           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
           (udev-worker)-532     [010] .....     4.878076: map: IOMMU: iova=0x00000000fe980000 - \
        0x00000000fea00000 paddr=0x000000010ec80000 size=524288
           (udev-worker)-532     [010] .....     4.878079: dma_alloc: 0000:c2:00.0 \
        dma_addr=fe980000 size=524288 virt_addr=000000006cadbcb1 flags=GFP_KERNEL attrs=
           kworker/u64:0-12      [011] .....   327.747766: unmap: IOMMU: iova=0x00000000fe980000 - \
        0x00000000fea00000 size=524288 unmapped_size=524288
             modprobe-93         [001] .....   330.581100: map: IOMMU: dev=1d84000.ufshc \
        iova=0x0000000fffa88000 paddr=0x00000001063db000 size=4096

        """

    private static let events = """
        [   12.345678] arm-smmu-v3 490d0000.iommu: event 0x10 received:
        [   12.345679] arm-smmu-v3 490d0000.iommu:      0x0000001100000010
        [   12.345680] arm-smmu-v3 490d0000.iommu:      0x0000020a00000000
        [   12.345681] arm-smmu-v3 490d0000.iommu:      0x000000009b0cc000
        [   12.345682] arm-smmu-v3 490d0000.iommu:      0x0000000000000000
        [   12.345683] arm-smmu-v3 490d0000.iommu: event: F_TRANSLATION client: 0000:01:00.0 sid: \
        0x11 ssid: 0x0 iova: 0x9b0cc000 ipa: 0x0
        [   12.345684] arm-smmu-v3 490d0000.iommu: priv data read s1 "Input address caused fault" stag: 0x0
        [   13.000000] arm-smmu 2b600000.iommu: Unhandled context fault: fsr=0x402, \
        iova=0x08000040, fsynr=0x10013, cbfrsynra=0x100, cb=1

        """
}
