// Ranges that VFIO or iommufd offered on a running host, as members of a device. They are what user space may
// map, so they leave out the driver's own window; and what was read before a device was attached tells
// nothing, which is noticed. Mirrors VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE and IOMMU_IOAS_IOVA_RANGES,
// include/uapi/linux/vfio.h and iommufd.h, Linux 7.2.

import AddressSpaces
import JSON
import Machines

enum NativeRanges {
    private enum Moment: String, CaseIterable {
        case afterAttach = "after_attach"
        case beforeAttach = "before_attach"
    }

    /// `"iova_ranges": [{"start", "last"}]`, with VFIO's word `end` for `last` or a `size`, and when they were
    /// read; nil when none were sent or when they tell nothing.
    static func read(
        _ reader: inout ObjectReader, _ device: String, _ problems: ProblemList,
        _ findings: inout FindingList
    ) -> [IOVARange]? {
        let moments = Moment.allCases.map { (word: $0.rawValue, value: $0) }
        let moment = reader.optional("iova_ranges_read").map { $0.choice(moments, problems) } ?? .afterAttach
        guard let node = reader.optional("iova_ranges"), node.kind != .null else { return nil }
        let ranges = NativePlatform.list(node, max: NativePlatform.listMax, problems) { range($0, problems) }
        guard let last = ranges.map(\.last.value).max() else {
            findings.note(
                .warning, "iova-ranges-empty", device,
                "No IOVA ranges: VFIO tells none before the first group is attached. They are not used.")
            return nil
        }
        // No SMMU translates 64 bits: such ranges are those of an address space without a device.
        guard moment == .afterAttach, last != .max else {
            findings.note(
                .warning, "iova-ranges-before-attach", device,
                "The ranges "
                    + (last == .max ? "reach 2^64-1, so they were read" : "were read")
                    + " before a device was attached: they are wider than what is usable, and are not used.")
            return nil
        }
        let isAscending = zip(ranges, ranges.dropFirst()).allSatisfy { $0.last < $1.start }
        if !isAscending {
            findings.note(
                .warning, "iova-ranges-order", device,
                "The ranges overlap or do not ascend, as no kernel lists them; their union is used.")
        }
        return IOVASet(ranges).ranges
    }

    private static func range(_ node: JSONNode, _ problems: ProblemList) -> IOVARange? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        defer { reader.finish() }
        guard let endNode = reader.optional("end") else {
            return reader.range().map { IOVARange(proven: $0.start, $0.last) }
        }
        let start = reader.required("start")?.u64(problems)
        for name in ["last", "size"] {
            guard let other = reader.optional(name) else { continue }
            problems.add(other.pointer, "conflict", "Send one of \"end\", \"last\" and \"size\".")
        }
        guard let start, let end = endNode.u64(problems) else { return nil }
        guard start <= end else {
            problems.add(endNode.pointer, "backwards", "The range ends before it starts.")
            return nil
        }
        return IOVARange(proven: start, end)
    }
}
