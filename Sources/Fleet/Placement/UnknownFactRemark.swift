// What placements and surveys say of hosts of which no source states a fact, as a bridge's windows: of each
// kind one sentence, that of the first device. The sentences are those of answers about one device.

import MSIWindows
import Machines

/// A fact of a host that is not known.
public struct UnknownFactRemark: Hashable, Sendable {
    public let code: Placement.Warning.Code
    public let detail: String

    /// Of each kind of fact the first remark among `devices`.
    static func first(of devices: some Sequence<Device>) -> [UnknownFactRemark] {
        UnknownFact.allCases.compactMap { unknown in
            devices.lazy.compactMap { UnknownFactRemark(unknown, of: $0) }.first
        }
    }

    /// nil where the fact is known of the device.
    init?(_ unknown: UnknownFact, of device: Device) {
        guard let detail = unknown.remark(of: device) else { return nil }
        code = unknown.placementCode
        self.detail = detail
    }
}

extension UnknownFact {
    fileprivate var placementCode: Placement.Warning.Code {
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
