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
        .post(
            "place", "/v1/placements", scope: .read, query: ["format"], produces: Rendering.mediaTypes,
            lane: .heavy, Service.place)
    ]
}

extension Service {
    func place(_ context: RequestContext) throws(Problem) -> Response {
        let format = try renderingFormat(context)
        let document = try document(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let request = PlacementRequest(document.root, problems)
        let decided = try decide(request, request.hosts(platforms, problems), problems, context)
        if let format {
            let question = decided.question
            return try rendering(
                format, of: decided.placed.placement, question.guest, question.window,
                hosts: question.hosts.map(\.name))
        }
        return json(200) { $0.placement(decided.placed, engine: configuration.version) }
    }

    /// Decides what a request asks for of these hosts, or throws everything that is wrong with it.
    func decide(
        _ request: PlacementRequest, _ named: [PlacementRequest.Host], _ problems: ProblemList,
        _ context: RequestContext
    ) throws(Problem) -> DecidedPlacement {
        var builder = HostFactsBuilder(
            stated: request.stated, guestRanges: request.guest?.rangeCount ?? 0, hosts: named.count,
            kept: platforms.hostFacts)
        var hosts: [PlacementQuestion.Host] = []
        hosts.reserveCapacity(named.count)
        for host in named {
            try context.checkpoint()
            let facts = builder.index(of: host, platforms, problems)
            hosts.append(
                .init(
                    name: host.name, facts: facts,
                    capabilities: host.capabilities.union(request.capabilities),
                    iommufd: builder.iommufd(facts)))
        }
        guard problems.isEmpty, let guest = request.guest, !hosts.isEmpty else { throw .semantic(problems) }
        // One window for all hosts has room for the largest pages.
        let stated = builder.stated
        let pages =
            stated.map(\.conditions.pageSize).max { $0.shift < $1.shift }
            ?? request.stated.conditions.pageSize
        if stated.contains(where: { $0.conditions.pageSize != pages }) {
            for place in hosts.indices {
                let own = stated[hosts[place].facts].conditions.pageSize
                hosts[place].pageSize = own == pages ? nil : own
            }
        }
        let window = request.window(pageSize: pages)
        let question = PlacementQuestion(hosts: hosts, facts: builder.facts, guest: guest, window: window)
        var placement = try Placement.decide(question, checkpoint: context.checkpoint)
        placement.warn(aboutKernels: builder.kernelRemarks)
        let kernel = KernelProfile.latest(of: builder.kernels) ?? request.stated.conditions.kernel
        let told = stated.map { HostsOwn($0, beside: kernel, pages) }
        return DecidedPlacement(
            question: question, hosts: named, asked: hosts, stated: stated,
            placed: PlacedAnswer(
                placement: placement, told: hosts.map { told[$0.facts] }, kernel: kernel,
                isOnX86: builder.facts.allSatisfy { $0.x86Remark != nil }))
    }
}

/// A placement with what it was decided from.
struct DecidedPlacement {
    let question: PlacementQuestion
    /// As the request describes them, in the question's order.
    let hosts: [PlacementRequest.Host]
    /// The same before hosts of one kind were joined: their facts are indices of `stated`.
    fileprivate let asked: [PlacementQuestion.Host]
    fileprivate let stated: [HostConditions]
    let placed: PlacedAnswer

    /// Of the host at this place.
    func conditions(_ place: Int) -> Conditions { stated[asked[place].facts].conditions }
}

/// A placement with what its answer says beside it.
struct PlacedAnswer: Sendable {
    let placement: Placement
    /// Of each host; nil where there is nothing to tell.
    let told: [HostsOwn?]
    /// The latest of the hosts' kernels.
    let kernel: KernelProfile
    let isOnX86: Bool
}

/// What an answer says of a host besides what is decided. A class: nearly no host has it, and thousands are
/// copied.
final class HostsOwn: Sendable {
    /// What it said itself.
    let facts: [HostFact]
    /// Where it was given of this host, or is another than the answer's.
    let kernel: KernelProfile?
    let pageSize: Granule?

