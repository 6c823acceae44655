// The benchmark's figures as a table for people.

import AddressSpaces

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
