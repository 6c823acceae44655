// Random walks over agreements and platforms, each step held against a plain model: states, hosts, what
// breaks a promise, and the log, read in pages and as a stream whose reader is cut off again and again.
// TEST_MODEL_WALKS makes it longer.

import Foundation
import HTTP
import TestSupport
import Testing

@testable import API

@Suite struct AgreementModelTests {
    private static let walks = Int(ProcessInfo.processInfo.environment["TEST_MODEL_WALKS"] ?? "") ?? 12

    @Test func agreementsDoWhatAPlainModelDoes() {
        var seeds = SeededGenerator.forTest("AgreementModelTests", fallback: 20_261_201)
        var totals: [String: Int] = [:]
        for _ in 0..<Self.walks {
            let seed = seeds.next()
            var walk = AgreementWalk(seed: seed)
            walk.run(steps: 150)
            if let fault = walk.fault {
                Issue.record("walk of seed 0x\(String(seed, radix: 16)), step \(walk.step): \(fault)")
            }
            for (name, count) in walk.counts { totals[name, default: 0] += count }
        }
        print("agreement model: \(Self.walks) walks of 150 steps, \(totals.sorted { $0.key < $1.key })")
        for name in ["proposed", "refused", "broken", "holds", "cut", "host_added", "host_removed", "left"] {
            #expect(totals[name, default: 0] > 0, "\(name) never happened")
        }
    }
}

/// One walk: a service, the model, and a reader of each log.
struct AgreementWalk {
    private let fixture = AgreementFixture()
    private var model = AgreementModel()
    private var random: SeededGenerator
    private var readers: [String: LogReader] = [:]
    private(set) var counts: [String: Int] = [:]
    private(set) var step = 0
    private(set) var fault: String?

    private static let ids = ["a", "b", "c", "d", "e"]
    private static let pools = ["x", "y"]

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func run(steps: Int) {
        while step < steps, fault == nil {
            takeStep()
            if fault == nil { compare() }
            step += 1
        }
        for (id, agreement) in model.agreements where fault == nil {
            readAll(id, agreement, cutting: false)
        }
    }

    private mutating func hold(_ holds: Bool, _ text: @autoclosure () -> String) {
        if !holds, fault == nil { fault = text() }
    }

    private mutating func any<T>(_ values: [T]) -> T { values[Int(random.next() % UInt64(values.count))] }

