// Hosts, a guest, and a window: what a placement is asked about.

/// One question. The order of hosts decides only the order of the per-host answers.
public struct PlacementQuestion: Sendable {
    /// A host under its name. Hosts that share facts share the work.
    public struct Host: Sendable {
        public var name: String
        /// Index into `facts`.
        public var facts: Int

        public init(name: String, facts: Int) {
            self.name = name
            self.facts = facts
        }
    }

    public var hosts: [Host]
    public var facts: [HostFacts]
    public var guest: GuestDemand
    public var window: WindowDemand

    /// - Precondition: at least one host, each with an index of `facts`.
    public init(hosts: [Host], facts: [HostFacts], guest: GuestDemand, window: WindowDemand) {
        precondition(!hosts.isEmpty && hosts.allSatisfy { facts.indices.contains($0.facts) }, "hosts")
        self.hosts = hosts
        self.facts = facts
        self.guest = guest
        self.window = window
    }
}
