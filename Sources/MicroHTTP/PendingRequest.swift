// One request from its request line to its answer, as a state machine that knows no socket: each event
// returns what to do. It exists because libmicrohttpd delivers a request in pieces and allows an answer only
// at the first and at the last of them.

import HTTP

/// A request on its way. Used by one server thread at a time (libmicrohttpd keeps a connection on one).
class PendingRequest {
    enum Action {
        /// Nothing to answer yet.
        case proceed
        case answer(Response, closing: Bool)
        /// Answer past libmicrohttpd, which may have no memory left for it, and end the connection.
        case answerDirectly(Response)
        /// Compute the answer on this lane, then call `computed`.
        case compute(body: [UInt8], on: Responder.Lane, Responder.Answer)
        /// End the connection without an answer: the only thing possible in the middle of a body.
        case abandon
    }

    private enum State {
        case targetSeen
        case reading(limitBytes: Int, Responder.Lane, Responder.Answer)
        /// The body went over the limit, or found no more room; what still comes is counted and dropped.
        case draining(Responder.Refusal, droppedBytes: Int)
        /// Refused on the head, without a body to skip: answered at the end, so that the connection stays
        /// open.
        case refused(Response)
        /// On a lane of its own.
        case computing
        case answered
    }

    final let responder: Responder
    final let limits: ServerLimits
    final let startedMicroseconds: Int64
    private final let budget: FlightBudget
    /// Made when there is something to count, as there is not for most.
    private final var madeHold: FlightBudget.Hold?
    /// Complete as soon as `begin` was called; before, only target and peer are known.
    final var head: RequestHead { wholeHead ?? head(.other(""), HeaderFields()) }
    private final var wholeHead: RequestHead?
    private final let rawTarget: [UInt8]
    private final let peer: String
    private final let client: String
    private(set) final var hasBegun = false
    private(set) final var bodyBytesReceived = 0
    private final var body: [UInt8] = []
    /// How far the body may grow before it needs more room.
    private final var bodyRoomBytes: Int
    /// What follows a chunked body is not read: libmicrohttpd takes a bare LF within chunks, and a line `:x`
    /// for the end of the trailers, where others go on.
    private final var endsConnection = false
    private final var state = State.targetSeen

    init(
        rawTarget: [UInt8], peer: String, client: String? = nil, responder: Responder, limits: ServerLimits,
        startedMicroseconds: Int64, budget: FlightBudget = FlightBudget()
    ) {
        self.rawTarget = rawTarget
        self.peer = peer
        self.client = client ?? RequestHead.client(ofPeer: peer)
        self.responder = responder
        self.limits = limits
        self.startedMicroseconds = startedMicroseconds
        self.budget = budget
        bodyRoomBytes = budget.bounds.lightBytesMax
    }

    /// The bytes of body that are held; never more than the admitted limit.
    final var storedByteCount: Int { body.count }

    /// What its body, and then its answer, take of the memory for all requests.
    final var hold: FlightBudget.Hold {
        if let madeHold { return madeHold }
        let made = FlightBudget.Hold(budget, client: client)
        madeHold = made
        return made
    }

    /// `hold.take`, without a hold for what is light.
    private final func finds(_ bytes: Int, for kind: FlightBudget.Kind) -> Bool {
        guard madeHold != nil || bytes > budget.bounds.lightBytesMax else { return true }
        return hold.take(kind, bytes: bytes)
    }

    private final func head(_ method: Method, _ headers: HeaderFields) -> RequestHead {
        RequestHead(method: method, rawTarget: rawTarget, headers: headers, peer: peer, client: client)
    }

    /// Gives back what it holds.
    final func releaseHold() { madeHold?.release() }

