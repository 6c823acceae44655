// `iovad serve`: reads flags and environment, puts service and servers together, and stops in good order.
// The access log is here too: one line a request, on standard error. What the server answers is API's, how
// it speaks HTTP is MicroHTTP's.

import API
import ArgumentParser
import Glibc
import HTTP
import JSON
import Locking
import MicroHTTP

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve the HTTP API.",
        discussion: """
            Every flag has an environment variable: --listen is IOVAD_LISTEN, --token-file is \
            IOVAD_TOKEN_FILE, and so on. A flag overrides its variable; an unknown IOVAD_ variable is an \
            error. Sockets passed by systemd (LISTEN_FDS) are used instead of --listen.

            Where this host has IOMMU groups, it is platform "\(Service.hostID)": whoever may send requests can \
            read what `iovad collect` gathers of it, addresses and device names among it. By default only \
            this machine can connect. SIGHUP reads the host again; --no-host offers nothing.
            """)

    @Option(help: "HOST:PORT to listen on; port 0 picks a free port. Default: \(Settings.listenDefault).")
    var listen: String?
    @Option(help: "Also listen on this unix socket path.")
    var unix: String?
    @Option(
        name: .customLong("public"),
        help:
            "Folder of the static files. Default: Public beside the binary, in ../share/iovad, or in this folder."
    )
    var publicFolder: String?
    @Option(help: "File whose first line is the token that clients must send.")
    var tokenFile: String?
    @Option(help: "Certificate chain in PEM. With --tls-key, TCP sockets serve HTTPS.")
    var tlsCert: String?
    @Option(help: "Private key of the certificate, in PEM.")
    var tlsKey: String?
    @Option(help: "Origin whose pages may call the API (CORS); * allows every origin.")
    var corsOrigin: String?
    @Option(help: "Access log on standard error: text, json or none. Default: text.")
    var log: String?
    @Flag(help: "Allow listening beyond loopback without a token.")
    var insecure = false
    @Flag(help: "Do not offer this host as platform \(Service.hostID).")
    var noHost = false
    @Option(
        help: ArgumentHelp(
            "Offer the host of a copied tree (with sys/ and proc/ below it) instead of this one.",
            valueName: "folder"))
    var hostRoot: String?
    @Option(help: "Seconds that requests in progress get when the server stops. Default: 10.")
    var graceSeconds: Int?

    /// Descriptors beside those of connections: sockets, epoll, logs, files that are read.
    private static let otherDescriptors = 256

    func validate() throws {
        if let graceSeconds, !(0...3_600).contains(graceSeconds) {
            throw ValidationError("--grace-seconds must be 0 to 3600")
        }
    }

    func run() throws {
        let settings = try Settings(self, environment: Environment.iovad())
        ServerSignal.block(rereads: settings.hostRoot != nil)
        let limits = ServerLimits()
        ServerMemory.returnLargeBlocks()
        Environment.raiseDescriptorLimit(to: limits.maximumConnectionCount + Self.otherDescriptors)
        let lane = HeavyLane()
        var configuration = Service.Configuration(
            version: Iovad.version,
            build: [("libmicrohttpd", Daemon.libraryVersion), ("swift_language_mode", "6")],
            token: settings.token, allowedOrigin: settings.corsOrigin, site: try settings.site(),
            serverLimits: limits.table + lane.bounds.table)
        configuration.laneGauges = { lane.gauges }
        let service = Service(configuration)
        let host = settings.hostRoot.map { OfferedHost(root: $0, service) }
        host?.read()
        var daemons: [Daemon] = []
        for listener in try settings.listeners() {
            let isTCP = listener.port != nil
            daemons.append(
                try settings.opened(for: listener.name) { () throws(ListenError) in
                    try Daemon(
                        listener: listener, responder: service.responder, limits: limits,
                        lane: lane, tls: isTCP ? settings.tls : nil, onCompletion: settings.log.observer)
                })
            let scheme = isTCP ? settings.tls == nil ? "http://" : "https://" : ""
            Console.say("iovad \(Iovad.version) serves \(scheme)\(listener.name)")
        }
        ServerMemory.returnStartupPages()
        let ticking = try PeriodicThread(everyMilliseconds: 1000) { service.tick() }
        Console.say("signal \(Self.wait(host)): draining")
        service.beginDraining()
        let isClean = Daemon.drain(daemons, graceSeconds: Double(settings.graceSeconds))
        ticking.stop()
        Console.say(isClean ? "stopped" : "stopped; requests were cut off after the grace period")
        if !isClean { throw ExitCode(1) }
    }

    /// The number of the signal that ends the server; the host is read again at each SIGHUP before.
    private static func wait(_ host: OfferedHost?) -> Int32 {
        while true {
            switch ServerSignal.wait(rereads: host != nil) {
            case .reread: host?.read()
            case .end(let number): return number
            }
        }
    }
}

enum AccessLog: String {
    case text, json, none

    /// nil when nothing is logged, so that nothing is measured either.
    var observer: (@Sendable (CompletedExchange) -> Void)? {
        switch self {
        case .none: nil
        case .text: { Console.say(Self.line($0)) }
        case .json: { Console.say(Self.object($0)) }
        }
    }

    private static func line(_ completion: CompletedExchange) -> String {
        let status = completion.status.map(String.init) ?? "---"
        return "\(completion.head.peer) \(completion.head.method.name) \(target(completion)) \(status) "
            + "\(completion.bytesOut)B \(completion.microseconds)us \(completion.requestID ?? "-")"
    }

    /// The target as text: control characters and what is not UTF-8 do not reach a terminal.
    private static func target(_ completion: CompletedExchange) -> String {
        let printable = completion.head.rawTarget.prefix(512).map {
            (0x21...0x7e).contains($0) ? $0 : UInt8(ascii: "?")
        }
        return String(decoding: printable, as: UTF8.self)
    }

    private static func object(_ completion: CompletedExchange) -> String {
        var writer = JSONWriter(reservingBytes: 256)
        writer.object { writer in
            writer.member("peer", completion.head.peer)
            writer.member("method", completion.head.method.name)
            writer.member("target", target(completion))
            if let status = completion.status { writer.member("status", status) }
            writer.member("response_bytes", completion.bytesOut)
            writer.member("microseconds", Int(clamping: completion.microseconds))
            writer.member("request_id", completion.requestID ?? "")
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
