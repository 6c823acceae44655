// The allocator's part of exported state.

import AddressSpaces
import IOVAAllocation
import JSON
import LinuxReleases
import MSIWindows
import Sandboxes

extension SessionSnapshot.Allocator {
    init?(_ node: JSONNode, _ conditions: Conditions, _ problems: ProblemList) {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let start = reader.required("start_pfn")?.u64(problems)
        let cpus = reader.optional("online_cpus").map { $0.int(in: 1...4_096, problems) } ?? 1
        let hint32 = reader.required("cached32_node")?.u64(problems)
        let hint64 = reader.required("cached_node")?.u64(problems)
        let memo = reader.required("max32_alloc_size")?.u64(problems)
        let ranges = Self.pairs(reader.required("ranges"), problems)
        let classes = SessionSnapshot.list(reader.required("size_classes"), 64, problems) {
            Self.sizeClass($0, problems)
        }
        let notes = reader.required("notes").map { Self.notes($0, problems) } ?? []
        let hardware = SessionSnapshot.list(
            reader.optional("hardware_msi"), Limits.inlineRegionsMax, problems
        ) { IOVARange(wire: $0, problems) }
        var givenUp = SessionSnapshot.list(
            reader.optional("gave_up_below_4g"), Limits.devicesPerDomainMax, problems
        ) { $0.int(in: 0...Limits.devicesPerDomainMax, problems) }
        if reader.optional("unattached_gave_up_below_4g").flatMap({ $0.bool(problems) }) == true {
            givenUp.append(-1)
        }
        let errnos = Errno.allCases.map { (word: $0.rawValue, value: $0) }
        let errno = reader.optional("errno").flatMap {
            $0.kind == .null ? nil : $0.choice(errnos, problems)
        }
        reader.finish()
        guard let start, let cpus, let hint32, let hint64, let memo else { return nil }
        self.init(
            state: IOVASnapshot(
                granule: conditions.granule, startPFN: start, release: conditions.kernel, onlineCPUs: cpus,
                ranges: ranges.map { PageFrameRange(lo: $0.0, hi: $0.1) }, hint32: hint32, hint64: hint64,
                memo: memo, sizeClasses: classes),
            notes: notes, hardware: hardware, givenUp: givenUp, errno: errno)
    }

    private static func numbers(_ node: JSONNode?, _ problems: ProblemList) -> [UInt64] {
        SessionSnapshot.list(node, 2 * Limits.iovasPerSessionMax, problems) { $0.u64(problems) }
    }

    /// A flat list of pairs.
    private static func pairs(_ node: JSONNode?, _ problems: ProblemList) -> [(UInt64, UInt64)] {
        let flat = numbers(node, problems)
        guard flat.count.isMultiple(of: 2) else {
            if let node { problems.add(node.pointer, "odd-count", "The numbers come in pairs.") }
            return []
        }
        return stride(from: 0, to: flat.count, by: 2).map { (flat[$0], flat[$0 + 1]) }
    }

    private static func sizeClass(
        _ node: JSONNode, _ problems: ProblemList
    ) -> IOVASnapshot.SizeClass? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        var sizeClass = IOVASnapshot.SizeClass()
        sizeClass.loaded = numbers(reader.required("loaded"), problems)
        sizeClass.previous = numbers(reader.required("previous"), problems)
        sizeClass.depot = SessionSnapshot.list(
            reader.required("depot"), Limits.iovasPerSessionMax, problems
        ) { numbers($0, problems) }
        sizeClass.isArmed = reader.optional("armed").flatMap { $0.bool(problems) } ?? false
        reader.finish()
        return sizeClass
    }

    private static func notes(_ node: JSONNode, _ problems: ProblemList) -> [SessionSnapshot.Note] {
        guard var reader = ObjectReader(node, problems) else { return [] }
        var notes: [SessionSnapshot.Note] = []
        for kind in SessionSnapshot.Note.Kind.allCases {
            notes += pairs(reader.optional(kind.rawValue), problems).map {
                SessionSnapshot.Note(kind: kind, hi: $0.0, pages: $0.1)
            }
        }
        reader.finish()
        return notes
    }
}
