// A device as one kernel under given conditions sees it: regions rounded to pages and sorted by who applies
// them, what is withheld and from where, what its DMA domain reserves. Everything that an answer reads of a
// device is worked out here, once, by one owner; decisions, views, placements, surveys, faults and sandboxes
// only read it. It is immutable, so a store of platforms may keep it beside them.

import AddressSpaces
import LinuxReleases
public import Machines

/// A device under the conditions that its regions and limits depend on.
///
/// Complexity: O(n log n) to make for n regions, windows and ranges; the readers below are O(1), or as
/// `Withheld` says.
public final class PreparedDevice: Sendable {
    /// As it was described, with the ranges that are known of it.
    public let source: Device
    /// With firmware's memory ranges rounded as a kernel with these pages keeps them.
    public let device: Device
    /// Ranges that the caller or the running host reported as usable; nil when nothing is known.
    public let usable: UsableRanges?
    /// The conditions that were prepared for; see `Conditions.ofDevice`.
    public let conditions: Conditions

    /// What the IOMMU driver reports of firmware's regions, in firmware's order.
    public let applied: [ReservedRegion]
    /// The same and those on a host bridge, which the posted series makes functions inherit.
    let seenByPostedSeries: [ReservedRegion]
    /// The window that a given list of regions has already.
    let givenWindow: IOVARange?
    /// The first hardware MSI region of firmware's list.
    let hardwareRegion: ReservedRegion?
    /// Those that its streams name.
    let smmus: Set<String>
    /// What the set-up of a DMA domain asks of its allocator.
    public let reservations: DMAReservations
    /// Everything that is withheld, with its provenance, and what is left.
    public let withheld: Withheld
    /// Hazards of the device's firmware, which do not depend on the consumer.
    let hazards: [Warning]
    /// What no source states of the device or of its host bridge: of most, nothing.
    let openFacts: [UnknownFact]
    /// What was worked out with it.
    public let extras: Extras
    /// A DMA domain that was set up for the device and never used; nil unless it was requested.
    private let fresh: FreshDomain?
    /// What follows from the window that its driver offers; nil unless it was requested, and where the driver
    /// offers none.
    let offered: OfferedWindow?

