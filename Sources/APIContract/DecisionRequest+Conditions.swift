// The circumstances of a question: kernel, boot, IOMMU.

import AddressSpaces
import MSIWindows
import SMMUModel
import WireJSON

extension DecisionRequest {
    mutating func readConditions(_ reader: inout ObjectReader, _ problems: ProblemList) {
        if let node = reader.optional("aperture_bits"),
            let bits = node.int(in: Conditions.apertureBitsBounds, problems)
        {
            conditions.aperture = Conditions(apertureBits: bits).aperture
        }
        if let node = reader.optional("page_size"), let size = Self.pageSize(node, problems) {
            conditions.pageSize = size
        }
        if let node = reader.optional("smmu_page_sizes"),
            let nodes = node.elements(countMax: WireWords.pageSizes.count, problems)
        {
            if nodes.isEmpty { problems.add(node.pointer, "empty", "An IOMMU has at least one page size.") }
            let sizes = nodes.compactMap { Self.pageSize($0, problems) }
            conditions.smmuPageSizes = PageSizes(bitmap: sizes.reduce(0) { $0 | Self.blocks(of: $1) })
        }
        if let node = reader.optional("default_domain"),
            let domain = node.choice(WireWords.defaultDomains, problems)
        {
            conditions.defaultDomain = domain
        }
        if let node = reader.optional("iommu"), let driver = node.choice(WireWords.drivers, problems) {
            conditions.driver = driver
            statesDriver = true
        }
        if let node = reader.optional("isolated_msi"), let flag = node.bool(problems) {
            conditions.hasIsolatedMSI = flag
            statesIsolation = true
        }
        if let node = reader.optional("allow_unsafe_interrupts"), let flag = node.bool(problems) {
            conditions.allowsUnsafeInterrupts = flag
        }
    }

    private static func pageSize(_ node: JSONNode, _ problems: ProblemList) -> Granule? {
        guard let bytes = node.u64(problems) else { return nil }
        if let size = WireWords.pageSizes.first(where: { $0.bytes == bytes }) { return size }
        let sizes = WireWords.pageSizes.map { HexLiteral.text($0.bytes) }.joined(separator: ", ")
        problems.add(
            node.pointer, "unknown-value", "\(HexLiteral.text(bytes)) is no arm64 page size: \(sizes).")
        return nil
    }

    /// A granule with its block sizes.
    private static func blocks(of granule: Granule) -> UInt64 {
        switch granule {
        case .kib4: PageSizes.kib4.bitmap
        case .kib16: PageSizes.kib16.bitmap
        default: PageSizes.kib64.bitmap
        }
    }
}
