// A plain model of agreements: which platforms there are and what they reserve, who promises what, and which
// events follow from a change. It decides nothing about windows: a platform keeps a promise that reserves
// nothing.

/// What the service is held against.
struct AgreementModel {
    struct Platform: Equatable {
        var isReserving: Bool
        var pool: String?
    }

    struct Host {
        var name: String
        var platform: String
        var isOfPool: Bool
        /// As it was evaluated last; nil where there is none.
        var seen: Bool?
    }

    struct Agreement {
        var pool: String?
        var hosts: [Host]
        var state = "proposed"
        /// Hosts that fail, with why.
        var broken: [String] = []
        /// Names of events, by their id.
        var events: [[String]] = []
    }

    var platforms: [String: Platform] = [:]
    var agreements: [String: Agreement] = [:]

    private func failing(_ agreement: Agreement) -> [String] {
        if agreement.hosts.isEmpty { return ["- pool_empty"] }
        return agreement.hosts.filter { $0.seen != false }.prefix(8)
            .map { "\($0.name) \($0.seen == nil ? "platform_missing" : "reserved")" }
    }

    /// Whether its hosts can promise it; it is kept if so.
    mutating func propose(_ id: String, hosts: [String], pool: String?) -> Bool {
        let named =
            pool.map { pool in platforms.filter { $0.value.pool == pool }.keys.sorted() } ?? hosts
        guard agreements[id] == nil, !named.isEmpty, named.allSatisfy({ platforms[$0]?.isReserving == false })
        else { return false }
        agreements[id] = Agreement(
            pool: pool,
            hosts: named.map { Host(name: $0, platform: $0, isOfPool: pool != nil, seen: false) },
            events: [["proposed"]])
        return true
    }

    mutating func move(_ id: String, to state: String) -> Bool {
        guard let agreement = agreements[id] else { return false }
        switch (agreement.state, state) {
        case ("proposed", "accepted") where agreement.broken.isEmpty, ("accepted", "released"):
            agreements[id]?.state = state
            agreements[id]?.events.append([state])
            return true
        default: return false
        }
    }

    mutating func add(_ platform: String, as name: String, to id: String) -> Bool {
        guard let agreement = agreements[id], agreement.state != "released",
            !agreement.hosts.contains(where: { $0.name == name }),
            platforms[platform]?.isReserving == false
        else { return false }
        agreements[id]?.hosts.append(
            Host(name: name, platform: platform, isOfPool: false, seen: false))
        let isEmpty = agreement.broken == ["- pool_empty"]
        if isEmpty { agreements[id]?.broken = [] }
        agreements[id]?.events.append(isEmpty ? ["host_added", "holds"] : ["host_added"])
        return true
    }

    /// The host leaves, unless it is the only one or one of a pool.
    mutating func leave(_ name: String, _ id: String) -> Bool {
        guard var agreement = agreements[id], agreement.state != "released", agreement.hosts.count > 1,
            let place = agreement.hosts.firstIndex(where: { $0.name == name && !$0.isOfPool })
        else { return false }
        agreement.hosts.remove(at: place)
        let names = ["host_removed"] + assess(&agreement)
        agreement.events.append(names)
        agreements[id] = agreement
        return true
    }

    mutating func rename(_ id: String, to next: String) -> Bool {
        guard let platform = platforms[id], platforms[next] == nil else { return false }
        platforms[id] = nil
        platforms[next] = platform
        for (key, agreement) in agreements where agreement.state != "released" {
            var agreement = agreement
            var names: [String] = []
            for place in agreement.hosts.indices
            where agreement.hosts[place].platform == id && !agreement.hosts[place].isOfPool {
                agreement.hosts[place].platform = next
                names.append("host_changed")
            }
            for changed in [id, next].sorted() { names += note(changed, &agreement) }
            names += assess(&agreement)
            if !names.isEmpty { agreement.events.append(names) }
            agreements[key] = agreement
        }
        return true
    }

    /// After a platform was made, replaced, labelled or removed.
    mutating func follow(_ id: String) {
        for (key, agreement) in agreements where agreement.state != "released" {
            var agreement = agreement
            let names = note(id, &agreement) + assess(&agreement)
            if !names.isEmpty { agreement.events.append(names) }
            agreements[key] = agreement
        }
    }

    private func note(_ id: String, _ agreement: inout Agreement) -> [String] {
        let now = platforms[id]?.isReserving
        let isMember = agreement.pool != nil && platforms[id]?.pool == agreement.pool
        var names: [String] = []
        let before = agreement.hosts.count
        agreement.hosts.removeAll { $0.platform == id && $0.isOfPool && !isMember }
        names += Array(repeating: "host_removed", count: before - agreement.hosts.count)
        for place in agreement.hosts.indices
        where agreement.hosts[place].platform == id && agreement.hosts[place].seen != now {
            agreement.hosts[place].seen = now
            names.append("host_changed")
        }
        if isMember, !agreement.hosts.contains(where: { $0.platform == id && $0.isOfPool }) {
            var name = id
            var number = 2
            while agreement.hosts.contains(where: { $0.name == name }) {
                name = "\(id)-\(number)"
                number += 1
            }
            agreement.hosts.append(Host(name: name, platform: id, isOfPool: true, seen: now))
            names.append("host_added")
        }
        return names
    }

    private func assess(_ agreement: inout Agreement) -> [String] {
        let failing = failing(agreement)
        defer { agreement.broken = failing }
        return failing == agreement.broken ? [] : [failing.isEmpty ? "holds" : "broken"]
    }
}
