// What answers say of devices beside the question: where a host bridge has windows, or a wish about memory
// ranges, that no source states (they are unknown, not absent), where it is not known which of firmware's
// devices one is, where nobody has asked the IOMMU, where firmware crashes the kernel, and where the kernel
// is not modelled exactly.

import LinuxReleases
public import Machines

/// What of a device or of its host bridge no source may state.
public enum UnknownFact: CaseIterable, Sendable {
    /// Its PCI windows.
    case outbound
    /// Its inbound windows.
    case inbound
    /// Whether it asks to keep the boot configuration, on which it depends whether an RMR applies.
    case configuration
    /// Which of firmware's devices it is.
    case firmware
    /// Which of firmware's devices others of its group are, where no list says what they reserve.
    case mates
    /// Whose the entries of its group's list are.
    case share
    /// What the kernel lists for its group.
    case regions

    /// Whether the fact is not known of the device, and something depends on it.
    public func isOpen(for device: Device) -> Bool {
        switch self {
        case .outbound: device.hasUnknownPCIWindows
        case .inbound: device.hasUnknownInboundWindows
        // A list of the kernel's own says what it applied.
        case .configuration: device.hasUnknownConfiguration && device.reportedRegions == nil
        case .firmware: device.hasUnknownFirmware
        case .mates: device.hasUnknownMates
        case .share: device.hasUnknownShare
        case .regions: device.hasUnknownRegions
        }
    }

    /// Whether answers without a window rest on it as well.
    var countsWithoutWindow: Bool {
        switch self {
        case .outbound, .inbound, .configuration: false
        case .firmware, .mates, .share, .regions: true
        }
    }

    /// A sentence for a warning where the fact is open; nil otherwise.
    public func remark(of device: Device) -> String? {
        guard isOpen(for: device) else { return nil }
        let bridge = device.hostBridge ?? device.id
        let group = device.groupID ?? device.id
        switch self {
        case .outbound where device.hasUnknownFirmware && device.hostBridge == nil:
            return
                "The PCI windows of \(device.id) are not known, since no host bridge is known to be that above it, and "
                + "what looks free may lie in one: send its place in sysfs, as `iovad collect` does."
        case .outbound:
            return
                "The PCI windows of \(bridge) are not known, and what looks free may lie in one: send the DSDT with "
                + "its SSDTs, or /proc/iomem."
        case .inbound:
            return
                "The inbound windows of \(bridge) are not known, since its `_DMA` has to be evaluated: DMA may not "
                + "reach what looks reachable. Send dma_ranges as JSON."
        case .configuration:
            let place = device.conditionalMemoryRange.map { " at \($0.location)" } ?? ""
            return
                "Whether \(bridge) asks to keep the boot configuration (`_DSM` function 5) is not known: Linux applies the "
                + "RMR\(place) if it does, and the answer is that of one that does not. Send preserve_config, "
                + "or a DSDT that states it."
        case .firmware:
            let who = device.standsForGroup ? "each device of \(device.id)" : device.id
            return
                "Which of the devices that firmware describes is \(who) is not known: regions, doorbells and limits that "
                + "firmware gives it may be missing here. Send places in sysfs, as `iovad collect` does, or ask about the "
                + "device that firmware describes."
        case .mates:
            return
                "Which of the devices that firmware describes the others of \(group) are is not known: regions that "
                + "firmware gives them may be missing here. Send the group's reserved_regions, or places in sysfs, as "
                + "`iovad collect` does."
        case .share:
            return
                "Whose the entries of the list of \(group) are is not known, since firmware has too many regions to "
                + "compare: each of its devices is taken to have all, and kernel drivers may get other addresses."
        case .regions:
            return
                "What the kernel lists for \(group) is not known, since its reserved_regions was not sent: the answer "
                + "goes by what firmware describes. Send the file, as `iovad collect` does."
        }
    }

    /// The code of that warning in answers about one device.
    public var code: Warning.Code {
        switch self {
        case .outbound: .pciWindowsUnknown
        case .inbound: .inboundWindowsUnknown
        case .configuration: .preserveConfigUnknown
        case .firmware, .mates: .firmwareUnknown
        case .share: .groupNotJoined
        case .regions: .reservedRegionsUnknown
        }
    }
}

extension Sequence<Device> {
    /// Warnings about what is not known of these devices and of the kernel, and what crashes it, each once.
    ///
    /// - Parameter consumer: nil where the answer is about none of them alone. What is not known of windows
    ///   is left out where nothing is translated for it.
    public func warnings(under conditions: Conditions, for consumer: Consumer?) -> [Warning] {
        var found: [Warning] = []
        var seen: Set<String> = []
        let usesWindows = consumer.map { conditions.translates(for: $0) } ?? true
        if consumer != nil, conditions.hasUnusedIOMMURegions, contains(where: { _ in true }) {
            found.append(.unusedIOMMURegions)
        }
        for device in self {
            let unknown = UnknownFact.allCases.map { ($0.code, usesWindows ? $0.remark(of: device) : nil) }
            let told =
                unknown + [
                    (.iommuDecidesWindow, usesWindows ? device.undecidedRemark(under: conditions) : nil),
                    (.noGroup, device.missingIOMMURemark(under: conditions, for: consumer)),
                    (.x86Host, device.x86Remark),
                    (.kernelCrashes, device.crashRemark(under: conditions.kernel)),
                ]
            for case (let code, let detail?) in told where seen.insert(detail).inserted {
                found.append(Warning(code: code, detail: detail, range: nil))
            }
        }
        if consumer == .dmaAPI, let because = conditions.defaultDomain.exclusion,
            contains(where: { _ in true })
        {
            found.append(Warning(code: .noKernelDMA, detail: because, range: nil))
        }
        // Most kernels have none: then no device is looked at.
        if consumer != nil, conditions.kernelRemark(onX86: false) != nil,
            let remark = conditions.kernelRemark(onX86: contains { $0.isOfX86 })
        {
            found.append(Warning(code: .kernelNotModelledExactly, detail: remark, range: nil))
        }
        return found
    }
}

extension Conditions {
    /// What is not modelled exactly of the kernel, for modules that know no releases; nil where nothing is.
    public func kernelRemark(onX86: Bool) -> String? { kernel.remark(onX86: onX86) }
}

extension Device {
    /// A sentence for a warning where the device has no IOMMU, or may have none; nil where it has one.
    ///
    /// - Parameter consumer: nil where the answer is about none of them alone.
    public func missingIOMMURemark(under conditions: Conditions, for consumer: Consumer?) -> String? {
        guard let remark = missingIOMMURemark else { return nil }
        guard lacksIOMMU else { return remark }
        guard consumer != nil else {
            // It says that VFIO refuses the device.
            return conditions.kernel.servesWithoutIOMMU.map { "\(remark) \($0)" } ?? remark
        }
        let isAnswered = conditions.defaultDomain == .none
        return isAnswered ? remark : remark + " The request asks about a device behind its IOMMU."
    }

    /// What a kernel does with an entry of firmware that crashes it; nil when nothing does.
    func crashRemark(under kernel: KernelProfile) -> String? {
        Hazards.ofFirmware(of: self, applying: [], under: kernel).first { $0.code == .kernelCrashes }?.detail
    }
}
