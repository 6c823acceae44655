// `iovad-bench transport`: the CPU time that iovad takes for a request, beside that of a C server on the
// same library which does nothing with it (../yardstick). Only CPU time of the servers is measured, so a
// slow client or a busy machine changes little. The two take turns, block by block.

import ArgumentParser
import Glibc

struct TransportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transport",
        abstract: "Requests for each CPU second of the server, beside a C server that only answers.",
        discussion: """
            Starts both servers on free ports of 127.0.0.1 and asks them in turn. A ratio of 0.8 says that
            four fifths of a request's CPU time are libmicrohttpd's and the kernel's.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false
    @Option(help: ArgumentHelp("The iovad to measure.", valueName: "path"))
    var server = ".build/release/iovad"
    @Option(help: ArgumentHelp("The C server. Default: yardstick beside this program.", valueName: "path"))
    var yardstick: String?
    @Option(help: "Requests in a block, 1 to 1000000.")
    var requests = 5_000
    @Option(
        help:
            "Connections that ask at the same time, 1 to 512. Several share the server's wake-ups, by chance."
    )
    var connections = 1

    func validate() throws {
        guard (1...1_000_000).contains(requests) else { throw ValidationError("--requests are 1 to 1000000") }
        guard (1...512).contains(connections) else { throw ValidationError("--connections are 1 to 512") }
    }

    func run() throws {
        var bench = TransportBench(
            server: server, yardstick: yardstick ?? Self.besideThis("yardstick"), requests: requests,
            connections: connections)
        try bench.run()
        if json {
            IovadBench.printJSON(bench.json)
        } else {
            bench.lines.forEach { print($0) }
        }
    }

    private static func besideThis(_ name: String) -> String {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { space in
            space.withMemoryRebound(to: CChar.self) { readlink("/proc/self/exe", $0.baseAddress!, $0.count) }
        }
        let path = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
        return path.prefix(through: path.lastIndex(of: "/") ?? path.startIndex) + name
    }
}

/// A request that both servers get.
struct TransportRequest {
    let name: String
    let bytes: [UInt8]

    init(_ method: String, _ target: String, body: String = "") {
        name = "\(method) \(target)"
        var head = "\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        if !body.isEmpty {
            head += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
        }
        bytes = Array((head + "\r\n" + body).utf8)
    }

    static let all = [
        TransportRequest("GET", "/livez"),
        TransportRequest(
            "POST", "/v1/decisions?explain=none",
            body: #"{"platform":"example-arm-juno","device":"/pcie@40000000","consumer":"vfio_type1","#
                + #""window_source":"fixed"}"#),
    ]
}

/// One request, both servers.
struct TransportRow {
    let request: TransportRequest
    /// Body bytes of ours; the yardstick answers with as many.
    let answerBytes: Int
    /// CPU nanoseconds a request.
    let product: Timing
    let yardstick: Timing

    /// Requests a CPU second of ours, as a share of the yardstick's: 1 would be a server that costs nothing.
    var ratio: Double { yardstick.median / product.median }

    static func perSecond(_ timing: Timing) -> Double { 1_000_000_000 / timing.median }
}

struct TransportBench {
    static let blocks = 11

    let server: String
    let yardstick: String
    let requests: Int
    let connections: Int
    private(set) var rows: [TransportRow] = []

    init(server: String, yardstick: String, requests: Int, connections: Int) {
        (self.server, self.yardstick) = (server, yardstick)
        (self.requests, self.connections) = (requests, connections)
    }

    mutating func run() throws {
        let product = try ServerProcess([server, "serve", "--listen", "127.0.0.1:0", "--log", "none"])
        for request in TransportRequest.all {
            let answerBytes = try Load(product, request, connections: 1).run(1)
            let plain = try ServerProcess([yardstick, "--answer-bytes", String(answerBytes)])
            let loads = (
                product: try Load(product, request, connections: connections),
                yardstick: try Load(plain, request, connections: connections)
            )
            var spans: (product: [Double], yardstick: [Double]) = ([], [])
            // The first block of each warms up.
            for block in 0...Self.blocks {
                let times = (try loads.product.time(requests), try loads.yardstick.time(requests))
                guard block > 0 else { continue }
                spans.product.append(times.0)
                spans.yardstick.append(times.1)
            }
            rows.append(
                TransportRow(
                    request: request, answerBytes: answerBytes, product: Timing(spans.product),
                    yardstick: Timing(spans.yardstick)))
        }
    }

    var json: [(name: String, value: JSONText)] {
        [
            ("connections", .int(connections)), ("blocks", .int(Self.blocks)),
            ("requests_per_block", .int(requests)),
            (
                "rows",
                .array(
                    rows.map { row in
                        .object([
                            ("request", .string(row.request.name)), ("answer_bytes", .int(row.answerBytes)),
                            ("product", Self.json(row.product)), ("yardstick", Self.json(row.yardstick)),
                            ("ratio", .decimal(row.ratio, places: 3)),
                        ])
                    })
            ),
        ]
    }

    private static func json(_ timing: Timing) -> JSONText {
        .object([
            ("requests_per_cpu_second", .decimal(TransportRow.perSecond(timing), places: 0)),
            ("median_cpu_us", .decimal(timing.median / 1_000, places: 2)),
            ("lowest_cpu_us", .decimal(timing.lowest / 1_000, places: 2)),
        ])
    }

    var lines: [String] {
        rows.map { row in
            let (ours, plain) = (row.product, row.yardstick)
            return "\(row.request.name), \(row.answerBytes) bytes: "
                + "\(BenchTable.number(TransportRow.perSecond(ours), places: 0)) requests a CPU second "
                + "(\(BenchTable.number(ours.median / 1_000)) us each), C server "
                + "\(BenchTable.number(TransportRow.perSecond(plain), places: 0)) "
                + "(\(BenchTable.number(plain.median / 1_000)) us), ratio "
                + BenchTable.number(row.ratio, places: 2)
        }
    }
}

/// Several connections that ask one server at the same time.
private final class Load {
    private let server: ServerProcess
    private var clients: [KeepAliveClient] = []

    init(_ server: ServerProcess, _ request: TransportRequest, connections: Int) throws {
        self.server = server
        for _ in 0..<connections {
            clients.append(try KeepAliveClient(port: server.port, request: request.bytes))
        }
    }

    deinit { clients.forEach { $0.close() } }

    /// Asks at least `count` requests, as many on each connection. Returns the body bytes of the last answer.
    @discardableResult
    func run(_ count: Int) throws -> Int {
        var bytes = 0
        for _ in 0..<rounds(count) {
            for client in clients { try client.ask() }
            for index in clients.indices { bytes = try clients[index].take() }
        }
        return bytes
    }

    /// CPU nanoseconds of the server for one of `count` requests.
    func time(_ count: Int) throws -> Double {
        let start = server.cpuNanoseconds()
        try run(count)
        return Double(server.cpuNanoseconds() - start) / Double(rounds(count) * clients.count)
    }

    private func rounds(_ count: Int) -> Int { (count + clients.count - 1) / clients.count }
}
