// Every host by itself, and the reasons against one window. What hosts share is worked out once: a fleet of
// thousands mostly consists of a few kinds of machine.

import AddressSpaces
import MSIWindows

/// What touches one window, for all facts of a question.
struct Hits {
    let window: IOVARange?
    let guest: [GuestRegion]
    /// By index of the facts.
    let hosts: [[HostObstacle]]
    /// By index of the facts: whether that host's devices reach the window, whatever the guest has there.
    let reachability: [Reachability]
    /// By index of the facts: whether anything is said against the window. Of most hosts nothing is.
    let areBlocked: [Bool]

    init(_ window: IOVARange?, _ question: PlacementQuestion) {
        self.window = window
        guest = window.map { window in question.guest.occupied.filter { $0.range.overlaps(window) } } ?? []
        reachability = question.facts.map { facts in window.map { facts.reachability(of: $0) } ?? .no }
        let hosts = question.facts.map { facts in
            var hits = window.map { facts.obstacles(overlapping: $0) } ?? []
            if let refusal = facts.refusal, !hits.contains(refusal) { hits.append(refusal) }
            return Array(hits.prefix(Placement.blockersMax))
        }
        self.hosts = hosts
        areBlocked = question.facts.indices.map { question.facts[$0].lacksIOMMU || !hosts[$0].isEmpty }
    }

    /// Of all hosts: that of the worst.
    func reachability(_ question: PlacementQuestion) -> Reachability {
        question.hosts.map { reachability[$0.facts] }.min() ?? .no
    }
}

extension Placement {
    /// The guest's ranges first, then host by host.
    static func blockers(_ hits: Hits, _ question: PlacementQuestion) -> [Blocker] {
        let name = question.guest.name
        var found = hits.guest.map { region in
            Blocker(
                owner: .vm(name), kind: region.kind.rawValue, range: region.range, provenance: region.name)
        }
        if let refusal = question.guest.refusal {
            found.append(
                Blocker(owner: .vm(name), kind: "vm_refused", range: nil, provenance: refusal.text))
        }
        // By place: a walk over the hosts themselves copies each.
        for place in question.hosts.indices where hits.areBlocked[question.hosts[place].facts] {
            guard found.count < blockersMax else { break }
            let host = question.hosts[place]
            let facts = question.facts[host.facts]
            found += refusal(facts, host.name) + blockers(hits.hosts[host.facts], host.name)
        }
        return Array(found.prefix(blockersMax))
    }

    /// That a device has no IOMMU, whatever lies where.
    private static func refusal(_ facts: HostFacts, _ host: String) -> [Blocker] {
        guard facts.lacksIOMMU, let remark = facts.noGroupRemark else { return [] }
        let kind = Placement.Warning.Code.noGroup.rawValue
        return [Blocker(owner: .host(host), kind: kind, range: nil, provenance: remark)]
    }

    private static func blockers(_ obstacles: [HostObstacle], _ host: String) -> [Blocker] {
        obstacles.map { obstacle in
            Blocker(
                owner: .host(host), kind: obstacle.kind.rawValue, range: obstacle.range,
                provenance: obstacle.provenance)
        }
    }

    /// The answers of all hosts. Where the guest sees the window, hosts follow the pool's choice.
    static func answers(
        _ views: [PoolView], _ hits: Hits, _ question: PlacementQuestion, _ pool: Placement
    ) -> [HostAnswer] {
        let kinds = HostKinds(question, hits, views, pool)
        return question.hosts.map { host in
            let kind = kinds.index(of: host)
            let hits = kinds.hits(of: host)
            var answer = kinds.drafts[kind]
            answer.defaultReachability = hits.reachability[host.facts]
            answer.host = host.name
            answer.kind = kind
            guard hits.areBlocked[host.facts] else { return answer }
            answer.blockers =
                refusal(question.facts[host.facts], host.name)
                + blockers(Array(hits.hosts[host.facts].prefix(hostBlockersMax)), host.name)
            return answer
        }
    }

    /// Doorbells that one answer lists of one host where it has one; several hosts share them, and each lists
    /// eight at least.
    public static let doorbellsListedMax = 1_024

    /// How many of a host's doorbells are listed among so many hosts.
    public static func doorbellsListed(hosts count: Int) -> Int {
        max(doorbellsListedMax / max(count, 1), min(8, doorbellsListedMax))
    }
}
