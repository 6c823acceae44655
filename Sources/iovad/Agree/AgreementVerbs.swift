// The verbs on an agreement that a server keeps: accept, release, check a host, add one, show, list.

import ArgumentParser
import Fleet
import HTTP
import HTTPClient
import JSON

/// Changes members of an agreement.
protocol ChangeCommand: ServerCommand {
    var agreement: AgreementArgument { get }
    func members(_ writer: inout JSONWriter)
    /// With what the command ends when the change is made.
    func ending(_ agreement: JSONNode) -> Ending
}

extension ChangeCommand {
    func ending(_ agreement: JSONNode) -> Ending { .holds }

    func answer(_ server: Server) throws {
        var writer = JSONWriter()
        writer.object { members(&$0) }
        try ending(printer(server).show(server.ask("PATCH", agreement.target(), writer.bytes))).end()
    }
}

struct Accept: ChangeCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept", abstract: "Accept an agreement: the VM runs with it.")

    @OptionGroup var agreement: AgreementArgument
    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption

    func members(_ writer: inout JSONWriter) { writer.member("state", "accepted") }
    func ending(_ agreement: JSONNode) -> Ending { .ofAgreement(agreement) }
}

struct Release: ChangeCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Release an agreement: the VM is gone, and nobody promises anything.")

    @OptionGroup var agreement: AgreementArgument
    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption

    func members(_ writer: inout JSONWriter) { writer.member("state", "released") }
}

struct Renew: ChangeCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew", abstract: "Have the server keep an agreement for longer.")

    @OptionGroup var agreement: AgreementArgument
    @Option(help: ArgumentHelp("How long from this moment.", valueName: "seconds"))
    var ttlSeconds: Int
    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption

    func members(_ writer: inout JSONWriter) { writer.member("ttl_seconds", ttlSeconds) }
}

struct Withdraw: ServerCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw", abstract: "Remove an agreement, as a proposal that nobody wants.")

    @OptionGroup var agreement: AgreementArgument
    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption

    func answer(_ server: Server) throws {
        try printer(server).check(server.ask("DELETE", agreement.target()))
    }
}

struct Check: ServerCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Ask whether an agreement holds, or would hold with another host.",
        discussion: """
            Without a host: whether it holds as it is. With one, as before a migration: whether that host \
            would keep the promise. Nothing changes.
            """)

    @OptionGroup var agreement: AgreementArgument
    @OptionGroup var host: HostFlags
    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption

    func checkFlags() throws { try host.check() }

    func answer(_ server: Server) throws {
        var printer = printer(server)
        guard host.isGiven else {
            return try Ending.ofAgreement(printer.show(server.ask("GET", agreement.target()))).end()
        }
        printer.printer.source = host.request
        let answer = try server.ask("POST", agreement.target("/checks"), host.body())
        try printer.check(answer)
        let shown = try printer.printer.show(answer) { AgreementTable.check($0) }
        try (shown.flag("keeps") ? Ending.holds : .broken).end()
    }
}

struct Add: ServerCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Add a host to an agreement, where it keeps the promise.")

    @OptionGroup var agreement: AgreementArgument
    @OptionGroup var host: HostFlags
    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption

    func checkFlags() throws {
        guard host.isGiven else { throw ValidationError("name the host: --platform, or a file") }
        try host.check()
    }

    func answer(_ server: Server) throws {
        var printer = printer(server)
        printer.printer.source = host.request
        let answer = try server.ask("POST", agreement.target("/hosts"), host.body())
        try Ending.ofAgreement(printer.show(answer)).end()
    }
}

struct Remove: ServerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take a host out of an agreement, as one that the VM has left.")

    @OptionGroup var agreement: AgreementArgument
    @Argument(help: "The host's name in the agreement.")
    var host: String
    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption

    func answer(_ server: Server) throws {
        let printer = printer(server)
        let target = agreement.target("/hosts/\(RequestTarget.encoded(host))")
        try printer.check(server.ask("DELETE", target))
        try Ending.ofAgreement(printer.show(server.ask("GET", agreement.target()))).end()
    }
}

struct Show: ServerCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print an agreement, or what is pasted into its VMM.")

    @OptionGroup var agreement: AgreementArgument
    @OptionGroup var server: ServerOption
    @OptionGroup var output: PlacementOutputOption

    func answer(_ server: Server) throws {
        let printer = printer(server)
        let answer = try server.ask("GET", agreement.target())
        guard let format = output.rendering else {
            return try Ending.ofAgreement(printer.show(answer)).end()
        }
        try printer.check(answer)
        try printer.printer.show(
            format, server.ask("GET", agreement.target("?format=\(format.rawValue)")),
            ending: .ofAgreement(printer.printer.document(answer)))
    }
}

struct List: ServerCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List a server's agreements.")

    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption

    func answer(_ server: Server) throws {
        let printer = printer(server).printer
        var token: String?
        repeat {
            let page = token.map { "?page_token=\(RequestTarget.encoded($0))" } ?? ""
            let answer = try server.ask("GET", "/v1/agreements\(page)")
            let shown = try printer.show(answer) { AgreementTable.list($0) }
            token = shown.member("next_page_token")?.text
        } while token != nil
    }
}
