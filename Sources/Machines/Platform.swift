// A machine as data: what firmware says about SMMUs, the devices behind them, and doorbells.
// It holds facts only; what Linux makes of them for a kernel release and a page size is MSIWindows'.

public import AddressSpaces

/// One machine, as read from firmware or given by a caller.
public struct Platform: Hashable, Sendable {
    /// What the description was read from.
    public enum Source: String, CaseIterable, Sendable {
        case deviceTree = "device_tree"
        case acpi
        case sysfs
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
    /// behind it the same node as a device of its own.
    public var devices: [Device]
    public var memory: [PhysicalRange]
    /// ACPI only: memory that firmware has devices use, in table order.
    public var memoryRanges: [ReservedMemoryRange] = []
    /// ACPI only: streams whose MSIs no SMMU translates, disjoint, by SMMU and stream ID ascending.
    public var untranslatedRanges: [UntranslatedRange] = []
    /// ACPI only: whether the host bridges' `_DSM` function 5 asks to keep the boot configuration. Tables
    /// that can be read here do not tell, so the caller does.
    public var preservesPCIConfiguration = false
    public var findings: [Finding]

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