    /// What owners that are asked about a device often have worked out with it.
    public struct Extras: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8

        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// For questions about `dma_api`: a DMA domain that is set up.
        public static let domain = Extras(rawValue: 1)
        /// For those about `vfio_type1` and `iommufd`: what comes of the window that its driver offers. A
        /// seventh of a decision's instructions.
        public static let window = Extras(rawValue: 2)
    }

    /// - Parameters:
    ///   - usable: ranges that the caller knows to be usable; nil for those of the device.
    ///   - extras: what else is worked out, for owners that keep it.
    public init(
        _ device: Device, usable: UsableRanges? = nil, under conditions: Conditions,
        including extras: Extras = []
    ) {
        let conditions = conditions.ofDevice
        var rounded = device
        if let usable { rounded.usableRanges = usable }
        self.usable = rounded.usableRanges
        let source = rounded
        self.source = source
        if conditions.driver == .virtio, let regions = conditions.iommuRegions {
            rounded = rounded.reporting(regions)
        }
        rounded.round(to: conditions.pageSize)
        let applied = rounded.appliedRegions(under: conditions)
        let reservations = DMAReservations(for: rounded, applying: applied)
        self.device = rounded
        self.conditions = conditions
        self.applied = applied
        seenByPostedSeries = rounded.firmwareRegions.filter {
            $0.isSeenByPostedSeries(under: conditions)
        }
        let given = rounded.firmwareRegions.last { $0.kind == .softwareMSI }?.range
        givenWindow = given
        let hardwareRegion = rounded.firmwareRegions.first { $0.kind == .msi }
        self.hardwareRegion = hardwareRegion
        smmus = Set(rounded.smmus)
        self.reservations = reservations
        let withheld = Withheld(
            from: rounded, reservations, under: conditions, usable: self.usable)
        self.withheld = withheld
        hazards = Hazards.ofFirmware(of: rounded, applying: applied, under: conditions.kernel)
        openFacts = UnknownFact.allCases.filter { $0.isOpen(for: source) }
        self.extras = extras
        fresh =
            extras.contains(.domain) ? FreshDomain(for: rounded, reservations, under: conditions) : nil
        let isReplaced = given == nil && conditions.driver == .virtio && hardwareRegion != nil
        offered =
            extras.contains(.window) && !isReplaced
            ? OfferedWindow(
                given ?? WindowSource.mainlineWindow, of: withheld, applied: applied, under: conditions)
            : nil
    }

    /// The same set for another device of its class: what was worked out is shared, not copied.
    private init(_ kept: PreparedDevice, for other: Device) {
        var source = other
        source.firmwareRegions = kept.source.firmwareRegions
        source.unappliedRegions = kept.source.unappliedRegions
        source.groupRegions = kept.source.groupRegions
        source.groupUnappliedRegions = kept.source.groupUnappliedRegions
        self.source = source
        source.firmwareRegions = kept.device.firmwareRegions
        source.usableRanges = kept.usable
        device = source
        usable = kept.usable
        conditions = kept.conditions
        applied = kept.applied
        seenByPostedSeries = kept.seenByPostedSeries
        givenWindow = kept.givenWindow
        hardwareRegion = kept.hardwareRegion
        smmus = Set(source.smmus)
        reservations = kept.reservations
        withheld = kept.withheld
        openFacts = UnknownFact.allCases.filter { $0.isOpen(for: other) }
        extras = kept.extras
        offered = kept.offered
        // They name the device.
        hazards =
            kept.hazards.isEmpty
            ? [] : Hazards.ofFirmware(of: source, applying: applied, under: conditions.kernel)
        fresh = kept.fresh
    }

    /// Prepared for another device of the same `DeviceClass`: what was worked out is shared, not copied.
    /// O(streams), and O(regions) where firmware brings hazards.
    package func serving(_ other: Device) -> PreparedDevice { PreparedDevice(self, for: other) }

    /// Whether the other one withholds the same for the same reasons. O(1) for devices that share a set.
    package func withholdsTheSame(as other: PreparedDevice) -> Bool {
        conditions == other.conditions && device.dmaLimit == other.device.dmaLimit
            && applied == other.applied && withheld == other.withheld
    }

    /// What the kernel of the conditions does with an entry of firmware that crashes it; nil when nothing
    /// does.
    public var crashRemark: String? { source.crashRemark(under: conditions.kernel) }

    /// A DMA domain that was set up for the device as the first of its group. A copy of the one that is
    /// kept, where one is.
    ///
    /// - Precondition: the device was prepared for `conditions`, on which the reservations depend.
    public func freshDomain(under conditions: Conditions) -> DMADomain {
        precondition(self.conditions.prepareLike(conditions), "prepared for other conditions")
        var made = fresh?.domain ?? DMADomain(firstDevice: device, reservations, under: self.conditions)
        made.conditions = conditions
        return made
    }

    /// Hazards of a DMA domain that is set up for it as the first of its group.
    var inboundWindowHazards: [Warning] {
        fresh?.hazards ?? Hazards.ofInboundWindows(of: device, in: conditions.granule)
    }

    /// Firmware wants these mapped one to one, and the driver reports it. O(regions).
    public var directRegions: [ReservedRegion] { applied.filter { $0.kind == .direct } }

    /// What the region withholds, so that a sentence and its blocker speak of one region; nil where that is
    /// nothing. O(items).
    func item(of region: ReservedRegion) -> WithheldItem? {
        let page = conditions.granule.page(of: IOVA(region.start))
        return withheld.items.first {
            $0.range.start == page.start && $0.type == region.kind && $0.provenance == region.provenanceText
        }
    }
}

/// A DMA domain before anything is mapped in it, with the hazards of its set-up. A class: those that ask
/// about the other consumers pass it on by reference.
private final class FreshDomain: Sendable {
    let domain: DMADomain
    let hazards: [Warning]

    init(for device: Device, _ reservations: DMAReservations, under conditions: Conditions) {
        domain = DMADomain(firstDevice: device, reservations, under: conditions)
        hazards = Hazards.ofInboundWindows(of: device, in: conditions.granule)
    }
}

extension PreparedDevice {
    /// The same device under other conditions; itself where they do not matter to it.
    func prepared(for conditions: Conditions) -> PreparedDevice {
        self.conditions.prepareLike(conditions) ? self : PreparedDevice(source, under: conditions)
    }

