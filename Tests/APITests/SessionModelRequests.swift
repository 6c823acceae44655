// The random verbs of a walk, and verbs as requests: bodies, and operations of batches.

import AddressSpaces
import IOVAAllocation
import TestSupport

extension SessionWalk {
    mutating func randomPFN() -> UInt64 {
        guard let range = model.held.randomElement(using: &random), !chance(1, in: 20) else {
            return random.next() % 0x10_0000
        }
        return UInt64.random(in: range.lo...min(range.hi, range.lo + 40), using: &random)
    }

    mutating func randomOrder() -> ModelVerb {
        var pages = random.next() % 40 + 1
        if chance(1, in: 3) { pages = random.next() % 4 + 1 }
        if chance(1, in: 20) { pages = 1 << (random.next() % 18) }
        let limits: [UInt64] = [0xffff_ffff, 0xff_ffff, 0x1f_ffff, .max]
        return .allocate(
            ModelVerb.Order(
                pages: pages, level: ModelVerb.Level.allCases.randomElement(using: &random)!,
                limit: limits.randomElement(using: &random)!, isAligned: chance(2, in: 3),
                isPCI: chance(2, in: 3)))
    }

    /// Near something that is held, so that it grows.
    mutating func randomReservation(in model: DomainModel) -> (lo: UInt64, hi: UInt64) {
        guard let range = model.held.randomElement(using: &random) else { return (0x1000, 0x1003) }
        let lo = range.lo - min(range.lo, random.next() % 6)
        return (lo, max(lo, min(range.hi, range.lo + 8) + random.next() % 3))
    }

    mutating func randomVerb(in model: DomainModel) -> ModelVerb {
        switch random.next() % 12 {
        case 0..<8: return randomOrder()
        case 8, 9:
            let (lo, hi) = randomReservation(in: model)
            return .reserve(lo: lo, hi: hi, grows: chance(3, in: 4))
        case 10: return .doorbell(physical: (random.next() % 12 + 1) << 12, isPCI: chance(1, in: 2))
        default: return .trim
        }
    }

    static func addresses(_ range: PageFrameRange) -> (start: String, last: String) {
        (HexLiteral.text(range.lo << 12), HexLiteral.text(range.hi << 12 | 0xfff))
    }

    /// Where a verb is sent by itself, and the members of its body; nil for one that is only in batches.
    static func request(_ verb: ModelVerb) -> (path: String, members: String)? {
        switch verb {
        case .allocate: ("/iovas", members(of: verb))
        case .reserve: ("/reserved-regions", members(of: verb))
        case .doorbell: ("/doorbells", members(of: verb))
        case .free, .trim: nil
        }
    }

    /// The members of a batch's operation.
    static func operation(_ verb: ModelVerb) -> String {
        let name =
            switch verb {
            case .allocate: "allocate"
            case .free: "free"
            case .reserve: "reserve"
            case .doorbell: "map_doorbell"
            case .trim: "trim"
            }
        let members = members(of: verb)
        return #""op":"\#(name)""# + (members.isEmpty ? "" : "," + members)
    }

    private static func members(of verb: ModelVerb) -> String {
        switch verb {
        case .allocate(let order):
            let size = #""size":"\#(HexLiteral.text(order.pages << 12))","#
            let limit = HexLiteral.text(order.limit)
            switch order.level {
            case .tree: return size + #""limit":"\#(limit)","size_aligned":\#(order.isAligned)"#
            case .cached: return size + #""limit":"\#(limit)","cached":true"#
            case .dma: return size + #""dma_mask":"\#(limit)","pci":\#(order.isPCI)"#
            }
        case .free(let pfn): return #""iova":"\#(HexLiteral.text(pfn << 12))""#
        case .reserve(let lo, let hi, let grows):
            let range = addresses(PageFrameRange(lo: lo, hi: hi))
            return #""start":"\#(range.start)","last":"\#(range.last)","grow":\#(grows)"#
        case .doorbell(let physical, let isPCI):
            return #""physical":"\#(HexLiteral.text(physical | 0x40))","pci":\#(isPCI)"#
        case .trim: return ""
        }
    }
}
