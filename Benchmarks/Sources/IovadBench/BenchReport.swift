// The figures of the allocator's benchmark as JSON.

extension BenchRunner {
    var json: [(name: String, value: JSONText)] {
        [
            ("rows", .array(rows.map(\.json))),
            ("growth", .array(growth.map(\.json))),
            ("memory", .array(memory.map(\.json))),
            ("targets", .array(BenchTarget.judge(self).map(\.json))),
        ]
    }
}

extension BenchTarget {
    var json: JSONText {
        .object([("name", .string(name)), ("met", .bool(isMet)), ("detail", .string(detail))])
    }
}

extension BenchRow {
    fileprivate var json: JSONText {
        var members: [(name: String, value: JSONText)] = [
            ("workload", .string(workload.rawValue)), ("n", .int(size)), ("blocks", .int(blocks)),
            ("operations_per_block", .int(blockLength)),
            ("product", product.json(check: productCheck)),
            ("reference", reference.json(check: referenceCheck)),
            ("ratio", .decimal(ratio, places: 2)),
        ]
        if let publishedCheck { members.append(("published_check", .hex(publishedCheck))) }
        return .object(members + [("right", .bool(isRight))])
    }
}

extension Timing {
    fileprivate func json(check: UInt64) -> JSONText {
        .object([
            ("median_ns", .decimal(median, places: 1)), ("lowest_ns", .decimal(lowest, places: 1)),
            ("check", .hex(check)),
        ])
    }
}

extension BenchGrowth {
    fileprivate var json: JSONText {
        .object([
            ("workload", .string(workload.rawValue)), ("product_exponent", .decimal(product, places: 3)),
            ("reference_exponent", .decimal(reference, places: 3)),
        ])
    }
}

extension BenchMemory {
    fileprivate var json: JSONText {
        .object([
            ("n", .int(size)), ("resident_bytes_per_range", .decimal(use.filled, places: 1)),
            ("churned_bytes_per_range", .decimal(use.churned, places: 1)),
        ])
    }
}