    /// nil where there is nothing to tell.
    ///
    /// - Parameters:
    ///   - kernel: which the answer's `model` has.
    ///   - pageSize: for which its window is.
    fileprivate init?(_ stated: HostConditions, beside kernel: KernelProfile, _ pageSize: Granule) {
        let (own, pages) = (stated.conditions.kernel, stated.conditions.pageSize)
        facts = stated.hostFacts
        self.kernel = stated.given?.profile != nil || own != kernel ? own : nil
        self.pageSize = stated.given?.pageSize != nil || pages != pageSize ? pages : nil
        if facts.isEmpty, self.kernel == nil, self.pageSize == nil { return nil }
    }
}

extension JSONWriter {
    /// A placement with the kernel that it is of.
    mutating func placement(_ placed: PlacedAnswer, engine: String) {
        placementMembers(placed.placement, told: placed.told)
        model(placed.kernel, onX86: placed.isOnX86, engine: engine)
    }
}

/// Under which conditions the facts of a host are made. A class: most hosts of a request share one.
final class HostConditions: Sendable {
    /// What the request states, with what the host itself said.
    private let stated: StatedConditions
    /// The same with what the request says of this host.
    fileprivate let ofFacts: Conditions
    fileprivate let circumstances: KeptHostFacts.Circumstances
    fileprivate let iommufd: IOMMUFDSupport
    /// What the request says of this host's kernel in place of that of all.
    fileprivate let given: Agreement.Host.Kernel?

    fileprivate init(
        _ stated: StatedConditions, _ ofFacts: Conditions, _ given: Agreement.Host.Kernel?,
        _ known: KeptHostFacts.Circumstances
    ) {
        self.stated = stated
        self.given = given
        self.ofFacts = ofFacts
        circumstances = known
        iommufd = IOMMUFDSupport(stated.conditions.kernel)
    }

    var conditions: Conditions { stated.conditions }
    var hostFacts: [HostFact] { stated.hostFacts }
}

/// Facts of hosts, each made once however many hosts share them, and bounded in sum.
struct HostFactsBuilder {
    private struct Key: Hashable {
        /// Of the platform's entry; no other one ever has it.
        let serial: UInt64
        /// nil of a host that says no more than its platform, as nearly none does.
        let own: Own?

        struct Own: Hashable {
            let devices: [String]?
            let apertureLast: UInt64?
            let iommuRegions: [ReservedRegion]?
            let kernel: Agreement.Host.Kernel?
            let options: [HostFacts.DeviceOption]
        }

        init(_ host: PlacementRequest.Host, _ devices: [String]?, on entry: PlatformEntry) {
            serial = entry.serial
            let saysMore =
                devices != nil || host.aperture != nil || host.iommuRegions != nil || host.kernel != nil
            own =
                saysMore || !host.options.isEmpty
                ? Own(
                    devices: devices, apertureLast: host.aperture?.last.value,
                    iommuRegions: host.iommuRegions, kernel: host.kernel, options: host.options) : nil
        }
    }

    /// What the kernel of hosts with these facts has of iommufd.
    func iommufd(_ facts: Int) -> IOMMUFDSupport {
        // No facts were made where the request is wrong.
        facts < stated.count ? stated[facts].iommufd : .absent
    }

    /// What the request states of all hosts.
    private let request: StatedConditions
    private let kept: KeptHostFacts
    /// Each kind of host is checked against every range of the guest.
    let guestRanges: Int
    private(set) var facts: [HostFacts] = []
    /// By index of the facts: under which conditions they were made.
    private(set) var stated: [HostConditions] = []
    /// Their kernels, without one that the host before has as well.
    private(set) var kernels: [KernelProfile] = []
    /// What is not modelled exactly of them, likewise.
    private(set) var kernelRemarks: [String] = []
    private var known: [Key: Int] = [:]
    /// Of hosts of which neither they nor the request says anything by itself.
    private var plain: HostConditions?
    private var last: HostConditions?
    private var cost = 0

    init(stated: StatedConditions, guestRanges: Int, hosts count: Int, kept: KeptHostFacts) {
        request = stated
        known.reserveCapacity(count)
        facts.reserveCapacity(count)
        self.stated.reserveCapacity(count)
        self.kept = kept
        self.guestRanges = guestRanges
    }

    /// The index of the host's facts; 0, with the problem noted, when they cannot be made.
    mutating func index(
        of host: PlacementRequest.Host, _ platforms: PlatformStore, _ problems: ProblemList
    ) -> Int {
        switch host.source {
        case .reported(let regions, let ranges):
            guard isAffordable(host.source.reportedRanges, host, problems) else { return 0 }
            let conditions = conditions(of: host, nil)
            return add(
                HostFacts(
                    regions: regions, ranges: ranges, aperture: conditions.ofFacts.aperture,
                    options: host.options, under: conditions.conditions),
                conditions)
        case .platform(let id, let names):
            guard let entry = platforms.entry(id, at: "\(host.pointer)/platform", problems) else { return 0 }
            let key = Key(host, names, on: entry)
            // One look-up for a host that is like none before; taken back where its facts cannot be made.
            if let index = known.updateValue(facts.count, forKey: key) {
                known[key] = index
                return index
            }
            let conditions = conditions(of: host, entry.platform.host)
            guard let made = made(of: host, names, on: entry, conditions, platforms, problems),
                isAffordable(made.ranges, host, problems)
            else {
                known[key] = nil
                return 0
            }
            return add(made.facts, conditions)
        }
    }