    private mutating func takeStep() {
        let id = any(Self.ids)
        switch random.next() % 17 {
        case 0..<5:
            let isReserving = random.next() % 3 == 0
            let answer = fixture.put(
                id, isReserving ? AgreementFixture.reserving : AgreementFixture.plain)
            hold(answer.status < 300, answer.text)
            model.platforms[id] = .init(isReserving: isReserving, pool: model.platforms[id]?.pool)
            model.follow(id)
        case 5:
            let answer = fixture.ask(.delete, "/v1/platforms/\(id)")
            hold((answer.status == 204) == (model.platforms[id] != nil), answer.text)
            model.platforms[id] = nil
            model.follow(id)
        case 6, 7:
            let pool = random.next() % 3 == 0 ? nil : any(Self.pools)
            let answer = fixture.label(id, pool: pool)
            hold((answer.status == 200) == (model.platforms[id] != nil), answer.text)
            model.platforms[id]?.pool = pool
            model.follow(id)
        case 8:
            let next = any(Self.ids.filter { $0 != id })
            let answer = fixture.ask(.patch, "/v1/platforms/\(id)", #"{"id":"\#(next)"}"#)
            let isRenamed = model.rename(id, to: next)
            hold((answer.status == 200) == isRenamed, answer.text)
        case 9, 10, 11: propose(id)
        case 12, 13: move()
        case 14: add(id)
        case 15: leave(id)
        default: remove()
        }
    }

    private mutating func propose(_ host: String) {
        let id = "v\(random.next() % 6)"
        guard model.agreements[id] == nil else { return }
        let pool = random.next() % 2 == 0 ? any(Self.pools) : nil
        let hosts = Array(Set([host, any(Self.ids)])).sorted()
        let answer =
            pool.map {
                fixture.ask(
                    .post, "/v1/agreements", #"{"id":"\#(id)","pool":"\#($0)",\#(AgreementFixture.vm)}"#)
            } ?? fixture.propose(id, on: hosts)
        let isMade = model.propose(id, hosts: hosts, pool: pool)
        counts[isMade ? "proposed" : "refused", default: 0] += 1
        hold((answer.status == 201) == isMade, "proposing \(id): \(answer.text)")
        if isMade { readers[id] = LogReader() }
    }

    private mutating func move() {
        let id = "v\(random.next() % 6)"
        let state = any(["accepted", "accepted", "released"])
        let answer = fixture.move(id, to: state)
        let isTaken = model.move(id, to: state)
        hold((answer.status == 200) == isTaken, "\(id) to \(state): \(answer.text)")
    }

    private mutating func add(_ platform: String) {
        let id = "v\(random.next() % 6)"
        let name = "h\(random.next() % 3)"
        let answer = fixture.ask(
            .post, "/v1/agreements/\(id)/hosts",
            #"{"host":\#(AgreementFixture.host(platform, name: name))}"#)
        let isAdded = model.add(platform, as: name, to: id)
        hold((answer.status == 201) == isAdded, "\(platform) to \(id): \(answer.text)")
    }

    private mutating func leave(_ platform: String) {
        let id = "v\(random.next() % 6)"
        let name = any([platform] + (model.agreements[id]?.hosts.map(\.name) ?? []))
        let answer = fixture.ask(.delete, "/v1/agreements/\(id)/hosts/\(name)")
        let hasLeft = model.leave(name, id)
        if hasLeft { counts["left", default: 0] += 1 }
        hold((answer.status == 204) == hasLeft, "\(name) from \(id): \(answer.text)")
    }

    private mutating func remove() {
        let id = "v\(random.next() % 6)"
        guard random.next() % 3 == 0, let agreement = model.agreements[id] else { return }
        readAll(id, agreement, cutting: false)
        hold(fixture.ask(.delete, "/v1/agreements/\(id)").status == 204, "removing \(id)")
        model.agreements[id] = nil
        readers[id] = nil
    }

    private mutating func compare() {
        let listed = fixture.client.get("/v1/agreements").list("items").compactMap { $0["id"] as? String }
        hold(listed == model.agreements.keys.sorted(), "listed are \(listed)")
        for (id, expected) in model.agreements {
            let agreement = fixture.read(id)
            hold(agreement.json["state"] as? String == expected.state, "\(id): \(agreement.text)")
            let events = fixture.events(id)
            hold(
                agreement.json["revision"] as? Int == expected.events.count,
                "\(id): \(expected.events), \(events)")
            let hosts = agreement.list("hosts").map {
                "\($0["name"] ?? "") \($0["platform"] ?? "") \($0["keeps"] as? Bool == true)"
            }
            let modelled = expected.hosts.map { "\($0.name) \($0.platform) \($0.seen == false)" }
            hold(hosts == modelled, "\(id): \(hosts), expected \(modelled)")
            let broken = fixture.blockers(id)
            hold(broken == expected.broken, "\(id): \(broken), expected \(expected.broken)")
            if random.next() % 4 == 0 { readAll(id, expected, cutting: true) }
        }
    }

    /// The log as a reader gets it that goes on where it was cut off.
    private mutating func readAll(_ id: String, _ expected: AgreementModel.Agreement, cutting: Bool) {
        guard var reader = readers[id] else { return }
        let text = reader.read(
            fixture.client, id, blocks: cutting ? Int(random.next() % 6) : nil)
        hold(text == nil, text ?? "")
        if cutting { counts["cut", default: 0] += 1 }
        readers[id] = reader
        let whole = expected.events.prefix(reader.events.count).map { $0.sorted() }
        hold(
            reader.events.map { $0.sorted() } == Array(whole),
            "\(id) read \(reader.events), expected \(expected.events)")
        guard !cutting else { return }
        hold(reader.events.count == expected.events.count, "\(id) read \(reader.events.count) revisions")
        for name in expected.events.joined() { counts[name, default: 0] += 1 }
    }
}

/// A reader of one log: it keeps what it has read as a whole, and the id to go on from.
struct LogReader {
    private(set) var last = 0
    /// Names of events, by revision.
    private(set) var events: [[String]] = []

    /// Reads so many blocks, or all that there are, and leaves; the fault, if there is one.
    mutating func read(_ client: ServiceClient, _ id: String, blocks: Int?) -> String? {
        let answer = client.get(
            "/v1/agreements/\(id)/events",
            headers: [.init("Accept", "text/event-stream"), .init("Last-Event-ID", "\(last)")])
        guard let stream = answer.response.stream else { return "\(id): \(answer.text)" }
        defer { stream.ended(.complete) }
        stream.start(waker: StreamWaker {})
        var text = ""
        while case .bytes(let bytes) = stream.next() { text += String(decoding: bytes, as: UTF8.self) }
        Contract.holdEvents(text)
        var open: [String] = []
        var left = blocks ?? .max
        for block in text.components(separatedBy: "\n\n") where block.contains("event: ") {
            guard left > 0 else { return nil }
            left -= 1
            for line in block.split(separator: "\n") {
                if line.hasPrefix("event: ") { open.append(String(line.dropFirst(7))) }
            }
            guard let line = block.split(separator: "\n").first(where: { $0.hasPrefix("id: ") }) else {
                continue
            }
            guard Int(line.dropFirst(4)) == last + 1 else { return "\(id): \(line) after \(last)" }
            last += 1
            events.append(open)
            open = []
        }
        return nil
    }
}
