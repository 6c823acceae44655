// The wire's ranges: {"start", "last"} or {"start", "size"}, both inclusive in meaning.

extension ObjectReader {
    /// Start and last address of a range whose members stand in this object. Reports a missing end, both
    /// ends, a range that runs backwards, no bytes, and a wrap past 2^64-1.
    public mutating func range() -> (start: UInt64, last: UInt64)? {
        let startNode = required("start")
        let start = startNode?.u64(problems)
        let lastNode = optional("last")
        let sizeNode = optional("size")
        let last = lastNode?.u64(problems)
        let size = sizeNode?.u64(problems)
        switch (lastNode, sizeNode) {
        case (.some, .some(let node)):
            problems.add(node.pointer, "conflict", "Send \"last\" or \"size\", not both.")
            return nil
        case (nil, nil):
            problems.add(pointer("last"), "required", "Send \"last\" (inclusive) or \"size\".")
            return nil
        case (.some(let node), nil):
            guard let start, let last else { return nil }
            guard start <= last else {
                problems.add(node.pointer, "backwards", "\"last\" is below \"start\"; \"last\" is inclusive.")
                return nil
            }
            return (start, last)
        case (nil, .some(let node)):
            guard let start, let size else { return nil }
            guard size > 0 else {
                problems.add(node.pointer, "zero-size", "A range has at least one byte.")
                return nil
            }
            let (last, wraps) = start.addingReportingOverflow(size - 1)
            guard !wraps else {
                problems.add(node.pointer, "wraps", "\"start\" + \"size\" passes 2^64.")
                return nil
            }
            return (start, last)
        }
    }
}