    /// The head is complete. `headFault` is what is wrong with its form.
    final func begin(
        method: Method, version: String, headers: HeaderFields, isShuttingDown: Bool,
        headFault: String? = nil, headMemoryBytes: Int = 0
    ) -> Action {
        precondition(!hasBegun, "a request began twice")
        hasBegun = true
        let head = head(method, headers)
        wholeHead = head
        guard headMemoryBytes <= limits.headBytesMax else { return .answerDirectly(headTooLarge()) }
        if let what = headFault ?? FramingCheck.requestLine(method, head.rawTarget) {
            return answer(responder.refuse(.ambiguousFraming(what), head), closing: true)
        }
        let declared: DeclaredBody
        switch FramingCheck.judge(headers, version: version) {
        case .ambiguous(let what):
            return answer(responder.refuse(.ambiguousFraming(what), head), closing: true)
        case .fine(let body): declared = body
        }
        endsConnection = declared == .chunked
        guard !isShuttingDown else { return answer(responder.refuse(.shuttingDown, head), closing: true) }
        switch responder.admit(head) {
        case .refuse(let response):
            // libmicrohttpd closes after an answer at this point; without a body there is no need to.
            guard declared == .none else { return answer(response, closing: true) }
            state = .refused(response)
        case .read(let limit, let lane, let answer):
            let limit = max(0, limit)
            if case .counted(let count) = declared {
                guard count <= UInt64(limit) else {
                    return self.answer(
                        responder.refuse(.bodyTooLarge(limitBytes: limit), head), closing: true)
                }
                guard finds(Int(count), for: .body) else {
                    return self.answer(responder.refuse(Self.noRoom, head), closing: true)
                }
                bodyRoomBytes = Int(count)
                body.reserveCapacity(bodyRoomBytes)
            }
            state = .reading(limitBytes: limit, lane, answer)
        }
        return .proceed
    }

    /// Some of the body arrived. Never answers: libmicrohttpd forbids it here.
    final func receive(_ bytes: UnsafeRawBufferPointer) -> Action {
        bodyBytesReceived += bytes.count
        switch state {
        case .reading(let limit, _, _):
            // `limit - body.count` cannot be negative, so no client's number is ever added to anything.
            if bytes.count > limit - body.count {
                drain(.bodyTooLarge(limitBytes: limit), dropping: bytes.count)
            } else if findsRoom(for: body.count + bytes.count, limit) {
                body.append(contentsOf: bytes)
            } else {
                drain(Self.noRoom, dropping: bytes.count)
            }
            return .proceed
        case .draining(let refusal, let dropped):
            guard bytes.count <= limits.maximumDrainedBytes - dropped else { return .abandon }
            state = .draining(refusal, droppedBytes: dropped + bytes.count)
            return .proceed
        case .refused, .computing, .answered:
            return .proceed
        case .targetSeen:
            return .abandon
        }
    }

    /// Whether the body may have so many bytes. One that did not say its size gets room as it grows.
    private final func findsRoom(for count: Int, _ limit: Int) -> Bool {
        guard count > bodyRoomBytes else { return true }
        let wanted = min(limit, 2 * count)
        guard finds(wanted, for: .body) else { return false }
        bodyRoomBytes = wanted
        body.reserveCapacity(wanted)
        return true
    }

    private final func drain(_ refusal: Responder.Refusal, dropping count: Int) {
        body = []
        releaseHold()
        state = .draining(refusal, droppedBytes: count)
    }

    /// The body is complete.
    final func finish(isShuttingDown: Bool) -> Action {
        switch state {
        case .reading(_, let lane, let answer):
            let whole = body
            body = []
            guard lane.isHeavy(bodyBytes: whole.count) else {
                return self.answer(answer(whole, Work.light), closing: isShuttingDown)
            }
            state = .computing
            return .compute(body: whole, on: lane, answer)
        case .draining(let refusal, _):
            return answer(responder.refuse(refusal, head), closing: isShuttingDown)
        case .refused(let response):
            return answer(response, closing: isShuttingDown)
        case .computing, .answered:
            return .proceed
        case .targetSeen:
            return .abandon
        }
    }

    /// The heavy lane is done with the request; nil when nobody waits for the answer any more.
    final func computed(_ response: Response?, isShuttingDown: Bool) -> Action {
        guard case .computing = state else { preconditionFailure("an answer came back in state \(state)") }
        guard let response else {
            state = .answered
            return .abandon
        }
        return answer(response, closing: isShuttingDown)
    }

    private final func answer(_ response: Response, closing: Bool) -> Action {
        state = .answered
        let closing = closing || endsConnection
        guard !finds(response.bytesHeld, for: .answer) else {
            return .answer(response, closing: closing)
        }
        guard response.isOwed else {
            releaseHold()
            return .answer(responder.refuse(Self.noRoom, head), closing: closing)
        }
        hold.mustTake(.answer, bytes: response.bytesHeld)
        return .answer(response, closing: closing)
    }

    final func headTooLarge() -> Response {
        responder.refuse(.headTooLarge(limitBytes: limits.headBytesMax), head)
    }

    static let noRoom = Responder.Refusal.noRoom(retryAfterSeconds: FlightBudget.Bounds.retryAfterSeconds)
}
