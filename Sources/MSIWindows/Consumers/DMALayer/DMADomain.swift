// A domain of the kernel's DMA layer: the IOVA allocator, set up as the first device of a group sets it up,
// and the list of MSI pages. Mirrors drivers/iommu/dma-iommu.c: iommu_dma_init_domain,
// iommu_dma_alloc_iova and iommu_dma_get_msi_page, Linux 7.2; iommu_dma_alloc_iova of 6.1 where that
// differs. It is a value: a copy goes its own way.

public import AddressSpaces
public import IOVAAllocation
public import LinuxReleases
public import Machines

/// The DMA layer's view of one group.
public struct DMADomain: Sendable {
    /// A device of the group as far as an allocation depends on it.
    public struct Member: Hashable, Sendable {
        public var isPCI: Bool
        /// Highest address of its bus, inclusive; all ones when nothing limits.
        public var busLimit: UInt64
        /// Its place in the group: giving up below 4 GiB is remembered for each device.
        public var index: Int

        public init(_ device: Device, index: Int) {
            isPCI = device.isPCI
            busLimit = device.dmaLimit
            self.index = index
        }
    }

    /// An MSI page: physical page and where it is mapped.
    public struct Page: Hashable, Sendable {
        public var physical: UInt64
        public var iova: UInt64
        /// Reached untranslated, at its own address.
        public var isHardware: Bool
    }

    public package(set) var iova: IOVADomain
    public internal(set) var conditions: Conditions
    public let granule: Granule
    /// What the set-up asked of the allocator.
    public internal(set) var reservations: DMAReservations
    /// What the set-up failed with.
    public internal(set) var errno: Errno?
    /// Reservations whose last page lies below their first: Linux inserts inverted nodes for them.
    public internal(set) var inverted: [DMAReservations.Call] = []
    /// Hardware MSI regions, in whole pages.
    var hardware: [IOVARange] = []
    var pages: [UInt64: UInt64] = [:]
    var gaveUpBelow4G: Set<Int> = []

    /// A domain as it is set up for the first device of a group; see `PreparedDevice.freshDomain`.
    ///
    /// - Parameter device: with its regions rounded to pages.
    init(firstDevice device: Device, _ reservations: DMAReservations, under conditions: Conditions) {
        self.conditions = conditions
        granule = conditions.granule
        let start = Self.start(device, conditions)
        iova = IOVADomain(
            granule: granule, startPFN: max(1, granule.frame(of: start)), release: conditions.kernel)
        guard !Self.isOutside(device, conditions.aperture) else {
            self.reservations = DMAReservations()
            errno = .badAddress
            return
        }
        self.reservations = reservations
        errno = reservations.errno
        var ignored = NoAllocationRecorder()
        for call in reservations.calls { reserve(call, recorder: &ignored) }
    }

    /// A domain without a device: nothing is reserved.
    package init(under conditions: Conditions) {
        self.init(
            firstDevice: Device(id: "none", kind: .platform), DMAReservations(), under: conditions)
    }

    /// Reports how the set-up went.
    func reportSetUp<R: Recorder>(to recorder: inout R) {
        guard errno != .badAddress else {
            recorder.record(
                .domainSetUpFails, .rejected,
                Self.outside(conditions.aperture) + ": EFAULT.")
            return
        }
        for call in reservations.calls { report(call, to: &recorder) }
        if let window = reservations.misplacedWindow {
            recorder.record(
                .domainSetUpFails, .rejected,
                "The inbound window at \(HexLiteral.text(window)) lies below the one before it: EINVAL, and "
                    + "what follows is not reserved.")
        }
    }

    private func report<R: Recorder>(_ call: DMAReservations.Call, to recorder: inout R) {
        let (lo, hi) = call.frames(granule)
        guard lo <= hi else {
            recorder.record(
                .invertedNode, .noted,
                "\(call.provenance) ends below its start: Linux inserts an inverted node at page "
                    + "\(HexLiteral.text(lo)).")
            return
        }
        recorder.record(
            .regionReserved, .noted, candidate: nil, blocker: WithheldItem(call, granule),
            "The \(call.kind.phrase) (\(call.provenance)) is reserved.")
    }

    static func start(_ device: Device, _ conditions: Conditions) -> UInt64 {
        let aperture = conditions.aperture.start.value
        guard conditions.kernel.startsAtInboundWindow else { return aperture }
        return max(aperture, device.inboundWindows.map(\.busStart).min() ?? 0)
    }

    static func outside(_ aperture: IOVARange) -> String {
        "The inbound windows lie outside the aperture \(aperture.text)"
    }

    /// `dma_range_map` and the aperture have nothing in common.
    static func isOutside(_ device: Device, _ aperture: IOVARange) -> Bool {
        guard let lowest = device.inboundWindows.map(\.busStart).min(),
            let highest = device.inboundWindows.map(\.busLast).max()
        else { return false }
        return lowest > aperture.last.value || highest < aperture.start.value
    }

