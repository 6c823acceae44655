// The verbs on an agreement that a server keeps: accept, release, check a host, add one, show, list.

import ArgumentParser
import Fleet
import HTTP
import HTTPClient
import JSON

/// Changes the state of an agreement.
protocol StateCommand: CheckedCommand {
    var agreement: AgreementArgument { get }
    var server: ServerOption { get }
    var output: OutputOption { get }
    static var state: String { get }
}

extension StateCommand {
    func checkArguments() throws {
        try output.check()
        _ = try server.required
    }

    func answer() throws {
        var writer = JSONWriter()
        writer.object { $0.member("state", Self.state) }
        let answer = try server.required.ask("PATCH", agreement.target(), writer.bytes)
        let shown = try AgreementPrinter(printer: output.printer).show(answer)
        if Self.state == Accept.state { try Ending.ofAgreement(shown).end() }
    }
}

struct Accept: StateCommand {
    static let configuration = CommandConfiguration(abstract: "Accept an agreement: the VM runs with it.")
    static let state = "accepted"

    @OptionGroup var agreement: AgreementArgument
    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption
}

struct Release: StateCommand {
    static let configuration = CommandConfiguration(
        abstract: "Release an agreement: the VM is gone, and nobody promises anything.")
    static let state = "released"

    @OptionGroup var agreement: AgreementArgument
    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption
}

struct Renew: CheckedCommand {
    static let configuration = CommandConfiguration(abstract: "Have the server keep an agreement for longer.")

    @OptionGroup var agreement: AgreementArgument
    @Option(help: ArgumentHelp("How long from this moment.", valueName: "seconds"))
    var ttlSeconds: Int
    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption

    func checkArguments() throws {
        try output.check()
        _ = try server.required
    }

    func answer() throws {
        var writer = JSONWriter()
        writer.object { $0.member("ttl_seconds", ttlSeconds) }
        let answer = try server.required.ask("PATCH", agreement.target(), writer.bytes)
        _ = try AgreementPrinter(printer: output.printer).show(answer)
    }
}

struct Withdraw: CheckedCommand {
    static let configuration = CommandConfiguration(
        abstract: "Remove an agreement, as a proposal that nobody wants.")

    @OptionGroup var agreement: AgreementArgument
    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption

    func checkArguments() throws {
        try output.check()
        _ = try server.required
    }

    func answer() throws {
        try output.printer.check(server.required.ask("DELETE", agreement.target()))
    }
}

struct Check: CheckedCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask whether an agreement holds, or would hold with another host.",
        discussion: """
            Without a host: whether it holds as it is. With one, as before a migration: whether that host \
            would keep the promise. Nothing changes.
            """)

    @OptionGroup var agreement: AgreementArgument
    @OptionGroup var host: HostFlags
    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption

    func checkArguments() throws {
        try host.check()
        try output.check()
        _ = try server.required
    }

    func answer() throws {
        let server = try server.required
        let printer = AgreementPrinter(printer: output.printer)
        guard host.platform != nil else {
            try Ending.ofAgreement(printer.show(server.ask("GET", agreement.target()))).end()
            return
        }
        var writer = JSONWriter()
        writer.object { writer in writer.object("host") { host.members(&$0) } }
        let answer = try server.ask("POST", agreement.target("/checks"), writer.bytes)
        try printer.check(answer)
        let shown = try printer.printer.show(answer) { AgreementTable.check($0) }
        try (shown.flag("keeps") ? Ending.holds : .broken).end()
    }
}

struct Add: CheckedCommand {
    static let configuration = CommandConfiguration(
        abstract: "Add a host to an agreement, where it keeps the promise.")

    @OptionGroup var agreement: AgreementArgument
    @OptionGroup var host: HostFlags
    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption

    func checkArguments() throws {
        guard host.platform != nil else { throw ValidationError("name the host: --platform") }
        try output.check()
        _ = try server.required
    }

    func answer() throws {
        var writer = JSONWriter()
        writer.object { writer in writer.object("host") { host.members(&$0) } }
        let answer = try server.required.ask("POST", agreement.target("/hosts"), writer.bytes)
        let shown = try AgreementPrinter(printer: output.printer).show(answer)
        try Ending.ofAgreement(shown).end()
    }
}

struct Show: CheckedCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print an agreement, or what is pasted into its VMM.")

    @OptionGroup var agreement: AgreementArgument
    @OptionGroup var server: ServerOption
    @OptionGroup var output: PlacementOutputOption

    func checkArguments() throws {
        try output.check()
        _ = try server.required
    }

    func answer() throws {
        let server = try server.required
        guard let format = output.rendering else {
            let shown = try AgreementPrinter(printer: output.printer).show(
                server.ask("GET", agreement.target()))
            return try Ending.ofAgreement(shown).end()
        }
        try output.printer.show(
            format, server.ask("GET", agreement.target("?format=\(format.rawValue)")), ending: .holds)
    }
}

struct List: CheckedCommand {
    static let configuration = CommandConfiguration(abstract: "List a server's agreements.")

    @OptionGroup var server: ServerOption
    @OptionGroup var output: OutputOption

    func checkArguments() throws {
        try output.check()
        _ = try server.required
    }

    func answer() throws {
        let server = try server.required
        var token: String?
        repeat {
            let page = token.map { "?page_token=\(RequestTarget.encoded($0))" } ?? ""
            let answer = try server.ask("GET", "/v1/agreements\(page)")
            let shown = try output.printer.show(answer) { AgreementTable.list($0) }
            token = shown.member("next_page_token")?.text
        } while token != nil
    }
}
