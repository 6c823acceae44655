// A fact of a running host that an answer rests on because the request did not say otherwise. Who takes facts
// over from a host is the API's StatedConditions; who keeps them for later answers, a session's domain.

public import Machines

/// One such fact, as the host told it.
public struct HostFact: Hashable, Sendable {
    /// What was read of the host.
    public enum Name: String, CaseIterable, Sendable {
        case kernelRelease = "kernel_release"
        case pageSize = "page_size"
        case groupType = "group_type"
        case commandLine = "command_line"
        case moduleParameters = "module_parameters"
        case kernelConfig = "kernel_config"
        case bootLog = "boot_log"
    }

    public let name: Name
    public let value: String
    /// The file or text that it is from, where the name leaves that open.
    public let place: String?
    /// Whose answers it decides; nil for everybody's.
    public let consumers: Set<Consumer>?

    /// A fact under its name.
    public init(_ name: Name, _ value: String, place: String? = nil, for consumers: Set<Consumer>? = nil) {
        self.name = name
        self.value = value
        self.place = place
        self.consumers = consumers
    }

    /// A word of how the host was built, booted or set up.
    public init(_ option: HostOption, for consumers: Set<Consumer>? = nil) {
        let name: Name =
            switch option.source {
            case .commandLine: .commandLine
            case .moduleParameters: .moduleParameters
            case .kernelConfig: .kernelConfig
            case .bootLog: .bootLog
            }
        self.init(name, option.word, place: option.place, for: consumers)
    }

    /// Whether an answer for this consumer rests on it; nil where the answer is about none.
    public func concerns(_ consumer: Consumer?) -> Bool {
        guard let consumers else { return true }
        return consumer.map { consumers.contains($0) } ?? false
    }
}

extension Warning {
    /// That facts of a device's host do not count in a session's domain.
    public init(unused facts: [HostFact], of device: String) {
        let told = facts.map { "\($0.name.rawValue) \($0.value)" }.joined(separator: ", ")
        self.init(
            code: .hostFactsUnused,
            detail:
                "The host of \(device) says otherwise, and it does not count: \(told). A domain stays as it was made, and "
                + "a session's kernel is that of its first domain. Make a session whose first domain is made with "
                + "the device.")
    }
}
