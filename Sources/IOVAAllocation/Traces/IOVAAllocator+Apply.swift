// One operation of a trace becomes one call.

extension TraceMistake.Reason: Error {}

extension IOVAAllocator {
    /// Makes the call that `operation` says, the one at `index` of its trace. Nothing changes when it throws.
    public mutating func apply(
        _ operation: TraceOperation, at index: Int, _ names: inout TraceNames
    ) throws(TraceMistake.Reason) -> TraceResult {
        do {
            return try call(operation, at: index, &names)
        } catch let error as IOVAInputError {
            throw .input(error)
        } catch let reason as TraceMistake.Reason {
            throw reason
        } catch {
            preconditionFailure("\(error) is neither")
        }
    }

    private mutating func call(
        _ operation: TraceOperation, at index: Int, _ names: inout TraceNames
    ) throws -> TraceResult {
        switch operation {
        case .reserve(let lo, let hi):
            return try reserve(lo, hi).map { .range($0) } ?? .none
        case .allocate(let size, let limit, let isAligned, let name):
            try names.checkUnused(name)
            let pfn = try allocate(size: size, limit: limit, isAligned: isAligned)
            names.note(name, pfn.map { .init(pfn: $0, size: size, isCached: false) }, at: index)
            return pfn.map { .pfn($0) } ?? .none
        case .allocateFast(let size, let limit, let flushes, let name):
            try names.checkUnused(name)
            let pfn = try allocateFast(size: size, limit: limit, flushes: flushes)
            names.note(name, pfn.map { .init(pfn: $0, size: size, isCached: true) }, at: index)
            return pfn.map { .pfn($0) } ?? .none
        case .free(let name):
            try free(try names.allocation(name).pfn)
            names.noteFree(name, at: index)
        case .freePFN(let pfn):
            try free(pfn)
        case .freeFast(let name):
            let allocation = try names.allocation(name)
            try checkClass(allocation)
            try freeFast(allocation.pfn, size: allocation.size)
            names.noteFree(name, at: index)
        case .tick:
            tick()
        }
        return .none
    }

    /// A range from the tree level has as many pages as were asked for; the cached level would file it
    /// with ranges of the next power of two and hand it out as one of them.
    private func checkClass(_ allocation: TraceNames.Allocation) throws {
        let size = allocation.size
        guard !allocation.isCached, size < 32, size & (size - 1) != 0 else { return }
        let classPages = UInt64(1) << UInt64(UInt64.bitWidth - size.leadingZeroBitCount)
        throw TraceMistake.Reason.smallerThanItsClass(pages: size, classPages: classPages)
    }
}
