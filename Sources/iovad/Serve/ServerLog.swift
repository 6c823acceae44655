// What the server says on standard error: a bounded queue, and one thread that writes. Whoever reads the
// other end may stop doing so, and then nothing but that thread waits: lines that find no room are counted,
// and the log says how many are missing where they are. So are lines that cannot be written, because a disk
// is full or the reader has gone.

import Glibc
import Locking

/// Lines that wait to be written. A value that knows no thread.
struct WaitingLines {
    /// What may wait. A line of the access log has about 120 bytes.
    static let bytesMax = 1 << 20
    /// Written at once: what a pipe takes whole (PIPE_BUF), so that lines of several processes do not mix.
    private static let pieceBytes = 4_096
    /// Written lines that are kept until they are thrown away together, since each time moves the others.
    static let writtenMax = 1_024

    private var lines: [[UInt8]] = []
    /// Lines before this one are written.
    private var next = 0
    private(set) var bytes = 0
    private var isWriting = false
    /// Since the start, and how many of them were told.
    private(set) var dropped: UInt64 = 0
    private var told: UInt64 = 0
    /// Whether the last piece could not be written whole; then gaps are told with the next one that can.
    private var isFailing = false
    /// Whether it ended in the middle of a line.
    private var isTorn = false
    /// Bytes at the start of the piece that is being written that report a gap, and what was told before.
    private var gapBytes = 0
    private var toldBefore: UInt64 = 0

    /// Lines in memory, some of them written.
    var heldCount: Int { lines.count }
    /// Lines that are not written.
    var waitingCount: Int { lines.count - next }
    var isDone: Bool { waitingCount == 0 && !isWriting }

    mutating func add(_ line: [UInt8]) {
        guard bytes + line.count <= Self.bytesMax else {
            dropped += 1
            return
        }
        if dropped > told, !isFailing { append(gap()) }
        append(line)
    }

    private mutating func append(_ line: [UInt8]) {
        lines.append(line)
        bytes += line.count
    }

    /// A line in place of those that were dropped since the last such line.
    private mutating func gap() -> [UInt8] {
        let count = dropped - told
        told = dropped
        let reason = isFailing ? "they could not be written" : "nobody read them"
        return Array("\(count) \(count == 1 ? "line was" : "lines were") dropped: \(reason)\n".utf8)
    }

    /// Whole lines for one write; nil when nothing waits.
    mutating func piece() -> [UInt8]? {
        var piece: [UInt8] = []
        toldBefore = told
        if isFailing {
            guard next < lines.count else { return done() }
            if isTorn { piece.append(0x0a) }
            if dropped > told { piece += gap() }
        } else if next == lines.count, dropped > told {
            append(gap())
        }
        gapBytes = piece.count
        while next < lines.count,
            piece.count == gapBytes || piece.count + lines[next].count <= Self.pieceBytes
        {
            piece += lines[next]
            bytes -= lines[next].count
            next += 1
        }
        // A reader that is only slow never lets the list become empty.
        if next == lines.count || next >= Self.writtenMax {
            lines.removeFirst(next)
            next = 0
        }
        isWriting = !piece.isEmpty
        return piece.isEmpty ? nil : piece
    }

    private mutating func done() -> [UInt8]? {
        isWriting = false
        return nil
    }

    /// So many bytes of the piece were written, and no more can be.
    mutating func wrote(_ count: Int, of piece: [UInt8]) {
        isFailing = count < piece.count
        guard isFailing else {
            isTorn = false
            return
        }
        if count > 0 { isTorn = piece[count - 1] != 0x0a }
        if count < gapBytes { told = toldBefore }
        dropped += UInt64(piece[max(count, gapBytes)...].count { $0 == 0x0a })
    }
}

/// Lines on their way to standard error.
final class ServerLog: Sendable {
    /// How long the end of the process waits for a reader.
    static let flushMilliseconds: Int64 = 500

    private let state: Locked<WaitingLines>
    private let writer: WorkerThreads
    private let format: AccessLog

    /// - Parameter format: what messages look like beside the lines of the access log.
    init(_ format: AccessLog) throws {
        self.format = format
        let state = Locked(WaitingLines())
        self.state = state
        writer = WorkerThreads(count: 1, niceness: 0) {
            while let piece = state.withLock({ $0.piece() }) {
                let count = Self.write(piece)
                state.withLock { $0.wrote(count, of: piece) }
            }
        }
        guard writer.count > 0 else { throw NoThread() }
    }

    /// Lines that were never written, since the start.
    var droppedCount: UInt64 { state.withLock { $0.dropped } }

    /// A message of the server. Never waits for a reader.
    func say(_ message: String) { write(format.message(message)) }

    /// A line as it is. Never waits for a reader.
    func write(_ line: String) {
        state.withLock { $0.add(Array((line + "\n").utf8)) }
        writer.wakeOne()
    }

    /// Waits until everything is written, or for a while. To be called when nothing more will be said; the
    /// thread is left to the end of the process, since nothing ends a write that nobody reads.
    func flush() {
        let start = MonotonicClock.milliseconds()
        while !state.withLock({ $0.isDone }), MonotonicClock.milliseconds() - start < Self.flushMilliseconds {
            usleep(1_000)
        }
    }

    /// Waits for as long as the reader takes. Returns how many bytes were written: what cannot be is gone.
    private static func write(_ piece: [UInt8]) -> Int {
        piece.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let count = Glibc.write(STDERR_FILENO, bytes.baseAddress! + done, bytes.count - done)
                if count > 0 {
                    done += count
                } else if errno == EAGAIN {
                    // Somebody else made the descriptor one that does not wait.
                    var descriptor = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&descriptor, 1, -1)
                } else if errno != EINTR {
                    return done
                }
            }
            return done
        }
    }
}
