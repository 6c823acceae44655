// `iovad serve`: reads flags and environment, puts service and servers together, and ends in good order.

import API
import ArgumentParser
import Glibc
import Locking
import MicroHTTP

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve the HTTP API.",
        discussion: """
            Every flag has an environment variable: --listen is IOVAD_LISTEN, --token-file is
            IOVAD_TOKEN_FILE, and so on. A flag counts over its variable; an unknown IOVAD_ variable is
            an error. Sockets passed by systemd (LISTEN_FDS) are served instead of --listen.
            """)

    @Option(help: "HOST:PORT to listen on; port 0 takes a free one. Default 127.0.0.1:8080.")
    var listen: String?
    @Option(help: "Also listen on this unix socket path.")
    var unix: String?
    @Option(
        name: .customLong("public"),
        help: "Folder of the static files. Default: Public beside the binary, in ../share/iovad, or here.")
    var publicFolder: String?
    @Option(help: "File whose first line is the token that clients must send.")
    var tokenFile: String?
    @Option(help: "Certificate chain in PEM; with --tls-key, TCP sockets speak HTTPS.")
    var tlsCert: String?
    @Option(help: "Private key of the certificate, in PEM.")
    var tlsKey: String?
    @Option(help: "Origin that browsers may call from.")
    var corsOrigin: String?
    @Option(help: "Access log on standard error: text, json or none. Default text.")
    var log: String?
    @Flag(help: "Listen beyond loopback without a token.")
    var insecure = false
    @Option(help: "Seconds for requests under way when the server is told to stop. Default 10.")
    var graceSeconds: Int?

    /// Descriptors beside those of connections: sockets, epoll, logs, files that are read.
    private static let otherDescriptors = 256

    func validate() throws {
        if let graceSeconds, !(0...3_600).contains(graceSeconds) {
            throw ValidationError("--grace-seconds is 0 to 3600")
        }
    }

    func run() throws {
        TerminationSignal.block()
        let settings = try Settings(self, environment: Environment.iovad())
        let limits = ServerLimits()
        Files.raiseDescriptorLimit(to: limits.maximumConnectionCount + Self.otherDescriptors)
        let service = Service(
            Service.Configuration(
                version: Iovad.version,
                build: [("libmicrohttpd", Daemon.libraryVersion), ("swift_language_mode", "6")],
                token: settings.token, allowedOrigin: settings.corsOrigin, site: try settings.site(),
                serverLimits: limits.table))
        var daemons: [Daemon] = []
        for listener in try settings.listeners() {
            let isTCP = listener.port != nil
            daemons.append(
                try settings.opened(for: listener.name) { () throws(ListenError) in
                    try Daemon(
                        listener: listener, responder: service.responder, limits: limits,
                        tls: isTCP ? settings.tls : nil, onCompletion: settings.log.observer)
                })
            let scheme = isTCP ? settings.tls == nil ? "http://" : "https://" : ""
            Console.say("iovad \(Iovad.version) serves \(scheme)\(listener.name)")
        }
        let ticking = try PeriodicThread(everyMilliseconds: 1000) { service.tick() }
        let signal = TerminationSignal.wait()
        Console.say("signal \(signal): draining")
        service.beginDraining()
        let isClean = Daemon.drain(daemons, graceSeconds: Double(settings.graceSeconds))
        ticking.stop()
        Console.say(isClean ? "stopped" : "stopped; requests were cut off after the grace period")
        if !isClean { throw ExitCode(1) }
    }
}
