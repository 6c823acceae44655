// One line of the benchmark: a workload at one size, product and reference side by side.

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
