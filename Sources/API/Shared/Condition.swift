// What a request may say about kernel, boot and IOMMU. This is the one table of names, bounds and sentences:
// bodies, queries and the command line all read their conditions here.

package import AddressSpaces
import IOVAAllocation
import Ingestion
package import JSON
import LinuxReleases
import MSIWindows
package import Machines

/// One condition, by its name on the wire.
package enum Condition: CaseIterable, Sendable {
    case kernel
    case pageSize
    case apertureBits
    case smmuPageSizes
    case defaultDomain
    case driver
    case iommuRegions
    case isolatedMSI
    case unsafeInterrupts
    case forcedac
    case cacheCoherent
    case foreignDriver

    /// A literal, which readers of bodies take.
    package var name: StaticString {
        switch self {
        case .kernel: "kernel"
        case .pageSize: "page_size"
        case .apertureBits: "aperture_bits"
        case .smmuPageSizes: "smmu_page_sizes"
        case .defaultDomain: "default_domain"
        case .driver: "iommu"
        case .iommuRegions: "iommu_regions"
        case .isolatedMSI: "isolated_msi"
        case .unsafeInterrupts: "allow_unsafe_interrupts"
        case .forcedac: "forcedac"
        case .cacheCoherent: "cache_coherent"
        case .foreignDriver: "foreign_driver"
        }
    }

    package var word: String { name.description }

    /// Those that a query can say.
    static let ofQueries: [Condition] = [.kernel, .pageSize, .apertureBits]
}

/// Conditions as a request states them, and which of them it left to the platform.
struct StatedConditions: Sendable {
    var conditions: Conditions
    private var statesIsolation = false
    private(set) var statesUnsafeInterrupts = false
    private(set) var statesForcedac = false
    private(set) var statesDriver = false
    private(set) var statesPageSize = false
    private var isPageSizeOfKernelName = false
    var statesKernel = false
    private(set) var statesDefaultDomain = false
    /// Facts of a running host that were taken over.
    var hostFacts: [HostFact] = []
    /// Those of them that changed a condition.
    var changingFacts: [HostFact] = []
    /// What a running host's modules do where MSIs are not isolated, as far as it said so.
    var unsafeInterruptsOfHost: [Consumer: Bool] = [:]

    init(_ conditions: Conditions = Conditions()) { self.conditions = conditions }

    /// Reads those that are there, in this order; every fault goes to the reader's problems.
    mutating func read(_ wanted: [Condition], from reader: inout some ValueReader) {
        for condition in wanted {
            if let value = reader.value(condition.name) { set(condition, value, reader.problems) }
        }
    }

    private mutating func set(_ condition: Condition, _ value: WireValue, _ problems: ProblemList) {
        switch condition {
        case .kernel:
            if let kernel = Condition.kernel(value, problems) { state(kernel) }
        case .pageSize:
            if let size = Condition.pageSize(value, problems) { state(pageSize: size) }
        case .apertureBits:
            if let bits = Condition.apertureBits(value, problems) {
                conditions.aperture = Conditions(apertureBits: bits).aperture
            }
        case .smmuPageSizes:
            if let sizes = Condition.pageSizes(value, problems) { conditions.smmuPageSizes = sizes }
        case .defaultDomain:
            if let domain = value.choice(WireWords.defaultDomains, problems) {
                conditions.defaultDomain = domain
                statesDefaultDomain = true
            }
        case .driver:
            if let driver = value.choice(WireWords.drivers, problems) {
                conditions.driver = driver
                statesDriver = true
            }
        case .iommuRegions:
            if let regions = Condition.iommuRegions(value, problems) { conditions.iommuRegions = regions }
        case .isolatedMSI:
            if let flag = value.bool(problems) {
                conditions.hasIsolatedMSI = flag
                statesIsolation = true
            }
        case .unsafeInterrupts:
            if let flag = value.bool(problems) {
                conditions.allowsUnsafeInterrupts = flag
                statesUnsafeInterrupts = true
            }
        case .forcedac:
            if let flag = value.bool(problems) {
                conditions.forcesDAC = flag
                statesForcedac = true
            }
        case .foreignDriver:
            if let flag = value.bool(problems) { conditions.hasForeignDriver = flag }
        case .cacheCoherent:
            if let flag = value.bool(problems) { conditions.isCacheCoherent = flag }
        }
    }