    mutating func reserve<R: AllocationRecorder>(_ call: DMAReservations.Call, recorder: inout R) {
        let (lo, hi) = call.frames(granule)
        if lo > hi {
            // The kernel inserts the node as it is; the model leaves it out and says so.
            inverted.append(call)
        } else {
            _ = Self.sound { () throws(IOVAInputError) in try iova.reserve(lo, hi, recorder: &recorder) }
        }
        if call.type == .msi { addHardware(call) }
    }

    /// cookie_init_hw_msi_region: whole pages from the one that holds the start.
    mutating func addHardware(_ call: DMAReservations.Call) {
        guard let range = call.range(granule) else { return }
        hardware.append(range)
    }

    /// Calls that cannot fail, because sizes and page frames are bounded here.
    private static func sound<T>(_ body: () throws(IOVAInputError) -> T) -> T {
        do { return try body() } catch { preconditionFailure("the DMA layer asked for \(error)") }
    }

    /// The limit of an allocation: the mask, the bus, and the aperture's end, whichever is lowest.
    public func limit(_ member: Member, mask: UInt64) -> UInt64 {
        min(mask, member.busLimit, conditions.aperture.last.value)
    }

    /// iommu_dma_alloc_iova: `bytes` rounded up to pages; nil when nothing is left.
    ///
    /// Complexity: O(log n) amortised.
    public mutating func allocate<R: Recorder>(
        bytes: UInt64, mask: UInt64, for member: Member, recorder: inout R
    ) -> IOVA? {
        guard errno != .badAddress else { return nil }
        let count = max(1, granule.pageCount(of: bytes))
        let limit = limit(member, mask: mask)
        var attempts = DMAAttempts(
            isPCI: member.isPCI, hasGivenUp: gaveUpBelow4G.contains(member.index), under: conditions)
        if attempts.beginsBelow4G(limit: limit) {
            if let pfn = take(count, granule.frame(of: DMAAttempts.below4G), flushes: false, &recorder) {
                recorder.record(
                    .triedBelow4G, .accepted, "A PCI device is served below 4 GiB first, and there is room.")
                return IOVA(granule.address(ofFrame: pfn))
            }
            attempts.giveUp()
            if attempts.hasGivenUp { gaveUpBelow4G.insert(member.index) }
            recorder.record(
                .gaveUpBelow4G, .rejected,
                "Nothing fits below 4 GiB: the device continues with \(64 - limit.leadingZeroBitCount)-bit "
                    + "addresses.")
        }
        guard let pfn = take(count, granule.frame(of: limit), flushes: true, &recorder) else {
            recorder.record(
                .exhausted, .rejected,
                "No free range of \(HexLiteral.text(count)) pages lies below the limit \(HexLiteral.text(limit))."
            )
            return nil
        }
        return IOVA(granule.address(ofFrame: pfn))
    }

    private mutating func take<R: Recorder>(
        _ count: UInt64, _ limit: UInt64, flushes: Bool, _ recorder: inout R
    ) -> UInt64? {
        var listener = AllocationListener(recorder: recorder)
        defer { recorder = listener.recorder }
        return Self.sound { () throws(IOVAInputError) in
            try iova.allocateFast(size: count, limit: limit, flushes: flushes, recorder: &listener)
        }
    }

    /// iommu_dma_free_iova of a mapping of `bytes` at `address`.
    public mutating func free(_ address: IOVA, bytes: UInt64) {
        let count = max(1, granule.pageCount(of: bytes))
        Self.sound { () throws(IOVAInputError) in
            try iova.freeFast(granule.frame(of: address.value), size: count)
        }
    }

    /// iommu_dma_get_msi_page: the page of a doorbell, mapped when it is new; nil when no IOVA is left.
    ///
    /// Complexity: O(log n) amortised, O(h) over hardware regions.
    public mutating func page<R: Recorder>(
        for doorbell: PhysicalAddress, mask: UInt64, member: Member, recorder: inout R
    ) -> Page? {
        let physical = granule.alignDown(doorbell.value)
        if let known = pages[physical] {
            recorder.record(
                .domainPageReused, .noted, DoorbellMap.sharing(doorbell, page: known))
            return Page(physical: physical, iova: known, isHardware: false)
        }
        if hardware.contains(where: { $0.contains(IOVA(physical)) }) {
            recorder.record(
                .hardwareIdentity, .accepted,
                "\(doorbell.hex) lies in a hardware MSI region and keeps its address.")
            return Page(physical: physical, iova: physical, isHardware: true)
        }
        guard
            let made = allocate(
                bytes: granule.bytes, mask: mask, for: member, recorder: &recorder)
        else { return nil }
        pages[physical] = made.value
        recorder.record(
            .domainPageMapped, .accepted, candidate: IOVARange(start: made, size: granule.bytes),
            "The page of \(doorbell.hex) is mapped at \(made.hex), the highest free page that the search found."
        )
        return Page(physical: physical, iova: made.value, isHardware: false)
    }
}
