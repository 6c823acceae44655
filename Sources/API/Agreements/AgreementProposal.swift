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

    /// The proposal that a placement allows.
    func proposal(
        _ decided: DecidedPlacement, _ request: PlacementRequest, _ seen: [String: Agreement.Seen]
    ) throws(Promise.Refusal) -> AgreementProposal {
        let question = decided.question
        let promise = try Promise(decided.placed.placement, question)
        var standings: [Agreement.Host] = []
        standings.reserveCapacity(question.hosts.count)
        for (host, asked) in zip(decided.hosts, question.hosts) {
            standings.append(
                agreementHost(
                    host, KnownHost(question.facts[asked.facts], decided.stated[asked.facts].conditions),
                    promise, capabilities: asked.capabilities, seen, isOfPool: request.pool != nil))
        }
        if let failing = standings.first(where: { !$0.standing.keeps }) {
            throw Promise.Refusal(failing.standing)
        }
        return AgreementProposal(
            promise: promise, hosts: standings, pool: request.pool, capabilities: request.capabilities,
            stated: request.stated, placed: decided.placed,
            weight: promise.guest.rangeCount + decided.hosts.reduce(0) { $0 + $1.items })
    }

    /// A host as an agreement keeps it.
    func agreementHost(
        _ host: PlacementRequest.Host, _ known: KnownHost, _ promise: Promise,
        capabilities: Set<HostCapability>, _ seen: [String: Agreement.Seen], isOfPool: Bool = false
    ) -> Agreement.Host {
        let standing = known.standing(host.name, to: promise, capabilities)
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
            options: host.options, capabilities: capabilities, isOfPool: isOfPool, seen: own,
            standing: standing)
    }
}

extension Problem {
    /// That hosts cannot promise anything.
    init(_ refusal: Promise.Refusal) {
        self.init(.noAgreement, refusal.because)
        blockers = refusal.blockers
        remedies = refusal.remedies
    }
}
