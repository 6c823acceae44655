// The bodies about agreements, read with all their mistakes at once: what a placement takes with an id and a
// life, a change of state, and one host.

import Fleet
import JSON

/// The body of POST /v1/agreements.
struct AgreementRequest: Sendable {
    /// Hosts, guest and window.
    private(set) var placement = PlacementRequest()
    /// nil when the server names it.
    private(set) var id: WireID?
    private(set) var ttlSeconds = Limits.agreementTTLSecondsDefault

    init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        if let node = reader.optional("id") { id = WireID(node, problems) }
        if let node = reader.optional("ttl_seconds"), let seconds = Self.ttl(node, problems) {
            ttlSeconds = seconds
        }
        placement = PlacementRequest(&reader, problems)
        reader.finish()
    }

    static func ttl(_ node: JSONNode, _ problems: ProblemList) -> Int? {
        node.int(in: 1...Limits.agreementTTLSecondsMax, problems)
    }

    /// The bounds of an agreement, beside those of a placement: what it keeps, it keeps for long.
    static func check(_ hosts: [PlacementRequest.Host], _ problems: ProblemList) {
        if hosts.count > Limits.agreementHostsMax {
            problems.add("/hosts", "too-many", tooManyHosts)
        }
        var names: Set<String> = []
        for host in hosts where !names.insert(host.name).inserted {
            problems.add(
                "\(host.pointer)/name", "duplicate-id",
                sameName(host.name))
        }
    }

    static let tooManyHosts = "An agreement has at most \(Limits.agreementHostsMax) hosts."

    static func sameName(_ name: String) -> String {
        "Another host of the agreement is called \"\(Excerpt.of(name))\"; send another name."
    }
}

/// The body of PATCH /v1/agreements/{agreement}.
struct AgreementPatch: Sendable {
    private static let states = [Agreement.State.accepted, .released].map { (word: $0.rawValue, value: $0) }

    private(set) var state: Agreement.State?
    private(set) var ttlSeconds: Int?

    init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        let state = reader.optional("state")
        let seconds = reader.optional("ttl_seconds")
        if state == nil, seconds == nil {
            problems.add("/state", "required", "Send \"state\" or \"ttl_seconds\", or both.")
        }
        self.state = state.flatMap { $0.choice(Self.states, problems) }
        ttlSeconds = seconds.flatMap { AgreementRequest.ttl($0, problems) }
        reader.finish()
    }
}

/// The body of POST .../checks and of POST .../hosts.
struct AgreementHostRequest: Sendable {
    private(set) var host: PlacementRequest.Host?

    /// A host without a name is called by its number among those of the agreement.
    init(_ root: JSONNode, of agreement: Agreement, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        let node = reader.required("host")
        host = node.flatMap { PlacementRequest.host($0, index: agreement.hosts.count, problems) }
        if let name = host?.name, node?.member("name") == nil { host?.name = agreement.freeName(name) }
        reader.finish()
    }
}
