// What the allocator promises, compared with what was just measured.

/// A promise and whether this run kept it.
struct BenchTarget {
    var name: String
    var isMet: Bool
    var detail: String

    /// The promises that the run has figures for.
    static func judge(_ runner: BenchRunner) -> [BenchTarget] {
        [
            checks(runner), worstRequest(runner), growth(runner), churnRandom(runner), commonCases(runner),
            reservations(runner), memory(runner),
        ].compactMap { $0 }
    }

    private static func text(_ nanoseconds: Double) -> String { BenchTable.number(nanoseconds) + " ns" }

    private static func checks(_ runner: BenchRunner) -> BenchTarget? {
        guard !runner.rows.isEmpty else { return nil }
        let wrong = runner.rows.filter { !$0.isRight }
        let published = runner.rows.filter { $0.publishedCheck != nil }.count
        let names = wrong.map { "\($0.workload.rawValue) at \($0.size)" }.joined(separator: ", ")
        return BenchTarget(
            name: "results equal the reference's and the \(published) published checks", isMet: wrong.isEmpty,
            detail: wrong.isEmpty ? "\(runner.rows.count) rows" : names)
    }

    private static func worstRequest(_ runner: BenchRunner) -> BenchTarget? {
        let rows = runner.rows.filter { $0.workload.isOneRequest && $0.size <= 400_000 }
        guard let worst = rows.max(by: { $0.product.median < $1.product.median }) else { return nil }
        return BenchTarget(
            name: "one bad request below 2 us at every N up to 400,000", isMet: worst.product.median < 2_000,
            detail: "at most \(text(worst.product.median)), \(worst.workload.rawValue) at \(worst.size)")
    }

    private static func growth(_ runner: BenchRunner) -> BenchTarget? {
        guard let worst = runner.growth.max(by: { $0.product < $1.product }) else { return nil }
        // log N alone looks like N^0.1 between a thousand and a million; caches add to it.
        return BenchTarget(
            name: "one bad request grows no faster than N^0.25", isMet: worst.product <= 0.25,
            detail: "at most N^\(BenchTable.number(worst.product, places: 2)), \(worst.workload.rawValue)")
    }

    private static func churnRandom(_ runner: BenchRunner) -> BenchTarget? {
        guard let row = runner.rows.first(where: { $0.workload == .churnTreeRandom && $0.size == 100_000 })
        else { return nil }
        return BenchTarget(
            name: "random churn at 100,000 at least 20 times faster than the walk", isMet: row.ratio >= 20,
            detail: "\(BenchTable.number(row.ratio)) times")
    }

    /// What a walk is best at: one step down finds a hole, or a magazine has one.
    private static func commonCases(_ runner: BenchRunner) -> BenchTarget? {
        let common: [Workload] = [.churnTreeFIFO, .churnTreeLIFO, .churnCached]
        let rows = runner.rows.filter { common.contains($0.workload) && [1_000, 10_000].contains($0.size) }
        guard let worst = rows.min(by: { $0.ratio < $1.ratio }) else { return nil }
        return BenchTarget(
            name: "FIFO, LIFO and cached churn at 1,000 and 10,000 no slower than the walk",
            isMet: rows.allSatisfy { $0.product.median <= $0.reference.median },
            detail: "at least \(BenchTable.number(worst.ratio, places: 2)) times as fast, "
                + "\(worst.workload.rawValue) at \(worst.size)")
    }

    private static func reservations(_ runner: BenchRunner) -> BenchTarget? {
        guard let row = runner.rows.first(where: { $0.workload == .reserve && $0.size == 10_000 }) else {
            return nil
        }
        let milliseconds = row.product.median * Double(row.size) / 1_000_000
        return BenchTarget(
            name: "10,000 random reservations in under 20 ms", isMet: milliseconds < 20,
            detail: "\(BenchTable.number(milliseconds, places: 2)) ms")
    }

    private static func memory(_ runner: BenchRunner) -> BenchTarget? {
        guard let row = runner.memory.first(where: { $0.size == 1_000_000 }) else { return nil }
        let most = max(row.use.filled, row.use.churned)
        return BenchTarget(
            name: "at most 40 bytes a live range at 1,000,000", isMet: most <= 40,
            detail: "at most \(BenchTable.number(most)) bytes")
    }
}
