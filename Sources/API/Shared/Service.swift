// The service: what every request passes, from its admission to the fields that every answer has. It turns
// values into values; sockets, files and signals belong to the composition root. Handlers run on any thread
// and keep nothing between requests but what the stores and the counters hold under their locks.

import AddressSpaces
import Glibc
public import HTTP
import Locking
import Machines
public import Storage

/// Answers every operation of the API.
public final class Service: Sendable {
    /// What the composition root decides.
    public struct Configuration: Sendable {
        /// `iovad/<version>` on the wire.
        public var version: String
        /// Further facts for GET /version, e.g. the libmicrohttpd release, in this order.
        public var build: [(name: String, value: String)]
        /// When set, routes with a scope need one of them, as `Authorization: Bearer <token>`.
        public var tokens: AccessTokens?
        /// When set, answers allow this origin to read them.
        public var allowedOrigin: String?
        public var site: Site
        /// The names by which web pages and others may ask; nil where no socket is served.
        public var hosts: HostNames?
        /// Limits of the server in front, listed with ours.
        public var serverLimits: [(name: String, value: Int)]
        /// What the lane for heavy requests does, for the metrics; nil where there is none.
        public var laneGauges: (@Sendable () -> HeavyLane.Gauges)?
        /// What bodies and answers in flight hold, for the metrics; nil where nothing counts them.
        public var flightGauges: (@Sendable () -> FlightBudget.Gauges)?
        /// What the system says about the process, for the metrics; nil where nobody asks it.
        public var processFacts: (@Sendable () -> ProcessFacts?)?
        /// Lines of the log that were dropped, for the metrics; nil where nothing counts them.
        public var droppedLogLines: (@Sendable () -> UInt64)?
        /// Keeps platforms, agreements, sessions and answers to keys; nil where they end with the process.
        public var storage: (any Storage)?
        /// Monotonic milliseconds, for heartbeats.
        public var clock: @Sendable () -> Int64 = { MonotonicClock.milliseconds() }

