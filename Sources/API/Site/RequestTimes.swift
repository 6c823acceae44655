// How long requests took, by operation, as a histogram for the metrics. The server in front says each time
// when the answer was sent, or ready where it is small, so that waiting for the lane is in it, and sending
// what is large; what lies before the request line (the client's sending, the kernel's way) is not. Bounded
// by operations times buckets.

import HTTP
import Locking

/// Histograms that only grow, from the start of the server.
final class RequestTimes: Sendable {
    /// Of one operation: how many took at most so long and longer than the bound before, the last without a
    /// bound.
    private struct Row {
        var counts = [UInt64](repeating: 0, count: boundsMicroseconds.count + 1)
        var sumMicroseconds: UInt64 = 0
    }

    /// Buckets in each doubling. Clients compare percentiles with their own to a tenth: with wider buckets a
    /// narrow peak at a bound would move a percentile by more than that.
    private static let bucketsPerDoubling: UInt64 = 4
    private static let firstBoundMicroseconds: UInt64 = 4
    /// Up to 16.8 s: the CPU time of the dearest request is 10 s.
    private static let doublings = 22

    /// In each doubling at equal distances.
    static let boundsMicroseconds: [UInt64] = {
        var bounds: [UInt64] = [firstBoundMicroseconds]
        for doubling in 0..<doublings {
            let start = firstBoundMicroseconds << UInt64(doubling)
            for step in 1...bucketsPerDoubling { bounds.append(start + start * step / bucketsPerDoubling) }
        }
        return bounds
    }()

    private let rows = Locked([String: Row]())

    func add(_ operation: String, microseconds: Int64) {
        let time = UInt64(max(microseconds, 0))
        let place = Self.bucket(of: time)
        rows.withLock { rows in
            Self.add(time, at: place, to: &rows[operation, default: Row()])
        }
    }

    private static func add(_ time: UInt64, at place: Int, to row: inout Row) {
        row.counts[place] &+= 1
        row.sumMicroseconds &+= time
    }

    /// The first bucket whose bound the time does not pass.
    static func bucket(of microseconds: UInt64) -> Int {
        var (low, high) = (0, boundsMicroseconds.count)
        while low < high {
            let middle = (low + high) / 2
            if boundsMicroseconds[middle] < microseconds { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The histogram in Prometheus' text format, operation by operation as it is read.
    var text: any StreamSource { RequestTimesText(self, rows.withLock { $0.keys.sorted() }) }

    static let head = """
        # HELP \(name) From the request line to the end of the answer (a small one: until it is ready).
        # TYPE \(name) histogram

        """

    /// Every bucket of one operation. By pieces: the lines of all operations are thousands.
    func lines(of operation: String) -> String {
        guard let row = rows.withLock({ $0[operation] }) else { return "" }
        var text = ""
        text.reserveCapacity((Self.boundTexts.count + 2) * Self.lineBytes)
        let start = "\(Self.name)_bucket{operation=\"\(operation)\",le=\""
        var sum: UInt64 = 0
        for (count, bound) in zip(row.counts, Self.boundTexts) {
            sum += count
            text += start
            text += bound
            text += String(sum)
            text += "\n"
        }
        let label = "{operation=\"\(operation)\"}"
        text += "\(Self.name)_sum\(label) \(Self.seconds(row.sumMicroseconds))\n"
        text += "\(Self.name)_count\(label) \(sum)\n"
        return text
    }

    private static let name = "iovad_request_seconds"
    /// Of one line, roughly.
    private static let lineBytes = 96
    /// With what stands behind them in a line.
    private static let boundTexts = (boundsMicroseconds.map(seconds) + ["+Inf"]).map { $0 + "\"} " }

    /// Microseconds as seconds, exactly.
    static func seconds(_ microseconds: UInt64) -> String {
        let (whole, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        // The leading one keeps the zeros behind it.
        return "\(whole)." + "\(1_000_000 + rest)".dropFirst()
    }
}

/// Pieces of the metrics that are made when the client takes them: all at once they would be hundreds of
/// kilobytes, for which there may be no room just when somebody wants to see why. `@unchecked Sendable`: only
/// `next` touches `place`, on one thread at a time.
private final class RequestTimesText: StreamSource, @unchecked Sendable {
    private let times: RequestTimes
    private let operations: [String]
    private var place = 0

    init(_ times: RequestTimes, _ operations: [String]) {
        self.times = times
        self.operations = operations
    }

    var endsByItself: Bool { true }
    /// Names; nothing that grows.
    var bytesHeld: Int { 0 }

    func start(waker: StreamWaker) {}

    func next() -> StreamPiece {
        guard place < operations.count else { return .end }
        defer { place += 1 }
        return .bytes(Array(times.lines(of: operations[place]).utf8))
    }

    func finish() {}

    func ended(_ ending: StreamEnding) {}
}
