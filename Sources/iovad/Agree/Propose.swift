// `iovad agree propose`: asks the hosts for a window for one VM. The question is that of `iovad place`.

import ArgumentParser
import JSON

struct Propose: CheckedCommand {
    static let configuration = CommandConfiguration(
        commandName: "propose", abstract: "Propose an agreement for a VM.",
        discussion: """
            Without a server the proposal is answered here, and nothing is kept: --host and --machine name \
            files then. A server is asked about platforms that it knows (--platform, --pool).
            """)

    @OptionGroup var question: RequestArgument
    @OptionGroup var flags: PlacementFlags
    @Option(help: ArgumentHelp("A pool of the server's platforms as hosts.", valueName: "name"))
    var pool: String?
    @Option(help: "The agreement's id. Default: the server makes one.")
    var id: String?
    @Option(help: ArgumentHelp("How long the server keeps it.", valueName: "seconds"))
    var ttlSeconds: Int?
    @Flag(help: "Only say what would be agreed.")
    var dryRun = false
    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption

    func checkArguments() throws {
        if question.request == nil, flags.vmm == nil {
            throw ValidationError("give a request file, or --vmm and --ram")
        }
        try question.check(
            against: flags.stated + [
                ("--pool", pool != nil), ("--id", id != nil), ("--ttl-seconds", ttlSeconds != nil),
            ])
        try flags.check()
        try output.check()
        try StandardInput.check([question.request].compactMap { $0 } + flags.machine.machine + flags.hosts)
        if pool != nil, !flags.platform.isEmpty {
            throw ValidationError("give --platform or --pool, not both")
        }
        if pool != nil, flags.report.iommuRegions != nil {
            throw ValidationError("--iommu-regions is of one host, and does not go with --pool")
        }
        guard server.isNamed else {
            for (flag, isGiven) in [
                ("--pool", pool != nil), ("--id", id != nil), ("--ttl-seconds", ttlSeconds != nil),
            ]
            where isGiven {
                throw ValidationError("\(flag) needs --server: without one nothing is kept")
            }
            return
        }
        guard flags.machine.machine.isEmpty, flags.hosts.isEmpty else {
            throw ValidationError(
                "--server: it is asked about platforms that it knows: upload the files (POST /v1/platforms), then give --platform"
            )
        }
        guard question.request != nil || pool != nil || !flags.platform.isEmpty || flags.asksForVMMs else {
            throw ValidationError("name the hosts: --platform or --pool")
        }
    }

    func answer() throws {
        let offline = OfflineService(version: Iovad.version)
        let server = try server.named
        var printer = AgreementPrinter(printer: output.printer, server)
        guard !flags.asksForVMMs else {
            let target = PlaceTable.vmmsTarget
            try printer.printer.show(server?.ask("GET", target) ?? offline.get(target)) {
                PlaceTable.vmms($0)
            }
            return
        }
        let subjects = try flags.subjects(offline)
        let body = try question.request.map(OfflineService.contents) ?? request(subjects)
        if let request = question.request {
            try JSONFileKind.check(body, of: request, is: .placementRequest, "request of iovad agree propose")
        }
        printer.printer.source = question.request
        let target = "/v1/agreements" + (dryRun || server == nil ? "?dry_run=true" : "")
        let answer = try server?.ask("POST", target, body) ?? offline.post(target, body)
        let shown = try printer.show(answer)
        if server == nil {
            Console.say("Nothing is kept: --server or IOVAD_SERVER names a server that agrees.")
        }
        try Ending.ofAgreement(shown).end()
    }

    private func request(_ subjects: [OfflineService.Subject]) throws -> [UInt8] {
        let members = try flags.members(of: subjects, pool: pool)
        var writer = JSONWriter()
        writer.object { writer in
            if let id { writer.member("id", id) }
            if let ttlSeconds { writer.member("ttl_seconds", ttlSeconds) }
            members(&writer)
        }
        return writer.bytes
    }
}
