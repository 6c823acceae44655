// A fact of a running host that an answer rests on because the request did not say otherwise. Who takes facts
// over from a host is the API's StatedConditions; who keeps them for later answers, a session's domain.

/// One such fact, as the host told it.
public struct HostFact: Hashable, Sendable {
    /// What was read of the host.
    public enum Name: String, CaseIterable, Sendable {
        case kernelRelease = "kernel_release"
        case pageSize = "page_size"
        case groupType = "group_type"
    }

    public let name: Name
    public let value: String
    /// Whose answers it decides; nil for everybody's.
    public let consumers: Set<Consumer>?

    /// A fact under its name.
    public init(_ name: Name, _ value: String, for consumers: Set<Consumer>? = nil) {
        self.name = name
        self.value = value
        self.consumers = consumers
    }

    /// Whether an answer for this consumer rests on it; nil where the answer is about none.
    public func concerns(_ consumer: Consumer?) -> Bool {
        guard let consumers else { return true }
        return consumer.map { consumers.contains($0) } ?? false
    }
}
