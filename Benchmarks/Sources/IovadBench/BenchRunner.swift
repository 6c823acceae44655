// Runs workloads, product and reference in turn block by block, so that a noisy machine hits both alike;
// a row shows the median and the lowest of the blocks.

import Glibc
import IOVAAllocation

struct BenchRunner {
    private let stopwatch = Stopwatch()
    private(set) var rows: [BenchRow] = []
    private(set) var memory: [BenchMemory] = []

    /// Runs one workload at one size; its row or its memory is the last one then.
    mutating func run(_ workload: Workload, _ size: Int) {
        switch workload.family {
        case .churn(let kind): rows.append(churn(workload, kind, size))
        case .oneRequest(let kind): rows.append(oneRequest(workload, kind, size))
        case .reserve: rows.append(reserve(workload, size))
        case .memory:
            memory.append(BenchMemory(size: size, use: MemoryUse.of(IOVADomain.self, count: size)))
        }
    }

    private func churn(_ workload: Workload, _ kind: ChurnKind, _ size: Int) -> BenchRow {
        var product = Churn<IOVADomain>(kind, size: size, stopwatch)
        var reference = Churn<RedBlackDomain>(kind, size: size, stopwatch)
        let length = kind.blockLength(size)
        // Short blocks prove little by themselves, so everything after the fill is in the check.
        let isWhole = length <= 200
        var checks = (product: ResultDigest(), reference: ResultDigest())
        _ = product.run(kind.warmUpLength(size))
        _ = reference.run(kind.warmUpLength(size))
        if isWhole {
            product.feed(&checks.product)
            reference.feed(&checks.reference)
        }
        var spans: (product: [Double], reference: [Double]) = ([], [])
        for block in 0..<ChurnKind.blocks {
            spans.product.append(Double(product.run(length)) / Double(length))
            spans.reference.append(Double(reference.run(length)) / Double(length))
            guard isWhole || block == ChurnKind.blocks - 1 else { continue }
            product.feed(&checks.product)
            reference.feed(&checks.reference)
        }
        return BenchRow(
            workload: workload, size: size, blocks: ChurnKind.blocks, blockLength: length,
            product: Timing(spans.product), reference: Timing(spans.reference),
            productCheck: checks.product.value, referenceCheck: checks.reference.value)
    }

    private func oneRequest(_ workload: Workload, _ kind: OneRequestKind, _ size: Int) -> BenchRow {
        var product = OneRequest<IOVADomain>(kind, size: size, stopwatch)
        var reference = OneRequest<RedBlackDomain>(kind, size: size, stopwatch)
        var spans: (product: [Double], reference: [Double]) = ([], [])
        // In turns of several: after each walk of the reference, the other's domain is out of all caches.
        for start in stride(from: 0, to: OneRequestKind.iterations, by: OneRequestKind.turn) {
            let turn = start..<min(start + OneRequestKind.turn, OneRequestKind.iterations)
            for index in turn { spans.product.append(Double(product.iterate(index))) }
            for index in turn { spans.reference.append(Double(reference.iterate(index))) }
        }
        return BenchRow(
            workload: workload, size: size, blocks: OneRequestKind.iterations, blockLength: 1,
            product: Timing(spans.product), reference: Timing(spans.reference),
            productCheck: product.digest.value, referenceCheck: reference.digest.value)
    }

    private func reserve(_ workload: Workload, _ size: Int) -> BenchRow {
        let ranges = Reservations.shuffled(size)
        var spans: (product: [Double], reference: [Double]) = ([], [])
        var checks: (product: UInt64, reference: UInt64) = (0, 0)
        for _ in 0..<Reservations.repetitions {
            let product = Reservations.run(ranges, on: IOVADomain.self, stopwatch)
            let reference = Reservations.run(ranges, on: RedBlackDomain.self, stopwatch)
            spans.product.append(Double(product.span) / Double(size))
            spans.reference.append(Double(reference.span) / Double(size))
            checks = (product.check, reference.check)
        }
        return BenchRow(
            workload: workload, size: size, blocks: Reservations.repetitions, blockLength: size,
            product: Timing(spans.product), reference: Timing(spans.reference),
            productCheck: checks.product, referenceCheck: checks.reference)
    }

    /// Growth of every one-request workload that was measured at three sizes or more.
    var growth: [BenchGrowth] {
        Workload.allCases.filter(\.isOneRequest).compactMap { workload in
            let measured = rows.filter { $0.workload == workload }
            guard measured.count >= 3 else { return nil }
            return BenchGrowth(
                workload: workload,
                product: Self.exponent(measured.map { (Double($0.size), max($0.product.median, 1)) }),
                reference: Self.exponent(measured.map { (Double($0.size), max($0.reference.median, 1)) }))
        }
    }

    /// The slope of log t over log N.
    private static func exponent(_ points: [(size: Double, time: Double)]) -> Double {
        let xs = points.map { log($0.size) }
        let ys = points.map { log($0.time) }
        let count = Double(points.count)
        let (meanX, meanY) = (xs.reduce(0, +) / count, ys.reduce(0, +) / count)
        var (above, below) = (0.0, 0.0)
        for index in points.indices {
            above += (xs[index] - meanX) * (ys[index] - meanY)
            below += (xs[index] - meanX) * (xs[index] - meanX)
        }
        return below == 0 ? 0 : above / below
    }
}
