// `iovad-bench sessions`: what live sessions cost in memory, and the time to make and to end one among
// many. It asks the service directly, as the server would; no socket and no server is part of it.

import API
import ArgumentParser
import HTTP
import Locking

struct SessionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions",
        abstract: "Memory of live sessions, and the time to make and to end one among many.",
        discussion: """
            Makes sessions with a domain and --allocations live ranges each, then lets them expire a tenth
            at a time. Times are medians in microseconds. The exit status is 1 when a target is missed.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false
    @Option(help: "Sessions to make, 100 to 10000.")
    var sessions = 10_000
    @Option(help: "Live ranges in each session.")
    var allocations = 100

    func validate() throws {
        guard (100...10_000).contains(sessions) else { throw ValidationError("--sessions are 100 to 10000") }
        guard (0...1_000).contains(allocations) else { throw ValidationError("--allocations are 0 to 1000") }
    }

    func run() throws {
        var bench = SessionBench(sessions: sessions, allocations: allocations)
        try bench.run()
        if json {
            IovadBench.printJSON(bench.json)
        } else {
            bench.lines.forEach { print($0) }
        }
        if bench.targets.contains(where: { !$0.isMet }) { throw ExitCode(1) }
    }
}

struct SessionBench {
    struct Failed: Error, CustomStringConvertible { var description: String }

    /// What the service promises for 100 live ranges.
    private static let bytesMax = 16 << 10
    private static let parts = 10
    private static let secondsBetween = 100
    /// That make the sessions by turns: one alone may not have as many.
    private static let clients = 4

    let sessions: Int
    let allocations: Int
    /// Growth of the resident set a session.
    private(set) var bytes = 0.0
    /// Microseconds, by tenths of the sessions in the order in which they were made.
    private(set) var creation: [Double] = []
    /// Microseconds a session, by tenths in the order in which they ended.
    private(set) var expiry: [Double] = []

    init(sessions: Int, allocations: Int) {
        (self.sessions, self.allocations) = (sessions, allocations)
    }

    mutating func run() throws {
        let now = Locked<UInt64>(1_000_000)
        var configuration = Service.Configuration(version: Engine.version)
        configuration.wallClock = { now.withLock { $0 } }
        let service = Service(configuration)
        let responder = service.responder
        let batch = batch
        // A first session takes what the process needs once.
        try make(0, responder, batch)
        let before = ResidentSet.bytes()
        let watch = Stopwatch()
        for part in 0..<Self.parts {
            var spans: [Double] = []
            for index in part * sessions / Self.parts..<(part + 1) * sessions / Self.parts where index > 0 {
                let start = Stopwatch.now()
                try create(index, responder)
                spans.append(Double(watch.elapsed(since: start)) / 1_000)
                try fill(index, responder, batch)
            }
            creation.append(Timing(spans).median)
        }
        bytes = Double(ResidentSet.bytes() - before) / Double(sessions - 1)
        for part in 0..<Self.parts {
            now.withLock { $0 += UInt64(Self.secondsBetween) * 1_000 }
            let start = Stopwatch.now()
            service.tick()
            let count = (part + 1) * sessions / Self.parts - part * sessions / Self.parts
            expiry.append(Double(watch.elapsed(since: start)) / 1_000 / Double(count))
        }
        let left = ask(.get, "/v1/sessions?limit=1", "", responder)
        guard String(decoding: left.body, as: UTF8.self).contains("\"items\":[]") else {
            throw Failed(description: "sessions outlived their time")
        }
    }

    /// A tenth of the sessions ends at each step of the clock, the eldest first.
    private func create(_ index: Int, _ responder: Responder) throws {
        let part = index * Self.parts / sessions
        let seconds = (part + 1) * Self.secondsBetween - Self.secondsBetween / 2
        let body = #"{"id":"s\#(index)","ttl_seconds":\#(seconds)}"#
        try post("/v1/sessions", body, responder, peer: "client\(index % Self.clients)")
    }

    private func fill(_ index: Int, _ responder: Responder, _ batch: String) throws {
        try post("/v1/sessions/s\(index)/domains", #"{"id":"d0","consumer":"dma_api"}"#, responder)
        if allocations > 0 { try post("/v1/sessions/s\(index)/domains/d0/batches", batch, responder) }
    }

    private func make(_ index: Int, _ responder: Responder, _ batch: String) throws {
        try create(index, responder)
        try fill(index, responder, batch)
    }

    /// Ranges of one to sixteen pages.
    private var batch: String {
        let operations = (0..<allocations).map { index in
            #"{"op":"allocate","size":\#((index % 16 + 1) * 4_096),"limit":"0xffffffff"}"#
        }
        return #"{"operations":[\#(operations.joined(separator: ","))]}"#
    }

    private func post(
        _ target: String, _ body: String, _ responder: Responder, peer: String = "bench"
    ) throws {
        let response = ask(.post, target, body, responder, peer: peer)
        guard response.status / 100 == 2 else {
            throw Failed(description: "\(target): \(String(decoding: response.body, as: UTF8.self))")
        }
    }

    private func ask(
        _ method: Method, _ target: String, _ body: String, _ responder: Responder, peer: String = "bench"
    ) -> Response {
        let type = HeaderFields.Field("Content-Type", "application/json")
        let head = RequestHead(
            method: method, rawTarget: Array(target.utf8), headers: HeaderFields([type]), peer: peer)
        return responder.respond(to: Request(head: head, body: Array(body.utf8)))
    }

    // MARK: What came out

    var targets: [BenchTarget] {
        let most = allocations <= 100 ? Self.bytesMax : .max
        return [
            BenchTarget(
                name: "at most 16 KiB a session of 100 live ranges", isMet: bytes <= Double(most),
                detail: "\(BenchTable.number(bytes)) bytes"),
            flat("making one among many at most twice as slow as among few", creation),
            // The eldest end first: the first tenth ends among all others, the last among none.
            flat("the end of one among many at most twice as slow as among few", expiry.reversed()),
        ]
    }

    private func flat(_ name: String, _ times: [Double]) -> BenchTarget {
        let (few, many) = (times.first ?? 0, times.last ?? 0)
        return BenchTarget(
            name: name, isMet: many <= 2 * few,
            detail: "\(BenchTable.number(few)) us among few, \(BenchTable.number(many)) among \(sessions)")
    }

    var lines: [String] {
        [
            "\(sessions) sessions of \(allocations) live ranges: \(BenchTable.number(bytes)) bytes each",
            "making one, us, by tenths:  " + text(creation), "the end of one, us, by tenths: " + text(expiry),
        ] + targets.map { BenchTable.line($0) }
    }

    private func text(_ times: [Double]) -> String {
        times.map { BenchTable.number($0) }.joined(separator: " ")
    }

    var json: [(name: String, value: JSONText)] {
        let tenths = zip(creation, expiry).map { creation, expiry in
            JSONText.object([
                ("creation_us", .decimal(creation, places: 2)), ("expiry_us", .decimal(expiry, places: 2)),
            ])
        }
        return [
            ("sessions", .int(sessions)), ("allocations", .int(allocations)),
            ("resident_bytes_per_session", .decimal(bytes, places: 1)), ("tenths", .array(tenths)),
            ("targets", .array(targets.map(\.json))),
        ]
    }
}
