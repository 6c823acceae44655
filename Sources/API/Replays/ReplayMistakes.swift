// What is wrong with an operation of a trace, in words: each says what Linux would have done.

import AddressSpaces
package import IOVAAllocation
package import JSON

extension Problem {
    /// A trace that cannot be run; no results are reported, since they would be incomplete.
    init(_ mistake: TraceMistake) {
        self.init(
            .invalidRequest,
            "Operation \(mistake.operation) cannot be run as Linux would run it, so the trace has no results.",
            errors: [mistake.problem])
    }
}

enum ReplayWords {
    static let zeroSize =
        "A size of 0: Linux would insert a range that ends before it starts and may lose it. Send 1 or more pages."

    static func reversedRange(lo: UInt64, hi: UInt64) -> String {
        "lo \(HexLiteral.text(lo)) is above hi \(HexLiteral.text(hi)): Linux would insert it as it "
            + "is, and ranges would overlap later. Swap them."
    }
}

extension TraceMistake {
    /// The mistake as a problem of the body with `operations` under `/ops`.
    package var problem: JSONProblem {
        let (member, code, detail) = words
        let place = "/ops/\(operation)" + (member.isEmpty ? "" : "/\(member)")
        return JSONProblem(pointer: place, code: code, detail: detail)
    }

    private var words: (member: String, code: String, detail: String) {
        switch reason {
        case .unknownName:
            (
                "id", "unknown-id",
                "No operation before this one allocated this id, so there is no address to free."
            )
        case .failedName(let index):
            (
                "id", "unknown-id",
                "The allocation of this id, operation \(index), failed, so there is no address to free."
            )
        case .nameUsedTwice(let index):
            (
                "id", "duplicate-id",
                "Operation \(index) already allocated this id. Linux knows only addresses; give "
                    + "every allocation its own id."
            )
        case .freedTwice(let index):
            (
                "id", "unknown-id",
                "Operation \(index) freed this id already. Linux would free whatever holds that "
                    + "address now, or nothing; to do that, use \"free_pfn\"."
            )
        case .smallerThanItsClass(let pages, let classPages):
            (
                "id", "wrong-size-class",
                "A tree-level range of \(pages) pages: Linux would cache it among ranges of "
                    + "\(classPages) pages and hand out pages that are not its own. Free it with "
                    + "\"free\", or allocate it with \"alloc_fast\"."
            )
        case .input(let error): Self.words(error)
        }
    }

    private static func words(_ error: IOVAInputError) -> (member: String, code: String, detail: String) {
        switch error {
        case .zeroSize: ("size", "zero-size", ReplayWords.zeroSize)
        case .sizeBeyondAlignment(let size):
            (
                "size", "too-large",
                "An aligned size of \(HexLiteral.text(size)) pages: Linux would shift a 64-bit mask "
                    + "by 64, which C leaves undefined. Send at most 0x8000000000000000."
            )
        case .reversedRange(let lo, let hi):
            ("lo", "reversed-range", ReplayWords.reversedRange(lo: lo, hi: hi))
        case .freesSentinel:
            (
                "pfn", "frees-sentinel",
                "0xffffffffffffffff is the allocator's own top entry: Linux would remove it and the "
                    + "domain would be broken."
            )
        case .growsSentinel(let lo):
            (
                "hi", "grows-sentinel",
                "Linux would grow its own top entry down to \(HexLiteral.text(lo)) and later free "
                    + "memory that it never allocated. End below 0xffffffffffffffff."
            )
        }
    }
}
