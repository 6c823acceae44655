// What answers say of devices beside the question: where a host bridge has PCI windows that no source states
// (they are unknown, not absent), where nobody has asked the IOMMU, where firmware crashes the kernel, and
// where the kernel is not modelled exactly.

import LinuxReleases
public import Machines

extension Device {
    /// A sentence for a warning; nil when the windows are known.
    public var unknownWindowsRemark: String? {
        guard hasUnknownPCIWindows else { return nil }
        return
            "The PCI windows of \(hostBridge ?? id) are not known, and what looks free may lie in one: send the DSDT "
            + "with its SSDTs, or /proc/iomem."
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
            let told = [
                (Warning.Code.pciWindowsUnknown, usesWindows ? device.unknownWindowsRemark : nil),
                (.iommuDecidesWindow, usesWindows ? device.undecidedRemark(under: conditions) : nil),
                (.x86Host, device.x86Remark),
                (.kernelCrashes, device.crashRemark(under: conditions.kernel)),
            ]
            for case (let code, let detail?) in told where seen.insert(detail).inserted {
                found.append(Warning(code: code, detail: detail, range: nil))
            }
        }
        if consumer != nil, let remark = conditions.kernelRemark {
            found.append(Warning(code: .kernelNotModelledExactly, detail: remark, range: nil))
        }
        return found
    }
}

extension Conditions {
    /// What is not modelled exactly of the kernel; nil where nothing is.
    public var kernelRemark: String? { kernel.remark }
}

extension Device {
    /// What a kernel does with an entry of firmware that crashes it; nil when nothing does.
    func crashRemark(under kernel: KernelProfile) -> String? {
        Hazards.ofFirmware(of: self, applying: [], under: kernel).first { $0.code == .kernelCrashes }?.detail
    }
}
