// Random walks of one session over the service, each step held against a plain model: addresses, revisions,
// lists, and what an Idempotency-Key answers. Domains and sessions end and are made again under their names.
// The second half of a walk runs on another service, after export and import. At the end of each domain's
// life POST /v1/replays is asked the same calls. TEST_MODEL_WALKS makes it longer.

import API
import AddressSpaces
import Foundation
import HTTP
import IOVAAllocation
import LinuxReleases
import Locking
import TestSupport
import Testing

@Suite struct SessionModelTests {
    private static let walks = Int(ProcessInfo.processInfo.environment["TEST_MODEL_WALKS"] ?? "") ?? 12

    @Test func sessionsDoWhatAPlainModelDoes() throws {
        var seeds = SeededGenerator.forTest("SessionModelTests", fallback: 20_261_130)
        var totals = SessionWalk.Counts()
        for _ in 0..<Self.walks {
            let seed = seeds.next()
            var walk = SessionWalk(seed: seed)
            do {
                try walk.run(steps: 300)
            } catch let fault as SessionWalk.Fault {
                Issue.record("walk of seed 0x\(String(seed, radix: 16)), step \(walk.step): \(fault.text)")
            }
            totals += walk.counts
        }
        print("session model: \(Self.walks) walks of 300 steps, \(totals)")
        #expect(totals.replayed > 0 && totals.reused > 0 && totals.grown > 0 && totals.again > 0)
        #expect(totals.refused > 0 && totals.lives > Self.walks)
    }
}

/// One walk: a service, the model, and the keys that were used.
struct SessionWalk {
    struct Fault: Error { let text: String }

    /// What happened in it.
    struct Counts {
        var verbs = 0, refused = 0, grown = 0
        /// Keys that were sent again: with the same body, with another, and after the end of their life.
        var replayed = 0, reused = 0, again = 0
        var lives = 0

        static func += (left: inout Counts, right: Counts) {
            left.verbs += right.verbs
            left.refused += right.refused
            left.grown += right.grown
            left.replayed += right.replayed
            left.reused += right.reused
            left.again += right.again
            left.lives += right.lives
        }
    }

    private struct Use {
        let path: String
        let key: String
        let body: String
        let verbs: [ModelVerb]
        let answer: [UInt8]
        let status: Int
    }

