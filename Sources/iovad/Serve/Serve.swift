// `iovad serve`: reads flags and environment, puts service and servers together, and stops in good order.
// What the server answers is API's, how it speaks HTTP is MicroHTTP's.

import API
import ArgumentParser
import Glibc
import HTTP
import Locking
import MicroHTTP
import Storage

struct Serve: CheckedCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve the HTTP API.", usage: "iovad serve [<options>]",
        discussion: """
            Every flag has an environment variable: --listen is IOVAD_LISTEN, --token-file is \
            IOVAD_TOKEN_FILE, and so on. A flag overrides its variable; an unknown IOVAD_ variable is an \
            error. Sockets passed by systemd (LISTEN_FDS) are used instead of --listen.

            Where this host has IOMMU groups, it is platform "\(Service.hostID)": whoever may send \
            requests can read what `iovad collect` gathers of it, addresses and device names among it. By \
            default only this machine can connect; --no-host offers nothing.

            SIGHUP reads the host, the token file, certificate and key again; what cannot be used is \
            told, and the old kept.
            """)

    @Option(help: "HOST:PORT to listen on; port 0 picks a free port. Default: \(Settings.listenDefault).")
    var listen: String?
    @Option(
        help: ArgumentHelp("Also listen on this unix socket path.", valueName: "path"), completion: .file())
    var unix: String?
    @Option(
        name: .customLong("public"),
        help:
            "Folder of the static files. Default: Public beside the binary, in ../share/iovad, or in this folder.",
        completion: .directory)
    var publicFolder: String?
    @Option(
        help:
            "File with the tokens that clients must send: lines \"name read,write,operate token\", or one token alone.",
        completion: .file())
    var tokenFile: String?
    @Option(help: "Certificate chain in PEM. With --tls-key, TCP sockets serve HTTPS.", completion: .file())
    var tlsCert: String?
    @Option(help: "Private key of the certificate, in PEM.", completion: .file())
    var tlsKey: String?
    @Option(help: "Origin whose pages may call the API (CORS); * allows every origin.")
    var corsOrigin: String?
    @Option(
        help: ArgumentHelp(
            "Name by which clients may ask, beside localhost and the address that is listened at; * allows every name. May be repeated.",
            valueName: "name"))
    var allowHost: [String] = []
    @Option(
        help: "Access log on standard error: text, json or none. Default: text.",
        completion: CompletedValues.logs)
    var log: String?
    @Flag(help: "Allow listening beyond loopback without a token.")
    var insecure = false
    @Flag(help: "Do not offer this host as platform \(Service.hostID).")
    var noHost = false
    @Option(
        help: ArgumentHelp(
            "Offer the host of a copied tree (with sys/ and proc/ below it) instead of this one.",
            valueName: "folder"), completion: .directory)
    var hostRoot: String?
    @Option(
        help: "Seconds in which requests are still answered after SIGTERM, with readyz 503. Default: 0.")
    var drainSeconds: Int?
    @Option(
        help: ArgumentHelp(
            "Keep platforms, agreements and sessions in this folder, so that they outlive the server. Made where it is missing.",
            valueName: "folder"), completion: .directory)
    var stateDir: String?
    @Option(
        help: ArgumentHelp(
            "Keep them in PostgreSQL, with any number of servers as one service: libpq's URI or conninfo, without a password.",
            valueName: "conninfo"))
    var store: String?
    @Option(help: "Seconds that requests in progress get when the server stops, after those. Default: 10.")
    var graceSeconds: Int?

    static let phaseSeconds = 0...3_600

    func checkArguments() throws {
        for (name, seconds) in [("--grace-seconds", graceSeconds), ("--drain-seconds", drainSeconds)] {
            guard seconds.map(Self.phaseSeconds.contains) ?? true else {
                throw ValidationError("\(name) must be 0 to \(Self.phaseSeconds.upperBound)")
            }
        }
    }

    func answer() throws {
        ProcessFacts.noteStart()
        Environment.openStandardDescriptors()
        ServerSignal.prepare()
        let settings = try Settings(self, environment: Environment.iovad())
        ServerMemory.returnLargeBlocks()
        let log = try ServerLog(settings.log)
        defer { log.flush() }
        // What may be slow, or never come, is read while SIGTERM still ends the process by itself.
        let site = try settings.site()
        let identity = try settings.tlsFiles?.identity()
        let listeners = try settings.listeners()
        let limits = Self.limits(for: listeners.count, log)
        let (lane, budget) = (HeavyLane(), FlightBudget())
        let storage = try StateStorage.opened(settings)
        defer { storage?.close() }
        var configuration = Self.configuration(settings, site, listeners, storage)
        configuration.serverLimits = limits.table + lane.bounds.table + budget.bounds.table
        configuration.laneGauges = { lane.gauges }
        configuration.flightGauges = { budget.gauges }
        configuration.droppedLogLines = { log.droppedCount }
        let service = Service(configuration)
        let waiting = try storage.map { try StateStorage.restore(service, from: $0, log) }
        let host = settings.hostRoot.map { OfferedHost(root: $0, service, log) }
        host?.read()
        ServerSignal.block()
        let rereading = try Rereading(
            Reloading(settings: settings, service: service, identity: identity, host: host, log: log))
        let ticking = try Self.ticking(service)
        let storing = try storage.map { _ in
            try PeriodicThread(everyMilliseconds: 1000) { service.tickStore() }
        }
        let daemons = try listeners.map { listener in
            let isTCP = listener.port != nil
            return try settings.opened(for: listener.name) { () throws(ListenError) in
                try Daemon(
                    listener: listener, responder: service.responder, limits: limits,
                    lane: lane, waiting: waiting, budget: budget, tls: isTCP ? identity : nil,
                    onCompletion: Self.completion(service, settings.log.observer(log)),
                    onShortage: { log.say(Self.shortage) })
            }
        }
        guard Environment.canOpen(Self.spareDescriptors) else { throw TooFewDescriptors() }
        for listener in listeners {
            let scheme = listener.port == nil ? "" : identity == nil ? "http://" : "https://"
            log.say("iovad \(Iovad.version) serves \(scheme)\(listener.name)")
        }
        log.say("signal \(Self.wait(rereading)): draining")
        service.beginDraining()
        let isClean = drain(daemons, settings, log)
        ticking.stop()
        storing?.stop()
        log.say(isClean ? "stopped" : "stopped; requests were cut off after the grace period")
        if rereading.isReading {
            // That thread cannot be ended: nothing that it uses may be taken down under it.
            log.flush()
            _exit((isClean ? Ending.holds : .failed).rawValue)
        }
        if !isClean { throw Ending.failed.code }
    }

    private static func configuration(
        _ settings: Settings, _ site: Site, _ listeners: [ListenSocket], _ storage: (any Storage)?
    ) -> Service.Configuration {
        var configuration = Service.Configuration(
            version: Iovad.version, build: BuildFacts.all, tokens: settings.tokens,
            allowedOrigin: settings.corsOrigin, site: site)
        configuration.hosts = HostNames(
            listening: listeners.filter { $0.port != nil }.map(\.name), allowed: settings.allowedHosts)
        configuration.processFacts = ProcessFacts.now
        if let storage {
            configuration.storage = storage
            configuration.wallClock = { storage.now() }
        }
        return configuration
    }

    /// What is done each second. The first time the pages of the start are given back: not before, for the
    /// requests with which a start is probed would read many of them again.
    private static func ticking(_ service: Service) throws -> PeriodicThread {
        let isFirst = Locked(true)
        return try PeriodicThread(everyMilliseconds: 1000) {
            service.tick()
            let isStart = isFirst.withLock { isFirst in
                defer { isFirst = false }
                return isFirst
            }
            if isStart { ServerMemory.returnStartupPages() }
        }
    }

    /// What becomes of every request at its end: its time in the metrics, and its line in the log.
    private static func completion(
        _ service: Service, _ logging: (@Sendable (CompletedExchange) -> Void)?
    ) -> @Sendable (CompletedExchange) -> Void {
        { exchange in
            if let operation = exchange.operation, exchange.isComplete {
                service.completed(operation, microseconds: exchange.microseconds)
            }
            logging?(exchange)
        }
    }

    private func drain(_ daemons: [Daemon], _ settings: Settings, _ log: ServerLog) -> Bool {
        if settings.drainSeconds > 0 {
            Daemon.closeAfterAnswers(daemons)
            log.say("requests are answered for \(settings.drainSeconds) s; another signal ends that")
            ServerSignal.wait(seconds: settings.drainSeconds)
        }
        return Daemon.drain(daemons, graceSeconds: Double(settings.graceSeconds))
    }

    /// What a server must be able to open beside its sockets, so that it can take a client and read a file.
    private static let spareDescriptors = 8

    private static let shortage =
        "connections wait: the system has no file descriptor or memory for more (ulimit -n, LimitNOFILE)"

    /// As many connections as this process may have descriptors for.
    private static func limits(for listenerCount: Int, _ log: ServerLog) -> ServerLimits {
        let limits = ServerLimits()
        let descriptors = Environment.raiseDescriptorLimit(to: limits.descriptorCount(daemons: listenerCount))
        let fitting = limits.fitting(descriptors: descriptors, daemons: listenerCount)
        if fitting != limits {
            log.say(
                "\(fitting.maximumConnectionCount) connections at most for each socket: this process may open "
                    + "\(descriptors) files (ulimit -n, LimitNOFILE)")
        }
        return fitting
    }

    /// The number of the signal that ends the server; what SIGHUP reads again is read at each before.
    private static func wait(_ rereading: Rereading) -> Int32 {
        while true {
            switch ServerSignal.wait() {
            case .reread: rereading.ask()
            case .end(let number): return number
            }
        }
    }
}

struct TooFewDescriptors: Error, CustomStringConvertible {
    let description = "this process may open too few files to serve anybody (ulimit -n, LimitNOFILE)"
}