    /// The kernel of the request, whatever a host runs.
    mutating func state(_ kernel: KernelProfile) {
        adopt(kernel)
        statesKernel = true
        // A page size in its name counts more than that of a host.
        guard kernel.pageBytes != nil, !statesPageSize else { return }
        statesPageSize = true
        isPageSizeOfKernelName = true
    }

    /// The kernel of one host in place of that of all, with what its name says of the page size.
    mutating func replace(_ kernel: KernelProfile) {
        if isPageSizeOfKernelName || kernel.pageBytes != nil {
            conditions.pageSize = Conditions().pageSize
            statesPageSize = false
            isPageSizeOfKernelName = false
        }
        state(kernel)
    }

    /// The page size of the request, whatever a host has.
    mutating func state(pageSize: Granule) {
        conditions.pageSize = pageSize
        statesPageSize = true
        isPageSizeOfKernelName = false
    }

    /// The kernel, and the page size that its name tells unless the request states one.
    mutating func adopt(_ kernel: KernelProfile) {
        conditions.kernel = kernel
        guard !statesPageSize, let bytes = kernel.pageBytes else { return }
        conditions.pageSize = Granule(bytes: bytes) ?? conditions.pageSize
    }

    /// Takes over what the platform knows and the request did not state.
    mutating func adopt(isolatesMSIs: Bool, driver: SMMU.Version?) {
        if !statesIsolation { conditions.hasIsolatedMSI = isolatesMSIs }
        adopt(driver: driver)
    }

    /// The same of a device without a platform, of which only a list of regions is known.
    mutating func adopt(driver: SMMU.Version?) {
        if !statesDriver, let driver { conditions.driver = driver }
    }
}

// MARK: Single values

extension Condition {
    package static func apertureBits(_ value: WireValue, _ problems: ProblemList) -> Int? {
        value.int(in: Conditions.apertureBitsBounds, problems)
    }

    /// A page size of arm64: the CPU's, or the IOMMU's granule.
    package static func pageSize(_ value: WireValue, _ problems: ProblemList) -> Granule? {
        guard let bytes = value.size(problems) else { return nil }
        if let size = WireWords.pageSizes.first(where: { $0.bytes == bytes }) { return size }
        let sizes = WireWords.pageSizes.map { HexLiteral.text($0.bytes) }.joined(separator: ", ")
        value.add(
            "unknown-value", "\(HexLiteral.text(bytes)) is not a page size of arm64; send one of \(sizes).",
            problems)
        return nil
    }

    /// What a virtio-iommu reports of an endpoint: regions of two types (Virtual I/O Device Specification
    /// 1.2, 5.13.6.8, VIRTIO_IOMMU_PROBE_T_RESV_MEM).
    package static func iommuRegions(_ value: WireValue, _ problems: ProblemList) -> [ReservedRegion]? {
        guard case .member(let node) = value else {
            value.add("not-a-list", "Send the regions in a JSON body.", problems)
            return nil
        }
        let kinds = ReservedRegion.Kind.words.filter { $0.value == .msi || $0.value == .reserved }
        return node.elements(countMax: Limits.iommuRegionsMax, problems)?.compactMap {
            ReservedRegion(
                $0, kinds: kinds, from: "reported by the virtio-iommu, as the request says", problems)
        }
    }

    /// Granules with the block sizes that come with them.
    private static let pagesAndBlocks: [(page: Granule, sizes: PageSizes)] = [
        (.kib4, .kib4), (.kib16, .kib16), (.kib64, .kib64),
    ]

    fileprivate static func pageSizes(_ value: WireValue, _ problems: ProblemList) -> PageSizes? {
        guard let nodes = value.elements(countMax: WireWords.pageSizes.count, problems) else { return nil }
        if nodes.isEmpty { value.add("empty", "An IOMMU has at least one page size.", problems) }
        let pages = nodes.compactMap { pageSize($0, problems) }
        let bitmaps = pagesAndBlocks.filter { pages.contains($0.page) }.map(\.sizes.bitmap)
        return PageSizes(bitmap: bitmaps.reduce(0, |))
    }
}
