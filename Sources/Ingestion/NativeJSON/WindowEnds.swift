// The two sides of a window: addresses on the bus and on the CPU's side, and what both are long.

import JSON

/// `bus`, `cpu` (the same unless given) and `size`, at least 1; neither side passes 2^64.
struct WindowEnds {
    let bus: UInt64
    let cpu: UInt64
    let size: UInt64

    /// nil when a member is missing or wrong, which is in `problems` then.
    init?(_ reader: inout ObjectReader, _ problems: ProblemList) {
        let bus = reader.required("bus")?.u64(problems)
        let cpu = reader.optional("cpu").map { $0.u64(problems) } ?? bus
        let sizeNode = reader.required("size")
        guard let sizeNode, let size = sizeNode.u64(problems) else { return nil }
        guard size > 0 else {
            problems.add(sizeNode.pointer, "zero-size", "A window has at least one byte.")
            return nil
        }
        guard let bus, let cpu else { return nil }
        guard !bus.addingReportingOverflow(size - 1).overflow, !cpu.addingReportingOverflow(size - 1).overflow
        else {
            problems.add(sizeNode.pointer, "wraps", "The window passes 2^64.")
            return nil
        }
        (self.bus, self.cpu, self.size) = (bus, cpu, size)
    }
}
