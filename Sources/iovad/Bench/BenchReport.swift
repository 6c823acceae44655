// The benchmark's figures as JSON.

import AddressSpaces
import WireJSON

extension JSONWriter {
    mutating func benchMembers(_ runner: BenchRunner) {
        array("rows") { writer in
            for row in runner.rows { writer.row(row) }
        }
        array("growth") { writer in
            for growth in runner.growth {
                writer.object { writer in
                    writer.member("workload", growth.workload.rawValue)
                    writer.member("product_exponent", growth.product, places: 3)
                    writer.member("reference_exponent", growth.reference, places: 3)
                }
            }
        }
        array("memory") { writer in
            for memory in runner.memory {
                writer.object { writer in
                    writer.member("n", memory.size)
                    writer.member("resident_bytes_per_range", memory.use.filled, places: 1)
                    writer.member("churned_bytes_per_range", memory.use.churned, places: 1)
                }
            }
        }
        targets(BenchTarget.judge(runner))
    }

    mutating func targets(_ targets: [BenchTarget]) {
        array("targets") { writer in
            for target in targets {
                writer.object { writer in
                    writer.member("name", target.name)
                    writer.member("met", target.isMet)
                    writer.member("detail", target.detail)
                }
            }
        }
    }

    private mutating func row(_ row: BenchRow) {
        object { writer in
            writer.member("workload", row.workload.rawValue)
            writer.member("n", row.size)
            writer.member("blocks", row.blocks)
            writer.member("operations_per_block", row.blockLength)
            writer.timing("product", row.product, row.productCheck)
            writer.timing("reference", row.reference, row.referenceCheck)
            writer.member("ratio", row.ratio, places: 2)
            if let check = row.publishedCheck { writer.member("published_check", hex: check) }
            writer.member("right", row.isRight)
        }
    }

    private mutating func timing(_ name: String, _ timing: Timing, _ check: UInt64) {
        object(name) { writer in
            writer.member("median_ns", timing.median, places: 1)
            writer.member("lowest_ns", timing.lowest, places: 1)
            writer.member("check", hex: check)
        }
    }
}
