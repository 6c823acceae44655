// What two readers of AML say about the same tables, held against each other: bridges, each fact of each,
// and refusals by their place. A fact may be unknown for several reasons; the second reader lists all of
// them, and the one that the first names has to be among them.

import Machines
import SecondAML

@testable import Ingestion

struct AMLDisagreement {
    private(set) var lines: [String] = []
    private(set) var bridges = 0
    /// Facts that both know.
    private(set) var known = 0
    private(set) var unknown = 0

    init(_ tables: [[UInt8]]) {
        let first = AMLReader.read(tables)
        let second = SecondReading(tables)
        for number in tables.indices where first.refusals[number]?.offset != second.refused[number]?.offset {
            let (ours, theirs) = (first.refusals[number], second.refused[number])
            lines.append(
                "table \(number): \(ours.map { "\($0)" } ?? "read") | \(theirs?.description ?? "read")")
        }
        let ours = Dictionary(grouping: first.bridges, by: \.path)
        let theirs = Dictionary(grouping: second.bridges, by: \.path)
        for path in Set(ours.keys).union(theirs.keys).sorted() {
            // What may be there only while a method runs, the one may leave out.
            if theirs[path] == nil, ours[path]?.first?.condition != nil { continue }
            if ours[path] == nil, theirs[path]?.first?.condition != nil { continue }
            guard let one = ours[path], let other = theirs[path], one.count == 1, other.count == 1 else {
                lines.append("\(path): \(ours[path]?.count ?? 0) | \(theirs[path]?.count ?? 0) times")
                continue
            }
            bridges += 1
            compare(one[0], other[0])
        }
    }

    private mutating func compare(_ one: AMLHostBridge, _ other: SecondBridge) {
        let path = one.path
        compare("\(path) _CRS", one.resources, other.resources) { $0 }
        compare("\(path) _DMA", one.inbound, other.inbound) { $0 }
        compare("\(path) _SEG", one.segment, other.segment) { $0 }
        compare("\(path) _BBN", one.firstBus, other.firstBus) { $0 }
        compare("\(path) _CCA", one.isCoherent, other.isCoherent) { $0 }
        compare("\(path) _DSM", one.preservesConfiguration, other.preserves) { $0 }
        compare("\(path) _UID", one.uid, other.uid, Self.datum)
        compare("\(path) _STA", one.presence, other.presence) { $0 }
        if (one.doubt == nil) != (other.doubt == nil) {
            let (first, second) = (one.doubt.map { "\($0)" }, other.doubt?.description)
            lines.append("\(path) doubt: \(first ?? "none") | \(second ?? "none")")
        }
        if (one.condition == nil) != (other.condition == nil) {
            let (first, second) = (one.condition.map { "\($0)" }, other.condition?.description)
            lines.append("\(path) condition: \(first ?? "none") | \(second ?? "none")")
        }
        for bytes in [one.resources.value, one.inbound.value] { bytes.map { compareLists("\(path)", $0) } }
    }

    private static func datum(_ constant: AMLConstant) -> Datum {
        switch constant {
        case .integer(let number): .number(number)
        case .text(let text): .text(text)
        case .buffer(let bytes): .bytes(bytes)
        case .package(let list): .list(list.map(datum))
        }
    }

    private mutating func compare<First, Second: Equatable>(
        _ what: String, _ one: AMLFact<First>, _ other: Said<Second>, _ change: (First) -> Second
    ) {
        switch (one, other) {
        case (.absent, .nothing): return
        case (.unknown(let refusal), .unknown(let troubles)):
            unknown += 1
            if troubles.contains(where: { $0.offset == refusal.offset }) { return }
        case (_, .value(let value)):
            known += 1
            if one.value.map(change) == value { return }
        case (_, .nothing), (_, .unknown): break
        }
        lines.append("\(what): \(one) | \(other)")
    }

    /// The descriptors of one list.
    private mutating func compareLists(_ path: String, _ bytes: [UInt8]) {
        var (one, other): (ResourceTemplate?, SecondTemplate?)
        var (refusal, trouble): (AMLRefusal?, Trouble?)
        do { one = try ResourceTemplate(bytes) } catch { refusal = error }
        do { other = try SecondTemplate(bytes) } catch { trouble = error }
        guard let one, let other else {
            if refusal?.offset != trouble?.offset {
                lines.append(
                    "\(path) list: \(refusal.map { "\($0)" } ?? "read") | \(trouble?.description ?? "read")")
            }
            return
        }
        let (first, second) = (
            one.spaces.map(Self.words), other.spaces.filter { $0.kind < 3 }.map(Self.words)
        )
        if first != second || one.fixedMemoryCount != other.fixedCount {
            lines.append("\(path) list: \(first), \(one.fixedMemoryCount) | \(second), \(other.fixedCount)")
        }
    }

    private static func words(_ space: ResourceTemplate.Space) -> String {
        let window = space.window.map {
            "bus \($0.busStart) cpu \($0.cpuStart) size \($0.size) \($0.isPrefetchable) \($0.is64Bit)"
        }
        return "\(space.kind) \(space.isProduced) \(space.minimum) \(window ?? "no window")"
    }

    private static func words(_ space: SecondTemplate.Space) -> String {
        let kinds: [UInt8: String] = [0: "memory", 1: "io", 2: "busNumbers"]
        let window = space.range.map { range in
            let size = range.upperBound - range.lowerBound + 1
            let bus = range.lowerBound &- (space.isProduced ? space.translation : 0)
            let is64Bit = space.maximum > 0xffff_ffff
            return "bus \(bus) cpu \(range.lowerBound) size \(size) \(space.isPrefetchable) \(is64Bit)"
        }
        let kind = kinds[space.kind] ?? "other"
        return "\(kind) \(space.isProduced) \(space.minimum) \(window ?? "no window")"
    }
}