    /// Facts of a stored platform, kept ones if there are any; nil, with the problem noted, where they cannot
    /// be made. No closure makes them: it would hold the builder, so that each host copies what those before
    /// have made, and a copy of the host.
    private func made(
        of host: PlacementRequest.Host, _ names: [String]?, on entry: PlatformEntry,
        _ conditions: HostConditions, _ platforms: PlatformStore, _ problems: ProblemList
    ) -> KeptHostFacts.Made? {
        // Options are of one host and one request.
        let isKept = host.options.isEmpty
        if isKept, let made = kept.made(of: entry, names, under: conditions.circumstances) { return made }
        guard let devices = Self.devices(entry, names, host, problems) else { return nil }
        let ranges = devices.costRanges(with: host.regionsOfEach)
        // Before any is prepared.
        guard ranges <= Limits.placementObstaclesMax - cost - guestRanges else {
            problems.add(host.pointer, "too-many", Self.tooMany(guestRanges))
            return nil
        }
        let made = KeptHostFacts.Made(
            facts: HostFacts(
                devices: devices.lazy.map {
                    platforms.prepared($0, on: entry, .whole, under: conditions.ofFacts)
                },
                aperture: conditions.ofFacts.aperture, options: host.options,
                doorbells: entry.doorbells(of:)),
            ranges: ranges)
        return isKept ? kept.keep(made, of: entry, names, under: conditions.circumstances) : made
    }

    /// With what the host says, itself or by the request; circumstances are those of the host before, as a
    /// rule.
    private mutating func conditions(
        of host: PlacementRequest.Host, _ running: RunningHost?
    ) -> HostConditions {
        let isPlain =
            running == nil && host.aperture == nil && host.iommuRegions == nil && host.kernel == nil
        if isPlain, let plain { return plain }
        let stated = request.of(host).adopting(running)
        var conditions = stated.conditions
        conditions.aperture = host.aperture ?? request.conditions.aperture
        conditions.iommuRegions = host.iommuRegions
        let before = last.flatMap { $0.ofFacts == conditions ? $0.circumstances : nil }
        let made = HostConditions(
            stated, conditions, host.kernel, before ?? kept.circumstances(conditions))
        if isPlain { plain = made }
        last = made
        return made
    }

    private mutating func add(_ made: HostFacts, _ conditions: HostConditions) -> Int {
        // Nothing of the host's kernel is another where all that decides about it is the same.
        let isX86 = made.x86Remark != nil
        if conditions !== stated.last || isX86 != (facts.last?.x86Remark != nil) {
            let kernel = conditions.conditions.kernel
            if kernels.last != kernel { kernels.append(kernel) }
            let remark = kernel.remark(onX86: isX86)
            if let remark, kernelRemarks.last != remark { kernelRemarks.append(remark) }
        }
        facts.append(made)
        stated.append(conditions)
        return facts.count - 1
    }

    /// Counts the ranges of another kind of host; false, with the problem noted, when they are too many.
    private mutating func isAffordable(
        _ ranges: Int, _ host: PlacementRequest.Host, _ problems: ProblemList
    ) -> Bool {
        cost += ranges + guestRanges
        guard cost > Limits.placementObstaclesMax else { return true }
        problems.add(host.pointer, "too-many", Self.tooMany(guestRanges))
        return false
    }

    private static func tooMany(_ guestRanges: Int) -> String {
        "The hosts up to this one have more than \(Limits.placementObstaclesMax) ranges, counting the guest's "
            + "\(guestRanges) for each; name one platform for hosts that are alike, or split the request."
    }

    /// The host's devices; nil, with the problem noted, when it has none or one is not known.
    private static func devices(
        _ entry: PlatformEntry, _ names: [String]?, _ host: PlacementRequest.Host, _ problems: ProblemList
    ) -> [Device]? {
        if let names { return entry.devices(names, at: "\(host.pointer)/devices", problems) }
        let active = entry.platform.devices.filter(\.active)
        guard active.isEmpty else { return active }
        let remark = entry.platform.devices.withoutIOMMU?.missingIOMMURemark
        problems.add(
            "\(host.pointer)/platform", "no-devices",
            "No active device of \(entry.id) is behind an SMMU." + (remark.map { " \($0)" } ?? ""))
        return nil
    }
}
