// Agreements as members of answers and of events, and what they refuse as problems. Field names and their
// order are the contract's.

import AddressSpaces
public import Fleet
public import HTTP
import JSON
import LinuxReleases
import MSIWindows

extension JSONWriter {
    /// An agreement in a list.
    mutating func agreementSummary(_ agreement: Agreement, owner: String?) {
        agreementHead(agreement, owner: owner)
        promise(agreement.promise)
        member("host_count", agreement.hosts.count)
        agreementLife(agreement)
    }

    /// An agreement as a whole.
    mutating func agreement(_ agreement: Agreement, _ entry: AgreementEntry, engine: String) {
        agreementHead(agreement, owner: entry.owner)
        promise(agreement.promise)
        hosts(agreement.hosts, agreement.promise, entry.placed.kernel)
        array("remedies") { writer in agreement.remedies.forEach { writer.remedy($0) } }
        member("renderings", strings: agreement.renderings(of: entry.placed.placement).map(\.rawValue))
        object("placement") { $0.placement(entry.placed, engine: engine) }
        agreementLife(agreement)
        model(entry.placed.kernel, onX86: entry.placed.isOnX86, engine: engine)
    }

    /// What `?dry_run=true` answers where the hosts can keep a promise.
    mutating func proposal(_ proposal: AgreementProposal, engine: String) {
        member("kind", "agreement_proposal")
        member("possible", true)
        member("because", proposal.promise.mechanism.because)
        promise(proposal.promise)
        hosts(proposal.hosts, proposal.promise, proposal.placed.kernel)
        array("blockers") { _ in }
        array("remedies") { _ in }
        object("placement") { $0.placement(proposal.placed, engine: engine) }
        model(proposal.placed.kernel, onX86: proposal.placed.isOnX86, engine: engine)
    }

    /// The same where they cannot.
    mutating func refusedProposal(_ refusal: Promise.Refusal, _ placed: PlacedAnswer, engine: String) {
        member("kind", "agreement_proposal")
        member("possible", false)
        member("because", refusal.because)
        key("window")
        null()
        mechanism(placed.placement.mechanism)
        array("doorbell_iovas") { _ in }
        array("hosts") { _ in }
        blockers(refusal.blockers)
        array("remedies") { writer in refusal.remedies.forEach { writer.remedy($0) } }
        object("placement") { $0.placement(placed, engine: engine) }
        model(placed.kernel, onX86: placed.isOnX86, engine: engine)
    }

    /// How a host stands to a promise.
    mutating func standing(_ standing: Standing) {
        member("keeps", standing.keeps)
        member("verdict", orNull: standing.verdict?.rawValue)
        if let own = standing.mechanism { mechanism(own) }
        blockers(standing.blockers)
        array("remedies") { writer in standing.remedies.forEach { writer.remedy($0) } }
    }

    private mutating func agreementHead(_ agreement: Agreement, owner: String?) {
        member("id", agreement.id)
        if let owner { member("owner", owner) }
        member("state", agreement.state.rawValue)
        key("broken")
        if let broken = agreement.broken { object { $0.broken(broken) } } else { null() }
        if let pool = agreement.pool { member("pool", pool) }
    }

    fileprivate mutating func broken(_ broken: Agreement.Broken) {
        member("since", Timestamp.text(milliseconds: broken.since))
        if let host = broken.host { member("host", host) }
        blockers(broken.blockers)
    }

    private mutating func promise(_ promise: Promise) {
        member("window", orNull: promise.window)
        mechanism(promise.mechanism)
    }

    /// What holds on all hosts, and then each of them.
    ///
    /// - Parameter kernel: which the answer's `model` has.
    private mutating func hosts(_ hosts: [Agreement.Host], _ promise: Promise, _ kernel: KernelProfile) {
        if let common = promise.doorbells(on: hosts, most: Placement.doorbellsListedMax) {
            array("doorbell_iovas") { writer in common.forEach { writer.hex($0.value) } }
        } else {
            key("doorbell_iovas")
            null()
            member("doorbell_iovas_because", Promise.doorbellsDiffer)
        }
        array("hosts") { writer in
            for host in hosts {
                writer.object { writer in
                    writer.member("name", host.name)
                    if let platform = host.platform {
                        writer.member("platform", platform)
                        writer.member("digest", orNull: host.seen?.digest)
                    }
                    if host.isOfPool { writer.member("of_pool", true) }
                    writer.own(host, promise, beside: kernel, among: hosts.count)
                    writer.member("keeps", host.standing.keeps)
                    writer.member("verdict", orNull: host.standing.verdict?.rawValue)
                }
            }
        }
    }

    /// What a host of an agreement has for itself.
    ///
    /// - Parameters:
    ///   - kernel: which the answer's `model` has.
    ///   - count: of hosts in the answer.
    mutating func own(
        _ host: Agreement.Host, _ promise: Promise, beside kernel: KernelProfile, among count: Int
    ) {
        if let under = host.standing.under {
            let isKernelTold = host.kernel?.profile != nil || under.profile != kernel
            let arePagesTold = host.kernel?.pageSize != nil || under.pageSize != promise.demand.pageSize
            ownKernel(isKernelTold ? under.profile : nil, arePagesTold ? under.pageSize : nil)
        }
        hostWindow(
            promise.window(on: host),
            promise.doorbells(on: host, most: Placement.doorbellsListed(hosts: count)))
    }