        /// Milliseconds since 1970 in UTC, for the life of sessions; never goes back.
        public var wallClock: @Sendable () -> UInt64 = WallClock.monotonic()
        /// A number that nobody can guess, for ids.
        public var random: @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) }

        public init(
            version: String, build: [(name: String, value: String)] = [], tokens: AccessTokens? = nil,
            allowedOrigin: String? = nil, site: Site = Site(), serverLimits: [(name: String, value: Int)] = []
        ) {
            self.version = version
            self.build = build
            self.tokens = tokens
            self.allowedOrigin = allowedOrigin
            self.site = site
            self.serverLimits = serverLimits
        }
    }

    let configuration: Configuration
    let platforms: PlatformStore
    let keptAnswers = KeptAnswers()
    let sessions: SessionStore
    let agreements: AgreementStore
    let idempotency = IdempotencyStore()
    /// What is stored; nil where everything ends with the process.
    let ledger: Ledger?
    let counters = RequestCounters()
    let times = RequestTimes()
    let underWay = UnderWay()
    /// The subscribers of every event stream.
    let events: EventHub
    private let draining = Locked(false)
    private let tokens: Locked<AccessTokens?>
    /// Those that every answer has, behind the request's id: of handlers that say how long it keeps, and of
    /// others.
    private let commonFields: HeaderFields
    private let uncachedFields: HeaderFields
    /// How many fields an answer gets beside its handler's, the request's id among them.
    var commonFieldCount: Int { uncachedFields.fields.count + 1 }
    /// Answers that are the same for every request.
    let fixedAnswers = FixedAnswers()
    /// Ids of requests need not be secret, only different: a call of the system for each would cost more.
    private let requestIDs: Locked<SplitMix64>

    public init(_ configuration: Configuration) {
        self.configuration = configuration
        tokens = Locked(configuration.tokens)
        let server = HeaderFields.Field("Server", "iovad/\(configuration.version)")
        let sniffing = HeaderFields.Field("X-Content-Type-Options", "nosniff")
        commonFields = HeaderFields([server, sniffing])
        uncachedFields = HeaderFields([server, .init("Cache-Control", "no-store"), sniffing])
        requestIDs = Locked(SplitMix64(seed: configuration.random()))
        platforms = PlatformStore(
            builtIn: BuiltInPlatforms.entries, reserved: [Self.hostID], now: configuration.wallClock)
        events = EventHub(
            subscribersMax: Limits.subscribersMax, perClientMax: Limits.subscribersPerClientMax,
            heartbeatSeconds: Limits.heartbeatSeconds,
            clock: configuration.clock)
        sessions = SessionStore(hub: events, now: configuration.wallClock)
        agreements = AgreementStore(hub: events, now: configuration.wallClock)
        ledger = configuration.storage.map { Ledger($0, configuration) }
    }

    /// Prepared devices that are kept, and the sum of their ranges: at most `Limits.preparedRangesMax`.
    package var preparedSize: (devices: Int, ranges: Int) { platforms.preparedSize }

    /// Sum of the ranges of hosts' facts that are kept: at most `Limits.hostFactsRangesMax`.
    package var hostFactsSize: (ofPlatforms: Int, ofKinds: Int) { platforms.hostFacts.ranges }

    /// Hosts of agreements that were evaluated again since the start.
    package var agreementEvaluations: UInt64 { agreements.totals.evaluations }

    /// Finished answers that are kept, about how many bytes they take, at most `Limits.keptAnswerBytesMax`,
    /// and how many were given again so far.
    package var keptAnswersFigures: (answers: Int, bytes: Int, given: UInt64) { keptAnswers.figures }

    /// Work that depends on time. Call it about once a second.
    public func tick() {
        sessions.expire()
        agreements.expire()
        platforms.expire()
        followPlatforms()
        events.tick()
        idempotency.expire(now: sessions.now())
    }

    /// The tokens that are accepted now; nil where none is needed.
    var accessTokens: AccessTokens? { tokens.withLock { $0 } }

    /// An answer was sent as a whole, so long after its request line. `operation` is the answer's.
    public func completed(_ operation: String, microseconds: Int64) {
        times.add(operation, microseconds: microseconds)
    }

    /// From now on these are accepted, in place of those before.
    public func accept(_ tokens: AccessTokens) { self.tokens.withLock { $0 = tokens } }

    /// From now on /readyz says 503, so that no load balancer sends more.
    public func beginDraining() { draining.withLock { $0 = true } }

    var isDraining: Bool { draining.withLock { $0 } }

    /// The service as the server in front wants it.
    public var responder: Responder {
        Responder(
            admit: { [self] head in admit(head) },
            refuse: { [self] refusal, head in refuse(refusal, head) })
    }

    private func admit(_ head: RequestHead) -> Responder.Admission {
        let requestID = requestID(of: head)
        do {
            if head.method == .options { return .refuse(try options(head, requestID)) }
            if var redirect = redirect(head) {
                finish(&redirect, requestID, Route.staticFile)
                return .refuse(redirect)
            }
            let plan = try plan(head, requestID)
            let place = try place(for: plan, head)
            return .read(bodyLimitBytes: plan.bodyLimitBytes, lane: plan.lane(isStored: ledger != nil)) {
                [self] body, work in
                defer { withExtendedLifetime(place) {} }
                return respond(
                    RequestContext(request: Request(head: head, body: body), plan: plan, work: work))
            }
        } catch {
            return .refuse(answer(error, head, requestID))
        }
    }

    private func respond(_ context: RequestContext) -> Response {
        let route = context.plan.route
        var response: Response
        if let ledger, route.isStored {
            response = ledger.answer(context, self) { handled($0, route) }
        } else {
            response = handled(context, route)
        }
        // Nobody reads it, so that it is no answer to be counted.
        if context.work.isCancelled { return response }
        response.isOwed = route.scope == .write
        finish(&response, context.requestID, route)
        return response
    }

    private func handled(_ context: RequestContext, _ route: Route) -> Response {
        do {
            return route.isIdempotent
                ? try idempotent(context) { context throws(Problem) in try route.handler(self)(context) }
                : try route.handler(self)(context)
        } catch {
            return render(error, context.head, context.requestID)
        }
    }

    private func refuse(_ refusal: Responder.Refusal, _ head: RequestHead) -> Response {
        answer(Problem(refusal), head, requestID(of: head))
    }

    /// A problem as a finished answer, of the operation that was asked for.
    func answer(_ problem: Problem, _ head: RequestHead, _ requestID: String) -> Response {
        var response = render(problem, head, requestID)
        finish(&response, requestID, meantRoute(head))
        return response
    }

    /// A number for the id of a request.
    func nextRequestNumber() -> UInt64 { requestIDs.withLock { $0.next() } }

    /// Adds the fields that every answer has, and counts it.
    func finish(_ response: inout Response, _ requestID: String, _ route: Route?) {
        if response.fixed == nil { dress(&response, requestID) }
        counters.count(route, status: response.status)
        // Event streams last as long as their clients want.
        if response.stream?.endsByItself ?? true { response.operation = RequestCounters.name(of: route) }
    }

    /// Adds the fields that every answer has; no handler sets them.
    func dress(_ response: inout Response, _ requestID: String) {
        let isUncached = response.headers["Cache-Control"] == nil
        response.dress(requestID: requestID, isUncached ? uncachedFields : commonFields)
        if let origin = configuration.allowedOrigin {
            response.headers.set("Access-Control-Allow-Origin", origin)
            response.headers.set("Access-Control-Expose-Headers", "ETag, Location, Retry-After, X-Request-ID")
            let varying = response.headers["Vary"]
            response.headers.set("Vary", varying.map { "\($0), Origin" } ?? "Origin")
        }
    }
}

/// Milliseconds since 1970 in UTC.
public enum WallClock {
    /// A clock that starts from the wall clock now, and never goes back.
    public static func monotonic() -> @Sendable () -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let start = UInt64(max(time.tv_sec, 0)) * 1_000 + UInt64(time.tv_nsec / 1_000_000)
        let origin = MonotonicClock.milliseconds()
        return { start + UInt64(max(MonotonicClock.milliseconds() - origin, 0)) }
    }
}
