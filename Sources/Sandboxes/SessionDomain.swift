// One domain of a session: its name, its conditions, the model of its consumer, and the devices that are
// attached to it.

public import AddressSpaces
import IOVAAllocation
public import MSIWindows
public import Machines

/// A domain. Its verbs are the session's, which knows the quota and keeps the log.
public struct SessionDomain: Sendable {
    let name: DomainName
    /// The session's revision when it was made. With the id it names the domain for good: one that is made
    /// later under the same id was made at a higher revision.
    public package(set) var birth: UInt64
    public let consumer: Consumer
    public let source: WindowSource
    public let conditions: Conditions
    /// What of the conditions a collected host said, for answers about the domain.
    public let hostFacts: [HostFact]
    /// The model of a consumer `dma_api`; of this and `user` one is there. Optionals and not cases with a
    /// payload, so that a verb changes the model in place through `?.`: a copy of a large domain for every
    /// call would be linear.
    var dma: DMASandbox?
    /// The model of the other consumers.
    var user: UserSandbox?

    init(_ setup: DomainSetup, birth: UInt64) {
        name = DomainName(setup.id)
        self.birth = birth
        consumer = setup.consumer
        source = setup.source
        conditions = setup.conditions
        hostFacts = setup.hostFacts
        switch setup.consumer {
        case .dmaAPI: dma = DMASandbox(under: setup.conditions)
        case .vfioType1, .iommufd:
            user = UserSandbox(consumer: setup.consumer, source: setup.source, under: setup.conditions)
        }
    }

    public var id: String { name.text }
    /// What it was made with.
    public var setup: DomainSetup {
        DomainSetup(
            id: id, consumer: consumer, source: source, conditions: conditions, hostFacts: hostFacts)
    }
    public var granule: Granule { dma?.granule ?? conditions.userPage }
    public var devices: [SessionDevice] { dma?.devices ?? user?.devices ?? [] }
    public var regions: [SessionRegion] { dma?.regions ?? user?.regions ?? [] }

    /// How many `regions` has.
    public var regionCount: Int { dma?.regions.count ?? user?.regionCount ?? 0 }
    /// Regions that it takes room for, whether or not it names them.
    var keptRegionCount: Int { dma?.regions.count ?? user?.keptRegionCount ?? 0 }

    /// Doorbell pages as they were mapped: physical page and IOVA.
    public var doorbells: [(physical: PhysicalAddress, page: IOVA)] {
        if let dma {
            return dma.doorbells.map { (PhysicalAddress($0.physical), IOVA($0.iova)) }
        }
        return user?.doorbells ?? []
    }

    public var doorbellCount: Int { dma?.doorbells.count ?? user?.doorbells.count ?? 0 }
    /// Allocations and mappings that live.
    public var liveCount: Int { dma?.liveCount ?? user?.mappings.count ?? 0 }
    /// Held ranges of every kind.
    public var heldCount: Int { dma?.domain.iova.heldCount ?? user?.mappings.count ?? 0 }
    /// Ranges that user space may map; nil for the DMA layer.
    public var usableRanges: [IOVARange]? { user?.ranges }
    /// The software-MSI window that doorbells go to; nil for the DMA layer, and before a device is there.
    public var window: IOVARange? { user?.window }

    /// Live allocations and doorbell pages that end at or above `address`, ascending, at most `limit`; and
    /// whether more follow.
    public func holdings(from address: IOVA, limit: Int) -> (items: [Holding], hasMore: Bool) {
        guard let dma else { return user?.holdings(from: address, limit: limit) ?? ([], false) }
        var items: [Holding] = []
        for held in dma.domain.iova.heldRanges(endingAtOrAbove: granule.frame(of: address.value)) {
            let holding = dma.holding(held)
            guard holding.kind == .allocation || holding.kind == .doorbell else { continue }
            if items.count == limit { return (items, true) }
            items.append(holding)
        }
        return (items, false)
    }

    /// What holds an address.
    public func holding(at address: IOVA) -> Holding? {
        guard let dma else { return user?.holding(at: address) }
        return dma.domain.iova.held(containing: granule.frame(of: address.value)).map(dma.holding)
    }
}

/// What a domain is made with.
public struct DomainSetup: Hashable, Sendable {
    public var id: String
    public var consumer: Consumer
    public var source: WindowSource
    /// Kernel release included; it must be the session's.
    public var conditions: Conditions
    /// Those of the conditions that a collected host said.
    public var hostFacts: [HostFact]

    public init(
        id: String, consumer: Consumer, source: WindowSource = .fixed, conditions: Conditions,
        hostFacts: [HostFact] = []
    ) {
        self.id = id
        self.consumer = consumer
        self.source = source
        self.conditions = conditions
        self.hostFacts = hostFacts
    }
}

/// An attached device and where its description came from.
public struct SessionDevice: Hashable, Sendable {
    /// Under which the domain knows it: the platform's id of it, or the caller's.
    public var id: String
    /// nil for a device that was described with the request.
    public var platform: String?
    public var device: Device
    /// What its collected host says otherwise than the domain was made, and what therefore does not count.
    public var unusedFacts: [HostFact]
    /// Those that the platform gave it when it was attached; no verb uses them.
    public var doorbells: [PhysicalAddress]
    /// Others of its group by the regions that it has because of them.
    public var owners: [ReservedRegion: String] = [:]
    /// The serial number of the platform, which tells it from others that had its id before; nil where it is
    /// not known.
    public var machine: UInt64?

    public init(
        id: String, platform: String?, device: Device, unusedFacts: [HostFact] = [],
        doorbells: [PhysicalAddress] = [], machine: UInt64? = nil
    ) {
        self.id = id
        self.platform = platform
        self.device = device
        self.unusedFacts = unusedFacts
        self.doorbells = doorbells
        self.machine = machine
    }
}

extension SessionDevice {
    /// Where a region comes from, and which other device of its group it is of.
    package func provenance(of withheld: WithheldRegion, under conditions: Conditions) -> String {
        let text = withheld.provenanceText(under: conditions)
        return owners[withheld.region].map { Self.provenance(text, of: $0) } ?? text
    }

    /// The same of a region of another device.
    public static func provenance(_ text: String, of owner: String) -> String {
        "\(text), of \(owner) in its group"
    }

    /// An IOMMU group of a platform.
    struct Group: Hashable {
        let platform: String
        let number: UInt64
    }

    /// nil where it is not known which group the device is in.
    var group: Group? {
        guard let platform, let number = device.groupNumber else { return nil }
        return Group(platform: platform, number: number)
    }

    /// Whether both are in one group. Numbers are one machine's: a platform that replaced another under its
    /// id has other groups.
    func sharesGroup(with other: SessionDevice) -> Bool {
        guard let group, group == other.group else { return false }
        guard let machine, let otherMachine = other.machine else { return true }
        return machine == otherMachine
    }
}

/// Who said which kernel a session is of.
public enum KernelOrigin: String, CaseIterable, Sendable {
    case request
    /// The collected host of the first domain's first device.
    case host
    /// Nobody, so that it is the newest.
    case unstated = "default"
}

extension Device {
    /// Reservations that its set-up makes at most.
    var reservationCount: Int { pciWindows.count + inboundWindows.count + 1 + statedRegionCount }

    /// Regions that a domain names of it at most.
    var statedRegionCount: Int { firmwareRegions.count + unappliedRegions.count }
}
