// The figures of the allocator's benchmark, and how they are printed: as a table for people and as JSON. A
// row is a workload at one size, product and reference side by side.

import AddressSpaces

/// Nanoseconds of several blocks or single requests.
struct Timing {
    var lowest: Double
    var median: Double

    /// Of at least one measurement.
    init(_ spans: [Double]) {
        let sorted = spans.sorted()
        lowest = sorted[0]
        median = sorted[sorted.count / 2]
    }
}

struct BenchRow {
    var workload: Workload
    var size: Int
    /// Timed blocks of so many operations each; a single request is a block of one.
    var blocks: Int
    var blockLength: Int
    var product: Timing
    var reference: Timing
    var productCheck: UInt64
    var referenceCheck: UInt64

    var publishedCheck: UInt64? { workload.publishedCheck(size) }

    /// Both implementations returned the same, and what was published.
    var isRight: Bool {
        productCheck == referenceCheck && (publishedCheck ?? productCheck) == productCheck
    }

    /// How many times faster than the reference, by the medians. One nanosecond is what the clock tells
    /// apart, so nothing counts as faster than that.
    var ratio: Double { reference.median / max(product.median, 1) }
}

/// How the time of one request grows with N.
struct BenchGrowth {
    var workload: Workload
    /// t ~ N^exponent, fitted by least squares over the logarithms of the medians.
    var product: Double
    var reference: Double
}

struct BenchMemory {
    var size: Int
    var use: MemoryUse
}

// The benchmark's figures as a table for people.

enum BenchTable {
    private static let columns = [-26, 9, 11, 11, 12, 12, 9, 20]

    static var head: String {
        line([
            "workload", "N", "ns", "lowest", "walk ns", "lowest", "ratio", "check",
        ])
    }

    static func line(_ row: BenchRow) -> String {
        let mark =
            row.isRight ? (row.publishedCheck == nil ? "" : " =") : " WRONG"
        return line([
            row.workload.rawValue, String(row.size), number(row.product.median), number(row.product.lowest),
            number(row.reference.median), number(row.reference.lowest), number(row.ratio),
            String(HexLiteral.padded(row.productCheck).dropFirst(2)) + mark,
        ])
    }

    static func line(_ memory: BenchMemory) -> String {
        "memory at \(memory.size) ranges, growth of the resident set a range: "
            + "\(number(memory.use.filled)) bytes filled, \(number(memory.use.churned)) after churn"
    }

    static func line(_ growth: BenchGrowth) -> String {
        "growth of \(growth.workload.rawValue): N^\(number(growth.product, places: 2)), "
            + "walk N^\(number(growth.reference, places: 2))"
    }

    static func line(_ target: BenchTarget) -> String {
        "\(target.isMet ? "met   " : "MISSED") \(target.name): \(target.detail)"
    }

    static func number(_ value: Double, places: Int = 1) -> String {
        JSONText.decimal(value, places: places) ?? "-"
    }

    private static func line(_ cells: [String]) -> String {
        zip(cells, columns).map { cell, width in
            let blanks = String(repeating: " ", count: max(0, abs(width) - cell.count))
            return width < 0 ? cell + blanks : blanks + cell
        }.joined(separator: " ")
    }
}

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
