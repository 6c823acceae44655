// Where a VMM puts boot memory: banks that fill one after another. Also answers the reverse: how much RAM
// fits when some addresses cannot be mapped.

public import AddressSpaces

/// The banks of one VMM, lowest first.
public struct RAMBanks: Hashable, Sendable {
    /// One bank.
    public struct Bank: Hashable, Sendable {
        public var base: UInt64
        /// Most bytes when this is the last bank in use.
        public var capacity: UInt64
        /// Bytes that it takes when more follows elsewhere: some VMMs split at whole chunks only.
        public var splitCapacity: UInt64

        init(_ base: UInt64, _ capacity: UInt64 = .max, split: UInt64? = nil) {
            self.base = base
            self.capacity = capacity
            splitCapacity = split ?? capacity
        }
    }

    public var banks: [Bank]

    init(_ banks: Bank...) { self.banks = banks }

    /// Most RAM that the banks hold.
    public var capacity: UInt64 {
        banks.dropLast().reduce(banks.last?.capacity ?? 0) { sum, bank in
            let (total, overflow) = sum.addingReportingOverflow(bank.splitCapacity)
            return overflow ? .max : total
        }
    }

    /// The ranges of `size` bytes of RAM, ascending; at most `capacity` bytes.
    public func ranges(size: UInt64) -> [IOVARange] {
        precondition(size <= capacity, "\(size) bytes of RAM in banks of \(capacity)")
        var left = size
        var ranges: [IOVARange] = []
        for bank in banks where left > 0 {
            let taken = left <= bank.capacity ? left : bank.splitCapacity
            if taken > 0 { ranges.append(IOVARange(proven: bank.base, bank.base + (taken - 1))) }
            left -= taken
        }
        return ranges
    }

    /// RAM as regions named "RAM", or "RAM0", "RAM1", ... where the VMM has several banks.
    func regions(size: UInt64) -> [GuestRegion] {
        ranges(size: size).enumerated().map { index, range in
            GuestRegion(banks.count == 1 ? "RAM" : "RAM\(index)", range, .ram, .always)
        }
    }

    /// The largest RAM of at most `target` bytes whose every byte lies in `allowed`; 0 when none does.
    public func largestFit(in allowed: IOVASet, target: UInt64) -> UInt64 {
        var filled: UInt64 = 0
        var best: UInt64 = 0
        for (index, bank) in banks.enumerated() {
            // Sizes that end in an earlier bank are laid out there, not here.
            let least = index == 0 ? 0 : filled - banks[index - 1].splitCapacity + banks[index - 1].capacity
            if target > least, let room = allowed.range(containing: IOVA(bank.base)) {
                let free = (room.last.value - bank.base).addingReportingOverflow(1)
                let extent = min(bank.capacity, free.overflow ? .max : free.partialValue, target - filled)
                if filled + extent > least { best = max(best, filled + extent) }
            }
            guard target > filled, bank.splitCapacity > 0, index + 1 < banks.count,
                let full = IOVARange(start: IOVA(bank.base), size: bank.splitCapacity),
                allowed.contains(full)
            else { break }
            filled += bank.splitCapacity
        }
        return best
    }
}
