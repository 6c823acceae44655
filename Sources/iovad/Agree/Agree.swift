// `iovad agree`: the record of a VM's window with its hosts, kept by a server. One command a verb. Without a
// server a single proposal is answered by the service inside this command, and nothing is kept.

import API
import ArgumentParser
import HTTP
import HTTPClient
import JSON

struct Agree: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agree",
        abstract: "Agree on a VM's MSI window with its hosts, and watch whether they keep it.",
        usage: "iovad agree <command> [<options>]",
        discussion: """
            A server keeps agreements (iovad serve); --server or IOVAD_SERVER names it. The exit status of \
            propose, accept, add, remove, check and show \
            says whether the promise holds: 0 it does, 3 no window \
            serves the VM or the agreement is released, 4 a host does not keep it. That of watch says how \
            the agreement ended.

              iovad agree propose --id vm-42 --vmm qemu-virt --ram 4G --pool rack-7
              iovad agree accept vm-42
              iovad agree check vm-42 --platform rack7-3
              iovad agree watch vm-42
            """,
        subcommands: [
            Propose.self, Accept.self, Check.self, Add.self, Remove.self, Show.self, List.self, Watch.self,
            Renew.self, Release.self, Withdraw.self,
        ])
}

/// An agreement that a server keeps.
struct AgreementArgument: ParsableArguments {
    @Argument(help: "The agreement's id.")
    var id: String

    /// Of the agreement, or of what is below it.
    func target(_ rest: String = "") -> String { "/v1/agreements/\(RequestTarget.encoded(id))\(rest)" }
}

/// A host in the words of a request: a file with any kind of host, or flags for a platform.
struct HostFlags: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            """
            File with the host as JSON, {"host": ...} as POST .../checks takes it: a platform, or what the \
            host reports; "-" is standard input.
            """, valueName: "host"), completion: .file())
    var request: String?
    @Option(help: ArgumentHelp("The host: a platform that the server knows.", valueName: "id"))
    var platform: String?
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Devices that the VM gets there. Default: all active ones.", valueName: "id"))
    var device: [String] = []
    @Option(
        help: ArgumentHelp("Its Linux release: \(FlagValue.kernels).", valueName: "release"),
        completion: CompletedValues.kernels)
    var kernel: String?
    @OptionGroup var page: PageSizeOption

    var isGiven: Bool { request != nil || platform != nil }

    func check() throws {
        let flags =
            [("--device", !device.isEmpty), ("--kernel", kernel != nil)]
            + page.stated.map { ($0.name, $0.isGiven) }
        let given = ([("--platform", platform != nil)] + flags).filter(\.1).map(\.0)
        if request != nil, !given.isEmpty {
            throw ValidationError(
                "the file of the host takes the place of flags: leave out \(given.joined(separator: ", "))")
        }
        if let flag = flags.first(where: \.1), platform == nil {
            throw ValidationError("\(flag.0) needs --platform")
        }
        if let kernel { _ = try FlagValue.read("--kernel", kernel, Condition.kernel) }
        try page.check()
    }

    /// Of a request about the host.
    func body() throws -> [UInt8] {
        if let request { return try OfflineService.contents(request) }
        let pages = try page.hex
        var writer = JSONWriter()
        writer.object { writer in
            writer.object("host") { writer in
                writer.member("name", platform ?? "")
                writer.member("platform", platform ?? "")
                if !device.isEmpty { writer.member("devices", strings: device) }
                if let kernel { writer.member("kernel", kernel) }
                if let pages { writer.member("page_size", pages) }
            }
        }
        return writer.bytes
    }
}

/// How the answers about agreements are printed, and with which status the command ends.
struct AgreementPrinter {
    var printer: AnswerPrinter

    /// - Parameter server: nil where the service inside this command answers.
    init(printer: AnswerPrinter, _ server: Server?) {
        self.printer = printer
        self.printer.asked = server?.base
    }

    /// Prints an agreement.
    func show(_ answer: Response) throws -> JSONNode {
        try check(answer)
        return try printer.show(answer) { AgreementTable.agreement($0) }
    }

    /// What is refused is printed as the answer that it is: no window, or a host that breaks the promise.
    func check(_ answer: Response) throws {
        guard answer.status == 409, let problem = try? printer.document(answer),
            let kind = AgreementRefusal(problem)
        else { return try printer.check(answer) }
        if printer.asJSON {
            print(String(decoding: answer.body, as: UTF8.self))
        } else {
            Console.say("Error: \(problem.text("detail"))")
            print(AgreementTable.refusal(problem), terminator: "")
        }
        throw kind.ending.code
    }
}

/// The problems that are answers about a promise.
enum AgreementRefusal: String, CaseIterable {
    case noAgreement = "no-agreement"
    case broken = "agreement-broken"

    init?(_ problem: JSONNode) {
        let type = problem.text("type")
        guard let found = Self.allCases.first(where: { type.hasSuffix("/problems/\($0.rawValue)") }) else {
            return nil
        }
        self = found
    }

    var ending: Ending {
        switch self {
        case .noAgreement: .no
        case .broken: .broken
        }
    }
}
