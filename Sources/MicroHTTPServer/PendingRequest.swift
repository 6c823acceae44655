// A request on its way in: a state machine whose methods say what to do next and do nothing themselves,
// so that it is tested without a socket. One belongs to one connection and is called by its thread only.

public import HTTPMessages

/// Assembles one request.
public final class PendingRequest {
    /// What the caller does next.
    public enum Action {
        /// Wait for the body or its next piece.
        case proceed
        /// Send this; read no more.
        case answer(Response)
        /// Give the connection up: nothing can be sent now.
        case abandon
    }

    private enum State {
        case awaitingHead
        case readingBody(limitBytes: Int)
        /// The body is refused; what still comes is thrown away.
        case discarding(Responder.Refusal)
        case answered
    }

    public let rawTarget: [UInt8]
    public private(set) var head: RequestHead?
    private var body: [UInt8] = []
    private var state = State.awaitingHead
    private var discardedBytes = 0
    private var startedSeconds = 0

    /// Bytes of a refused body that are read and thrown away before the connection is given up: a client
    /// that is still sending would otherwise not see the answer.
    static let discardBytesMax = 1 << 20

    public init(rawTarget: [UInt8]) { self.rawTarget = rawTarget }

    /// Bytes of the body so far.
    public var bodyBytes: Int { body.count }

    /// The head is complete. `now` is in seconds of a monotonic clock.
    /// A request that begins while the server drains is refused; one that began before is answered.
    public func begin(
        _ head: RequestHead, needsHost: Bool, isDraining: Bool, now: Int, responder: Responder
    ) -> Action {
        self.head = head
        startedSeconds = now
        if isDraining { return answer(responder.refuse(.shuttingDown, head)) }
        if let ambiguity = Framing.ambiguity(of: head.headers, needsHost: needsHost) {
            return answer(responder.refuse(.ambiguousFraming(ambiguity), head))
        }
        switch responder.admit(head) {
        case .refuse(let response): return answer(response)
        case .read(let limitBytes):
            if let declared = Framing.declaredLength(of: head.headers) {
                guard declared <= UInt64(limitBytes) else {
                    return answer(responder.refuse(.bodyTooLarge(limitBytes: limitBytes), head))
                }
                body.reserveCapacity(Int(declared))
            }
            state = .readingBody(limitBytes: limitBytes)
            return .proceed
        }
    }

    /// A piece of the body has come.
    public func receive(_ piece: UnsafeRawBufferPointer, now: Int, secondsMax: Int) -> Action {
        switch state {
        case .readingBody(let limitBytes):
            if now - startedSeconds > secondsMax {
                return discard(.tooSlow(seconds: secondsMax), piece.count)
            }
            guard piece.count <= limitBytes - body.count else {
                return discard(.bodyTooLarge(limitBytes: limitBytes), piece.count)
            }
            body.append(contentsOf: piece)
            return .proceed
        case .discarding(let refusal):
            if now - startedSeconds > secondsMax { return .abandon }
            return discard(refusal, piece.count)
        case .awaitingHead, .answered:
            return .abandon
        }
    }

    private func discard(_ refusal: Responder.Refusal, _ count: Int) -> Action {
        body = []
        state = .discarding(refusal)
        discardedBytes += count
        return discardedBytes > Self.discardBytesMax ? .abandon : .proceed
    }

    /// The body is complete.
    public func finish(responder: Responder) -> Action {
        guard let head else { preconditionFailure("a request finished before it began") }
        switch state {
        case .readingBody:
            let request = Request(head: head, body: body)
            body = []
            return answer(responder.respond(request))
        case .discarding(let refusal): return answer(responder.refuse(refusal, head))
        case .awaitingHead, .answered: return .abandon
        }
    }

    private func answer(_ response: Response) -> Action {
        state = .answered
        return .answer(response)
    }
}
