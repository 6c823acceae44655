// A proposal: the promise that the hosts can give, with what it was decided from, or why they cannot give
// one.

import AddressSpaces
import Fleet
import HTTP
import JSON
import MSIWindows

/// A proposal that the hosts can keep.
struct AgreementProposal: Sendable {
    let promise: Promise
    let hosts: [Agreement.Host]
    let pool: String?
    /// What every host has.
    let capabilities: Set<HostCapability>
    let stated: StatedConditions
    let placed: PlacedAnswer
    /// What it counts against `Limits.agreementItemsTotalMax`.
    let weight: Int
}

extension PlacementRequest.Host {
    /// What it counts in an agreement: itself, and the ranges that are kept of its description.
    var items: Int { 1 + source.reportedRanges + regionsOfEach }
}

extension Service {
    /// Platforms as they are before facts are made of them: what changes from then on is seen by `review`.
    func seen(_ hosts: [PlacementRequest.Host]) -> [String: Agreement.Seen] {
        var seen: [String: Agreement.Seen] = [:]
        for case .platform(let id, _) in hosts.map(\.source) { seen[id] = platforms.entry(id)?.seen }
        return seen
    }

    /// The proposal that a placement allows, or why it allows none. O(kinds of hosts) decisions.
    func proposal(
        _ decided: DecidedPlacement, _ request: PlacementRequest, _ seen: [String: Agreement.Seen],
        _ context: RequestContext
    ) throws(Problem) -> Result<AgreementProposal, Promise.Refusal> {
        let question = decided.question
        let promise: Promise
        do throws(Promise.Refusal) {
            promise = try Promise(decided.placed.placement, question)
        } catch {
            return .failure(error)
        }
        var known = KnownStandings()
        var hosts: [Agreement.Host] = []
        hosts.reserveCapacity(question.hosts.count)
        for (place, host) in decided.hosts.enumerated() {
            try context.checkpoint()
            let asked = question.hosts[place]
            let facts = KnownHost(question.facts[asked.facts], decided.conditions(place))
            let standing = known.standing(of: host.name, facts, asked.capabilities, to: promise)
            guard standing.keeps else { return .failure(Promise.Refusal(standing)) }
            hosts.append(
                agreementHost(
                    host, facts, standing, capabilities: asked.capabilities, seen,
                    isOfPool: request.pool != nil))
        }
        return .success(
            AgreementProposal(
                promise: promise, hosts: hosts, pool: request.pool, capabilities: request.capabilities,
                stated: request.stated, placed: decided.placed,
                weight: promise.guest.rangeCount + decided.placed.placement.keptRanges
                    + decided.hosts.reduce(0) { $0 + $1.items }))
    }

    /// A host as an agreement keeps it.
    func agreementHost(
        _ host: PlacementRequest.Host, _ known: KnownHost, _ standing: Standing,
        capabilities: Set<HostCapability>, _ seen: [String: Agreement.Seen], isOfPool: Bool = false
    ) -> Agreement.Host {
        var own: Agreement.Seen?
        let origin: Agreement.Host.Origin
        switch host.source {
        case .platform(let id, let devices):
            own = seen[id]
            origin = .platform(id: id, devices: devices)
        case .reported: origin = .reported(known.facts)
        }
        return Agreement.Host(
            name: host.name, origin: origin, aperture: host.aperture, iommuRegions: host.iommuRegions,
            kernel: host.kernel, options: host.options, capabilities: capabilities, isOfPool: isOfPool,
            items: host.items, seen: own,
            standing: standing)
    }
}

extension Placement {
    /// Ranges that an agreement keeps with the placement that it was proposed from.
    fileprivate var keptRanges: Int {
        candidates.ranges.count + ifReported.reduce(0) { $0 + $1.placement.candidates.ranges.count }
    }
}

extension Problem {
    /// That hosts cannot promise anything.
    init(_ refusal: Promise.Refusal) {
        self.init(.noAgreement, refusal.because)
        blockers = refusal.blockers
        remedies = refusal.remedies
        mechanism = refusal.mechanism
    }
}
