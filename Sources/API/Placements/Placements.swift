// POST /v1/placements: hosts x VMM x VM shape -> where the window can go. The facts of hosts are made here,
// once for all hosts that are alike, and bounded in sum.

import AddressSpaces
import Fleet
import HTTP
import JSON
import LinuxReleases
import MSIWindows
import Machines

extension Route {
    static let placements: [Route] = [
        .post("place", "/v1/placements", Service.place)
    ]
}

extension Service {
    func place(_ context: RequestContext) throws(Problem) -> Response {
        let document = try document(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let request = PlacementRequest(document.root, problems)
        var builder = HostFactsBuilder(
            conditions: request.conditions, guestRanges: request.guest?.rangeCount ?? 0)
        let hosts = request.hosts.map { host in
            PlacementQuestion.Host(name: host.name, facts: builder.index(of: host, platforms, problems))
        }
        guard problems.isEmpty, let guest = request.guest, !hosts.isEmpty else { throw .semantic(problems) }
        let placement = Placement.decide(
            PlacementQuestion(hosts: hosts, facts: builder.facts, guest: guest, window: request.window))
        return json(200) { writer in
            writer.placementMembers(placement)
            writer.model(request.conditions.kernel, engine: configuration.version)
        }
    }
}

/// Facts of hosts, each made once however many hosts share them, and bounded in sum.
struct HostFactsBuilder {
    private struct Key: Hashable {
        let platform: String
        let devices: [String]?
        let apertureLast: UInt64
        let options: [HostFacts.DeviceOption]
    }

    let conditions: Conditions
    /// Each kind of host is checked against every range of the guest.
    let guestRanges: Int
    private(set) var facts: [HostFacts] = []
    private var known: [Key: Int] = [:]
    private var cost = 0

    init(conditions: Conditions, guestRanges: Int) {
        self.conditions = conditions
        self.guestRanges = guestRanges
    }

    /// The index of the host's facts; 0, with the problem noted, when they cannot be made.
    mutating func index(
        of host: PlacementRequest.Host, _ platforms: PlatformStore, _ problems: ProblemList
    ) -> Int {
        switch host.source {
        case .reported(let regions, let ranges):
            guard isAffordable(host.source.reportedRanges, host, problems) else { return 0 }
            facts.append(
                HostFacts(
                    regions: regions, ranges: ranges, aperture: host.aperture ?? conditions.aperture,
                    options: host.options))
            return facts.count - 1
        case .platform(let id, let names):
            let key = Key(
                platform: id, devices: names, apertureLast: (host.aperture ?? conditions.aperture).last.value,
                options: host.options)
            if let index = known[key] { return index }
            guard let devices = devices(id, names, host, platforms, problems) else { return 0 }
            let ranges = devices.reduce(0) { $0 + $1.source.costRanges }
            guard isAffordable(ranges, host, problems) else { return 0 }
            facts.append(
                HostFacts(
                    devices: devices, aperture: host.aperture ?? conditions.aperture, options: host.options))
            known[key] = facts.count - 1
            return facts.count - 1
        }
    }

    /// Counts the ranges of another kind of host; false, with the problem noted, when they are too many.
    private mutating func isAffordable(
        _ ranges: Int, _ host: PlacementRequest.Host, _ problems: ProblemList
    ) -> Bool {
        cost += ranges + guestRanges
        guard cost > Limits.placementObstaclesMax else { return true }
        problems.add(
            host.pointer, "too-many",
            "The hosts up to this one have more than \(Limits.placementObstaclesMax) ranges, counting the guest's "
                + "\(guestRanges) for each; name one platform for hosts that are alike, or split the request."
        )
        return false
    }

    private func devices(
        _ id: String, _ names: [String]?, _ host: PlacementRequest.Host, _ platforms: PlatformStore,
        _ problems: ProblemList
    ) -> [PreparedDevice]? {
        guard let entry = platforms.entry(id, at: "\(host.pointer)/platform", problems) else { return nil }
        var conditions = conditions
        if let aperture = host.aperture { conditions.aperture = aperture }
        guard let names else {
            let active = entry.platform.devices.filter(\.active)
            if active.isEmpty {
                problems.add(
                    "\(host.pointer)/platform", "no-devices", "No active device of \(id) is behind an SMMU.")
            }
            return active.isEmpty
                ? nil : active.map { platforms.prepared($0, on: entry, under: conditions) }
        }
        var found: [PreparedDevice] = []
        for (place, name) in names.enumerated() {
            if let device = platforms.prepared(name, on: entry, under: conditions) {
                found.append(device)
            } else {
                problems.add(
                    "\(host.pointer)/devices/\(place)", "unknown-device", entry.unknownDevice(name))
            }
        }
        return found.count == names.count ? found : nil
    }
}
