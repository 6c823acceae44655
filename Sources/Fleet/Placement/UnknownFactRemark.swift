// What placements and surveys say of hosts whose bridges have windows that no source states: of each kind one
// sentence, that of the first device. The sentences are those of answers about one device.

import MSIWindows
public import Machines

/// Windows of a host that are not known.
public struct UnknownFactRemark: Sendable {
    public let code: Placement.Warning.Code
    public let detail: String

    /// Of each kind of windows the first remark among `devices`.
    static func first(of devices: some Sequence<Device>) -> [UnknownFactRemark] {
        UnknownFact.allCases.compactMap { unknown in
            devices.lazy.compactMap(unknown.remark).first.map {
                .init(code: unknown.placementCode, detail: $0)
            }
        }
    }
}

extension UnknownFact {
    fileprivate var placementCode: Placement.Warning.Code {
        switch self {
        case .outbound: .pciWindowsUnknown
        case .inbound: .inboundWindowsUnknown
        case .configuration: .preserveConfigUnknown
        }
    }
}
