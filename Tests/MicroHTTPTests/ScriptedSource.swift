// A stream source that tests feed piece by piece.

import Glibc
import HTTP
import Locking

/// A source fed by `add`. `@unchecked Sendable`: every `var` is touched only under `lock`.
final class ScriptedSource: StreamSource, @unchecked Sendable {
    private let lock = Lock()
    private var waker: StreamWaker?
    private var pieces: [StreamPiece] = []
    private var asked = 0
    private var restCount = 0
    private var endings: [StreamEnding] = []
    private var finishCount = 0
    /// Given again and again when there is nothing else.
    private let filler: StreamPiece
    private let farewell: [StreamPiece]

    let endsByItself: Bool
    let bytesHeld: Int

    init(
        _ pieces: [StreamPiece] = [], filler: StreamPiece = .nothingYet, farewell: [StreamPiece] = [.end],
        endsByItself: Bool = false, bytesHeld: Int = 0
    ) {
        self.endsByItself = endsByItself
        self.bytesHeld = bytesHeld
        self.pieces = pieces
        self.filler = filler
        self.farewell = farewell
    }

    func add(_ text: String) { add(.bytes(Array(text.utf8))) }

    func add(_ piece: StreamPiece) {
        lock.withLock {
            pieces.append(piece)
            // Under the lock, as a session would.
            waker?.wake()
        }
    }

    func start(waker: StreamWaker) { lock.withLock { self.waker = waker } }

    func next() -> StreamPiece {
        lock.withLock {
            asked += 1
            if !pieces.isEmpty { return pieces.removeFirst() }
            if filler == .nothingYet { restCount += 1 }
            return filler
        }
    }

    func finish() {
        lock.withLock {
            finishCount += 1
            pieces += farewell
        }
    }

    func ended(_ ending: StreamEnding) { lock.withLock { endings.append(ending) } }

    var askedCount: Int { lock.withLock { asked } }
    var rests: Int { lock.withLock { restCount } }
    var finishes: Int { lock.withLock { finishCount } }
    var ending: [StreamEnding] { lock.withLock { endings } }

    /// Waits until the stream has ended; empty after five seconds.
    func waitForEnding() -> [StreamEnding] {
        for _ in 0..<500 where ending.isEmpty { usleep(10_000) }
        return ending
    }

    /// Waits until it was asked `count` times without effect.
    func waitForRests(_ count: Int) -> Bool {
        for _ in 0..<500 where rests < count { usleep(10_000) }
        return rests >= count
    }
}
