// What a kernel's boot log says of the machine: values only. BootLogText reads them from dmesg's text,
// PlatformAssembly+BootLog joins them with what firmware, iomem and sysfs say.

import AddressSpaces
import Machines

/// The facts of one boot, in the order of the log.
struct BootLog {
    /// One host bridge and the windows of its root bus.
    struct Bridge {
        var segment: UInt32
        var bus: UInt8
        var windows: [PCIWindow] = []
    }

    /// What an SMMU's driver printed of its registers.
    struct SMMUReport {
        /// As the kernel names the device: `arm-smmu-v3.0.auto`, `2b500000.iommu`.
        var name: String
        var isV3: Bool
        var values = SMMU.Report()
    }

    struct Member {
        var device: String
        var group: UInt64
    }

    /// Keeps what says which processor it is, unless something has said the same.
    mutating func tell(_ processor: HostProcessor) {
        guard !processors.contains(where: { $0.architecture == processor.architecture }) else { return }
        processors.append(processor)
    }

    struct Remark {
        var line: Int
        var text: String
    }

    /// Lines that say which kernel booted. Facts are those of the last.
    var boots = 0
    var release: String?
    /// Words of the command line that decide what this model asks for; nil where the log does not have it.
    var commandLine: [HostOption]?
    var defaultDomain: String?
    /// What says which processor it is: the first word for each, in the order of the log.
    var processors: [HostProcessor] = []
    var bridges: [Bridge] = []
    var smmus: [SMMUReport] = []
    /// Base addresses.
    var itsFrames: [UInt64] = []
    var v2mFrames: [UInt64] = []
    /// The last group of each device.
    var members: [Member] = []
    var memory: [PhysicalRange] = []
    /// Devices that the kernel refuses to user space for their direct regions.
    var directDevices: [String] = []
    /// What the kernel says against the IORT.
    var remarks: [Remark] = []
    var faultLines = 0
    /// Lines that begin as facts do and end too early.
    var incomplete: [Remark] = []

    /// By segment, as bus addresses.
    var windows: [UInt32: [PCIWindow]] {
        bridges.reduce(into: [:]) { windows, bridge in
            windows[bridge.segment, default: []] += bridge.windows
        }
    }

    var segments: [UInt32] {
        var seen: Set<UInt32> = []
        return bridges.map(\.segment).filter { seen.insert($0).inserted }
    }

    /// Where MSIs are taken, of all frames.
    var controllers: [MSIController] {
        func controller(
            _ base: UInt64, _ kind: MSIController.Kind, _ prefix: String, _ offset: UInt64
        ) -> MSIController? {
            let (doorbell, wraps) = base.addingReportingOverflow(offset)
            guard !wraps else { return nil }
            return MSIController(
                id: "\(prefix)@\(HexLiteral.digits(base))", kind: kind, compatible: [],
                doorbell: PhysicalAddress(doorbell), enabled: true)
        }
        return itsFrames.compactMap { controller($0, .its, "its", Doorbell.translaterOffset) }
            + v2mFrames.compactMap { controller($0, .gicv2m, "v2m", Doorbell.setSPIOffset) }
    }

    /// Whether anything of a machine was said.
    var saysNothing: Bool {
        bridges.isEmpty && smmus.isEmpty && itsFrames.isEmpty && v2mFrames.isEmpty && members.isEmpty
            && release == nil && (commandLine ?? []).isEmpty && defaultDomain == nil && memory.isEmpty
            && directDevices.isEmpty && remarks.isEmpty
    }
}