    private mutating func agreementLife(_ agreement: Agreement) {
        member("ttl_seconds", agreement.ttlSeconds)
        member("created_at", Timestamp.text(milliseconds: agreement.createdAt))
        member("expires_at", Timestamp.text(milliseconds: agreement.expiresAt))
        member("revision", Int(agreement.revision))
    }
}

// MARK: Renderings

extension Agreement {
    /// What texts say of an agreement that nobody is to rely on, on one line without anything that a text
    /// would have to escape: neither names nor ids.
    var mark: String? {
        if state == .released {
            return "This agreement is released: no host promises this window any more."
        }
        return broken.map { broken in
            "This agreement is broken since \(Timestamp.text(milliseconds: broken.since)): a host does not keep it."
        }
    }

    /// Formats of its placement that can say so.
    fileprivate func renderings(of placement: Placement) -> [Rendering.Format] {
        placement.renderings.filter { mark == nil || $0.takesRemarks }
    }
}

// MARK: Events

extension AgreementEvent: EventPayload {
    public var eventName: String { name }

    public func appendData(to bytes: inout [UInt8]) { appendObject(to: &bytes) }
}

extension AgreementEvent: LoggedEvent {
    /// Writes the members of the event's object.
    func write(to writer: inout JSONWriter) {
        switch self {
        case .proposed(let window, let mechanism):
            writer.member("window", orNull: window)
            writer.member("mechanism", mechanism.rawValue)
        case .renewed(let seconds): writer.member("ttl_seconds", seconds)
        case .hostAdded(let name, let platform, let digest):
            writer.member("host", name)
            if let platform {
                writer.member("platform", platform)
                writer.member("digest", orNull: digest)
            }
        case .hostRemoved(let name): writer.member("host", name)
        case .hostChanged(let name, let platform, let digest):
            writer.member("host", name)
            writer.member("platform", platform)
            writer.member("digest", orNull: digest)
        case .broken(let broken): writer.broken(broken)
        case .accepted, .released, .holds, .expired: break
        }
    }
}

// MARK: Problems

extension Placement.Blocker {
    /// Who stands against a promise, where and why.
    fileprivate var sentence: String {
        let who =
            switch owner {
            case .host(let name), .vm(let name): name
            }
        guard let range else { return "\(who): \(provenance)" }
        return "\(who) withholds \(range.text) (\(kind), \(provenance))."
    }
}

extension Problem {
    /// What an agreement refuses.
    init(_ refusal: Agreement.Refusal, _ id: String) {
        switch refusal {
        case .wrongState(let state, let next):
            let wish = next.map { "cannot become \($0.rawValue)" } ?? "changes its hosts no more"
            self.init(
                .agreementState,
                "Agreement \"\(id)\" is \(state.rawValue) and \(wish): proposed, accepted and released follow each other."
            )
        case .broken(let blockers, let remedies, let mechanism):
            self.init(
                .agreementBroken,
                "The promise of agreement \"\(id)\" is not kept\(blockers.first.map { ": \($0.sentence)" } ?? ".")"
            )
            self.blockers = blockers
            self.remedies = remedies
            self.mechanism = mechanism
        case .hostExists(let name):
            self = .semantic("/host/name", "duplicate-id", AgreementRequest.sameName(name))
        case .hostMissing(let name):
            self.init(
                .notFound, "Agreement \"\(id)\" has no host \"\(Excerpt.of(name))\"; its answer lists them.")
        case .lastHost(let name):
            self.init(
                .agreementState,
                "\"\(Excerpt.of(name))\" is the only host of agreement \"\(id)\": add another first, or release the "
                    + "agreement where the VM has ended."
            )
        case .hostOfPool(let name, let pool):
            self.init(
                .agreementState,
                "\"\(Excerpt.of(name))\" is a host of agreement \"\(id)\" by its platform's label: take the label pool="
                    + "\(Excerpt.of(pool)) from the platform with PUT /v1/platforms/{platform}/labels."
            )
        }
    }
}

extension Service {
    static func problem(agreement refusal: ExpiringRefusal, _ id: String) -> Problem {
        let shown = Excerpt.of(id)
        switch refusal {
        case .absent:
            return Problem(.notFound, "No agreement \"\(shown)\"; GET /v1/agreements lists them.")
        case .expired:
            return Problem(
                .agreementExpired, "Agreement \"\(shown)\" has expired or is being removed; propose it again."
            )
        case .exists:
            return Problem(.agreementExists, "Agreement \"\(shown)\" already exists; choose another id.")
        case .tooMany(let seconds):
            return Problem(
                .tooManyAgreements,
                "The server keeps at most \(Limits.agreementsMax) agreements; the next one expires in \(seconds) s.",
                retryAfterSeconds: min(max(seconds, 1), 3_600))
        case .tooManyOfClient(let seconds):
            return Problem(
                .tooManyAgreements,
                "A client may have \(Limits.agreementsPerClientMax) agreements; the next of all expires in \(seconds) s.",
                retryAfterSeconds: min(max(seconds, 1), 3_600))
        case .full:
            return Problem(
                .tooManyAgreements,
                "All agreements together have \(Limits.agreementItemsTotalMax) hosts and ranges at most.",
                retryAfterSeconds: 60)
        }
    }
}