    /// See `Device`. Most devices have an IOMMU, which is told without a copy of one.
    func missingIOMMURemark(under conditions: Conditions, for consumer: Consumer?) -> String? {
        source.missingIOMMU == nil ? nil : source.missingIOMMURemark(under: conditions, for: consumer)
    }

    /// Whether the driver reports a software window in its list. virtio-iommu's does not beside MSI regions.
    public var offersSoftwareWindow: Bool { conditions.driver != .virtio || hardwareRegion == nil }
}

extension Platform {
    /// A device of this machine, with what the machine knows of it: its driver, and the ranges that the
    /// running host offered.
    ///
    /// - Parameter adoptsDriver: false where the caller has said which driver it is.
    public func prepared(
        _ device: Device, under conditions: Conditions, adoptsDriver: Bool = true,
        including extras: PreparedDevice.Extras = []
    ) -> PreparedDevice {
        var conditions = conditions
        if adoptsDriver, let driver = driver(of: device) { conditions.driver = driver }
        return PreparedDevice(device, under: conditions, including: extras)
    }
}

extension Conditions {
    /// What of the conditions a device's regions, limits and windows depend on, the rest as by default. Equal
    /// values of it mean that one prepared device serves.
    public var ofDevice: Conditions {
        var own = Conditions(kernel: kernel.unstated, pageSize: pageSize)
        own.aperture = aperture
        own.smmuPageSizes = smmuPageSizes
        own.driver = driver
        own.iommuRegions = iommuRegions
        return own
    }

    /// Whether `ofDevice` is the same of both, without a copy of either: every question asks.
    func prepareLike(_ other: Conditions) -> Bool {
        pageSize == other.pageSize && aperture == other.aperture && driver == other.driver
            && smmuPageSizes == other.smmuPageSizes && kernel.answersLike(other.kernel)
            && iommuRegions == other.iommuRegions
    }
}

/// An IOMMU group of prepared devices, seen from one of them.
public struct PreparedGroup: Sendable {
    /// In group order, never empty; all under the same conditions.
    public let devices: [PreparedDevice]
    /// Index of the device that is asked about.
    public let subject: Int

    /// - Precondition: `subject` is an index of `devices`, and all were prepared for the same conditions.
    public init(_ devices: [PreparedDevice], subject: Int = 0) {
        precondition(devices.indices.contains(subject), "subject \(subject) of \(devices.count) devices")
        let conditions = devices[0].conditions
        precondition(
            devices.dropFirst().allSatisfy { $0.conditions == conditions }, "devices of different conditions")
        self.devices = devices
        self.subject = subject
    }

    /// Prepares every device; `usable` bounds the subject.
    public init(_ group: IOMMUGroup, usable: UsableRanges? = nil, under conditions: Conditions) {
        devices = group.devices.enumerated().map { index, device in
            PreparedDevice(device, usable: index == group.subject ? usable : nil, under: conditions)
        }
        subject = group.subject
    }

    public var device: PreparedDevice { devices[subject] }
    /// Whose reservations the DMA domain is set up with.
    var first: PreparedDevice { devices[0] }
    /// Everyone but the subject, in group order.
    var mates: [PreparedDevice] { devices.indices.filter { $0 != subject }.map { devices[$0] } }

    /// The group as it was described.
    public var described: IOMMUGroup { IOMMUGroup(devices.map(\.source), subject: subject) }

    /// The SMMUs that the devices' streams name: groups behind the same ones share a domain.
    var smmus: Set<String> {
        devices.dropFirst().reduce(devices[0].smmus) { $0.union($1.smmus) }
    }

    /// The same group, with other usable ranges for its subject.
    func with(usable: UsableRanges?) -> PreparedGroup {
        var devices = devices
        var source = device.source
        source.usableRanges = usable
        devices[subject] = PreparedDevice(source, under: device.conditions)
        return PreparedGroup(devices, subject: subject)
    }

    func isPrepared(for conditions: Conditions) -> Bool { devices[0].conditions.prepareLike(conditions) }

    /// The same group under other conditions; itself where they do not matter to devices.
    func prepared(for conditions: Conditions) -> PreparedGroup {
        guard !isPrepared(for: conditions) else { return self }
        return PreparedGroup(devices.map { $0.prepared(for: conditions) }, subject: subject)
    }
}