    private var client: ServiceClient
    private var clock = SessionServiceTests.Clock()
    private let kernel: (name: String, profile: KernelProfile)
    var model: DomainModel
    private var revision = 0
    var random: SeededGenerator
    /// Of the domain that is there.
    private var kept: [Use] = []
    /// Of domains that have ended.
    private var ended: [Use] = []
    private(set) var counts = Counts()
    private(set) var step = 0
    private let domain = "/v1/sessions/s/domains/d0"

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        client = Self.client(clock)
        kernel = [("7.2", .v7_2), ("6.1", .v6_1), ("6.12", .v6_12)][Int(random.next() % 3)]
        model = DomainModel(kernel.profile)
    }

    private static func client(_ clock: SessionServiceTests.Clock) -> ServiceClient {
        var configuration = Service.Configuration(version: "test")
        configuration.wallClock = { clock.now.withLock { $0 } }
        return ServiceClient(configuration)
    }

    mutating func run(steps: Int) throws {
        try makeSession()
        for step in 0..<steps {
            self.step = step
            if step == steps / 2 { try move() }
            try takeStep()
            let told = client.get("/v1/sessions/s").json["revision"] as? Int
            try hold(told == revision, "the revision is \(told ?? -1), expected \(revision)")
        }
        try compare()
    }

    private func hold(_ holds: Bool, _ text: @autoclosure () -> String) throws {
        if !holds { throw Fault(text: text()) }
    }

    mutating func chance(_ one: UInt64, in many: UInt64) -> Bool { random.next() % many < one }

    private mutating func takeStep() throws {
        switch random.next() % 120 {
        case 0: try endDomain()
        case 1: try endSession()
        case 2..<8: try attachOrDetach()
        case 8..<24: try sendAgain()
        case 24..<36: try sendEnded()
        case 36..<44: try preview()
        case 44..<54: try batch()
        case 54..<76: try free(randomPFN())
        default: try post([randomVerb(in: model)], key: randomKey())
        }
    }

    // MARK: Lives

    private mutating func makeSession() throws {
        let made = send("/v1/sessions", #"{"id":"s","kernel":"\#(kernel.name)"}"#, key: "session")
        try hold(made.status == 201, "making the session: \(made.text)")
        revision = 0
        try makeDomain()
    }

    private mutating func makeDomain() throws {
        let made = send("/v1/sessions/s/domains", #"{"id":"d0"}"#, key: "domain")
        revision += 1
        try hold(made.status == 201, "making the domain: \(made.text)")
        try hold(etag(made) == revision, "making the domain: its ETag is \(etag(made) ?? -1)")
        model = DomainModel(kernel.profile)
        counts.lives += 1
        ended += kept
        kept = []
    }

    private mutating func endDomain() throws {
        try compare()
        let answer = client.ask(.delete, domain)
        revision += 1
        try hold(answer.status == 204 && etag(answer) == revision, "ending the domain: \(answer.text)")
        try makeDomain()
    }

    private mutating func endSession() throws {
        try compare()
        if chance(1, in: 2) {
            try hold(client.ask(.delete, "/v1/sessions/s").status == 204, "ending the session")
        } else {
            clock.advance(seconds: 1_000)
        }
        try makeSession()
    }

    private func etag(_ answer: ServiceClient.Answer) -> Int? {
        Int((answer.response.headers["ETag"] ?? "").filter(\.isNumber))
    }

    /// Goes on with another service.
    private mutating func move() throws {
        try compare()
        let state = client.get("/v1/sessions/s/state")
        let form = Bool.random(using: &random) ? "plain" : "compact"
        let sent = client.get("/v1/sessions/s/state?form=\(form)")
        clock = SessionServiceTests.Clock()
        client = Self.client(clock)
        let made = send("/v1/sessions", sent.text, key: "session")
        try hold(made.status == 201, "importing the \(form) form: \(made.text)")
        try hold(client.get("/v1/sessions/s/state").text == state.text, "the imported state differs")
        ended += kept
        kept = []
    }

    /// The domain against the model, and the model against a replay.
    private func compare() throws {
        let replay = client.post(
            "/v1/replays",
            json: "{\"kernel\":\"\(kernel.name)\",\"ops\":[\(model.calls.joined(separator: ","))]}")
        try hold(replay.text.hasPrefix(model.replayed), "the replay differs: \(replay.text)")
        let state = client.get(domain + "/state").object("allocator")["ranges"] as? [String] ?? []
        let held = model.held.flatMap { [HexLiteral.text($0.lo), HexLiteral.text($0.hi)] }
        try hold(state == held, "held are \(state), expected \(held)")
        let listed = client.get(domain + "/iovas?limit=1000").list("items")
            .map { $0["range"] as? [String: Any] }.map { "\($0?["start"] ?? "") \($0?["last"] ?? "")" }
        let expected = model.listed.map(Self.addresses).map { "\($0.start) \($0.last)" }
        try hold(listed == expected, "listed are \(listed), expected \(expected)")
    }

    // MARK: Keys

    private func send(_ path: String, _ body: String, key: String?) -> ServiceClient.Answer {
        client.ask(
            .post, path, Array(body.utf8), type: "application/json",
            headers: key.map { [.init("Idempotency-Key", $0)] } ?? [])
    }

    private mutating func randomKey() -> String? {
        chance(1, in: 2) ? "k\(random.next() % 40)" : nil
    }

    /// A key that was answered: the answer comes again, or another body is refused. Nothing changes.
    private mutating func sendAgain() throws {
        guard let use = kept.randomElement(using: &random) else { return }
        guard chance(2, in: 3) else {
            counts.reused += 1
            let answer = send(use.path, #"{"size":1,"limit":0}"#, key: use.key)
            let code = answer.json["code"] as? String
            return try hold(code == "idempotency-key-reused", "\(use.key) reused: \(answer.text)")
        }
        counts.replayed += 1
        let answer = send(use.path, use.body, key: use.key)
        try hold(
            answer.status == use.status && answer.response.body == use.answer,
            "\(use.key) again: \(answer.text) after \(String(decoding: use.answer, as: UTF8.self))")
    }

    /// A key of a life that has ended: the request runs.
    private mutating func sendEnded() throws {
        guard let use = ended.randomElement(using: &random),
            !kept.contains(where: { $0.path == use.path && $0.key == use.key })
        else { return }
        counts.again += 1
        try post(use.verbs, isBatch: use.path.hasSuffix("batches"), key: use.key)
    }

    // MARK: Verbs

    private mutating func batch() throws {
        var verbs: [ModelVerb] = []
        // Each is made for what the ones before it leave.
        var copy = model
        for _ in 0..<(random.next() % 6 + 1) {
            let verb = chance(1, in: 3) ? .free(pfn: randomPFN()) : randomVerb(in: copy)
            verbs.append(verb)
            guard case .refused = try copy.apply(verb).outcome else { continue }
            break
        }
        try post(verbs, isBatch: true, key: randomKey())
    }

    /// Sends one verb, or a batch of them, and holds the answer against the model.
    private mutating func post(
        _ verbs: [ModelVerb], isBatch: Bool = false, key: String?
    ) throws {
        let single = isBatch ? nil : Self.request(verbs[0])
        let isBatch = single == nil
        let path = single?.path ?? "/batches"
        let list = verbs.map { "{" + Self.operation($0) + "}" }.joined(separator: ",")
        let body = single.map { "{\($0.members)}" } ?? #"{"operations":[\#(list)]}"#
        let key = kept.contains { $0.path == domain + path && $0.key == key } ? nil : key
        var copy = model
        var outcomes: [ModelOutcome] = []
        var isLogged = false
        for verb in verbs {
            let before = copy.held
            let (outcome, logs) = try copy.apply(verb)
            outcomes.append(outcome)
            let hasGrown = copy.held.contains { new in
                before.contains { $0.lo >= new.lo && $0.hi <= new.hi && $0 != new }
            }
            if case .reserve(_, _, true) = verb, hasGrown { counts.grown += 1 }
            isLogged = isLogged || logs
            guard case .refused = outcome else { continue }
            isLogged = isLogged && !isBatch
            break
        }
        let answer = send(domain + path, body, key: key)
        counts.verbs += 1
        if isLogged { revision += 1 }
        if case .refused(let code) = outcomes.last {
            counts.refused += 1
            if !isBatch { model = copy }
            try hold(
                answer.status == 409 && answer.json["code"] as? String == code,
                "\(path) \(body): \(answer.text), expected \(code)")
        } else {
            model = copy
            let results = isBatch ? answer.list("results") : [answer.json]
            try hold(
                answer.status < 300 && results.count == outcomes.count && etag(answer) == revision,
                "\(path) \(body): \(answer.status) \(answer.text), expected revision \(revision)")
            if !isBatch, case .doorbell(_, let isNew) = outcomes[0] {
                try hold(answer.status == (isNew ? 201 : 200), "\(path) \(body): \(answer.status)")
            }
            for (outcome, result) in zip(outcomes, results) {
                try hold(agrees(result, outcome), "\(path) \(body): \(result), expected \(outcome)")
            }
        }
        guard let key else { return }
        kept.append(
            Use(
                path: domain + path, key: key, body: body, verbs: verbs, answer: answer.response.body,
                status: answer.status))
    }

    private func agrees(_ result: [String: Any], _ outcome: ModelOutcome) -> Bool {
        switch outcome {
        case .range(let range):
            let told = result["range"] as? [String: Any]
            return told?["start"] as? String == Self.addresses(range).start
                && told?["last"] as? String == Self.addresses(range).last
        case .doorbell(let pfn, _): return result["page"] as? String == HexLiteral.text(pfn << 12)
        case .done, .refused: return true
        }
    }

    private mutating func free(_ pfn: UInt64) throws {
        let (outcome, isLogged) = try model.apply(.free(pfn: pfn))
        if isLogged { revision += 1 }
        let answer = client.ask(.delete, domain + "/iovas/" + HexLiteral.text(pfn << 12))
        let status = [.done: 204, .refused("not-allocated"): 404][outcome] ?? 409
        try hold(answer.status == status, "freeing page \(pfn): \(answer.status), expected \(outcome)")
    }

    private mutating func preview() throws {
        guard case .allocate(let order) = randomOrder() else { return }
        var query = "size=\(HexLiteral.text(order.pages << 12))"
        switch order.level {
        case .tree: query += "&limit=\(HexLiteral.text(order.limit))&size_aligned=\(order.isAligned)"
        case .cached: query += "&limit=\(HexLiteral.text(order.limit))&cached=true"
        case .dma: query += "&dma_mask=\(HexLiteral.text(order.limit))&pci=\(order.isPCI)"
        }
        var copy = model
        let outcome = try copy.apply(.allocate(order)).outcome
        let answer = client.get(domain + "/available-iovas?" + query)
        let isNone = answer.json["outcome"] as? String == "none"
        try hold(
            answer.status == 200 && isNone == (outcome == .refused("iova-exhausted"))
                && agrees(answer.json, outcome),
            "preview \(query): \(answer.text), expected \(outcome)")
    }

    /// A device's own reservation comes on top of what is held, as `reserve_iova` does it.
    private mutating func attachOrDetach() throws {
        // The first device of an empty domain sets it up from the start.
        guard !model.held.isEmpty else { return }
        revision += 1
        if model.isAttached {
            model.isAttached = false
            let answer = client.ask(.delete, domain + "/devices/eth0")
            return try hold(answer.status == 204, "detaching: \(answer.text)")
        }
        model.isAttached = true
        let (lo, hi) = randomReservation(in: model)
        try model.reserve(lo, hi)
        let range = Self.addresses(PageFrameRange(lo: lo, hi: hi))
        let answer = send(
            domain + "/devices",
            #"{"id":"eth0","description":{"kind":"pci_function","reserved_regions":"#
                + #"[{"start":"\#(range.start)","last":"\#(range.last)"}]}}"#, key: nil)
        try hold(answer.status == 201, "attaching: \(answer.text)")
    }
}
