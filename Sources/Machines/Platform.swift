// A machine as data: what firmware says about SMMUs, the devices behind them, and doorbells, with the
// findings of the reader. It holds facts only; what Linux makes of them for a kernel release and a page
// size is MSIWindows'.

public import AddressSpaces

/// One machine, as read from firmware or given by a caller.
public struct Platform: Hashable, Sendable {
    /// What the description was read from.
    public enum Source: String, CaseIterable, Sendable {
        case deviceTree = "device_tree"
        case acpi
        case sysfs
        /// What a kernel printed while it booted.
        case bootLog = "boot_log"
        case json
        case builtIn = "built_in"
    }

    public var source: Source
    public var model: String?
    /// The root's `compatible` strings, most specific first.
    public var compatible: [String]
    public var smmus: [SMMU]
    /// In firmware's order.
    public var msiControllers: [MSIController]
    /// Every master behind an SMMU, active or not, in firmware's order. Two may have one id: a bus, and
    /// on it the same node as a device of its own.
    public var devices: [Device]
    public var memory: [PhysicalRange]
    /// ACPI only: memory that firmware has devices use, in table order.
    public var memoryRanges: [ReservedMemoryRange] = []
    /// ACPI only: streams whose MSIs no SMMU translates, disjoint, by SMMU and stream ID ascending.
    public var untranslatedRanges: [UntranslatedRange] = []
    /// ACPI only: whether `_DSM` function 5 of a host bridge asks to keep the boot configuration, as the DSDT
    /// or the caller says; each bridge has its own.
    public var preservesPCIConfiguration = false
    /// ACPI only: the PCI host bridges that a DSDT or an SSDT declares, in that order.
    public var hostBridges: [HostBridge] = []
    public var findings: [Finding]
    /// What a running host said of itself; nil of firmware alone.
    public var host: RunningHost?

    public init(
        source: Source, model: String? = nil, compatible: [String] = [], smmus: [SMMU] = [],
        msiControllers: [MSIController] = [], devices: [Device] = [], memory: [PhysicalRange] = [],
        findings: [Finding] = []
    ) {
        self.source = source
        self.model = model
        self.compatible = compatible
        self.smmus = smmus
        self.msiControllers = msiControllers
        self.devices = devices
        self.memory = memory
        self.findings = findings
    }
}

extension Platform {
    /// The version of the first SMMU that the device's streams name, which decides its driver; nil when none
    /// is known. Where only the kernel's list of regions is known, the list decides.
    public func driver(of device: Device) -> SMMU.Version? {
        guard let name = device.streams.first?.smmu else {
            return device.reportedDriver
        }
        return smmus.first { $0.id == name }?.version
    }

    /// Whether all of the device's MSI controllers isolate MSIs between devices: an ITS does, GICv2m, MBI and
    /// a pre-ITS do not (kernel/irq/msi.c: IRQ_DOMAIN_FLAG_ISOLATED_MSI, Linux 7.2). A device without a known
    /// controller counts as isolated.
    ///
    /// - Parameter asksGroup: false for kernels that ask whether every controller of the machine does.
    public func isolatesMSIs(of device: Device, asksGroup: Bool = true) -> Bool {
        msiControllers.isolateMSIs(of: device.msiControllers, asksGroup: asksGroup)
    }
}

extension [MSIController] {
    /// The same of a device with these controllers, which are some of the machine's.
    public func isolateMSIs(of own: [String], asksGroup: Bool) -> Bool {
        indices.allSatisfy { place in
            switch self[place].kind {
            case .its, .other: true
            case .gicv2m, .mbi, .preITS: asksGroup && !own.contains(self[place].id)
            }
        }
    }
}

/// A remark of a reader about its input.
public struct Finding: Hashable, Sendable {
    public enum Severity: String, CaseIterable, Comparable, Sendable {
        case error, warning, info

        public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

        /// 0 for the gravest.
        private var rank: Int {
            switch self {
            case .error: 0
            case .warning: 1
            case .info: 2
            }
        }
    }

    public var severity: Severity
    /// Stable, lower-case kebab: `phandle-missing`, `ranges-odd-length`, ...
    public var code: String
    /// Node path and property, or table and offset.
    public var location: String
    /// One sentence: what is wrong, with the values, and what was done about it.
    public var detail: String

    public init(severity: Severity, code: String, location: String, detail: String) {
        self.severity = severity
        self.code = code
        self.location = location
        self.detail = detail
    }
}
