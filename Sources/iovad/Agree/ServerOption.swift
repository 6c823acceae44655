// Which server the commands of `iovad agree` ask, as whom, and what becomes of an answer: the bytes of a
// server are printed as those of the service inside this command.

import API
import ArgumentParser
import Glibc
import HTTP
import HTTPClient
import JSON

struct ServerOption: ParsableArguments {
    @Option(
        help: ArgumentHelp("The server, like http://127.0.0.1:8080. Default: IOVAD_SERVER.", valueName: "url")
    )
    var server: String?
    @Option(
        help: ArgumentHelp(
            "File whose first line is the token to send. Default: IOVAD_TOKEN.", valueName: "file"),
        completion: .file())
    var tokenFile: String?
    @Option(
        help: ArgumentHelp("File of certificates to trust for https, in PEM.", valueName: "file"),
        completion: .file())
    var caFile: String?

    /// Of the environment, without the prefix: for clients, while others are the server's.
    static let variables: Set = ["SERVER", "TOKEN"]

    private var url: String? {
        let url = server ?? Environment.iovad()["SERVER"]
        return url?.isEmpty == false ? url : nil
    }

    /// Whether there is a server to ask, whatever is wrong with its name.
    var isNamed: Bool { url != nil }

    /// nil where no server is named. It reads the token, which may come from a pipe, and so only once.
    var named: Server? {
        get throws {
            let variables = Environment.iovad()
            let isFlag = server != nil
            guard let url else {
                if tokenFile != nil || caFile != nil {
                    throw ValidationError("--token-file and --ca-file need --server")
                }
                return nil
            }
            // Where a name stands before the host, a password may: it is not shown.
            let shown = url.utf8.contains(UInt8(ascii: "@")) ? "" : " " + Report.printable(url)
            guard let server = Server(url, token: try token(variables), trusted: caFile) else {
                let why = shown.isEmpty ? " without a name and a password" : ""
                throw ValidationError(
                    "\(isFlag ? "--server" : "IOVAD_SERVER")\(shown): send a URL like http://127.0.0.1:8080\(why)"
                )
            }
            if let caFile, access(caFile, R_OK) != 0 {
                throw FileFault(place: "--ca-file \(caFile)", code: errno)
            }
            return server
        }
    }

    var required: Server {
        get throws {
            guard let server = try named else {
                throw ValidationError(
                    "give --server URL, or set IOVAD_SERVER: agreements are kept by a server")
            }
            return server
        }
    }

    private func token(_ variables: [String: String]) throws -> String? {
        let place = tokenFile.map { "--token-file \(Report.printable($0)): its first line" } ?? "IOVAD_TOKEN"
        let file = try tokenFile.map { try Files.contents($0, named: "--token-file") }
        guard
            let bytes = file.map({ $0.prefix { $0 != 0x0a && $0 != 0x0d } })
                ?? variables["TOKEN"].map({
                    Array($0.utf8)[...]
                })
        else { return nil }
        guard !bytes.isEmpty, bytes.allSatisfy({ 0x21...0x7e ~= $0 }) else {
            throw ValidationError("\(place) is no token: one has visible ASCII characters and no blanks")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A format of answers that a command offers.
protocol AnswerOutput {
    func check() throws
    var printer: AnswerPrinter { get }
}

extension OutputOption: AnswerOutput {}
extension PlacementOutputOption: AnswerOutput {}

/// A command that needs a server.
protocol ServerCommand: CheckedCommand {
    associatedtype Output: AnswerOutput
    var server: ServerOption { get }
    var output: Output { get }
    /// Refuses flags, beside those of the output, that do not go together.
    func checkFlags() throws
    func answer(_ server: Server) throws
}

extension ServerCommand {
    func checkFlags() throws {}

    func checkArguments() throws {
        try checkFlags()
        try output.check()
    }

    func answer() throws { try answer(server.required) }

    func printer(_ server: Server) -> AgreementPrinter {
        AgreementPrinter(printer: output.printer, server)
    }
}

extension Server {
    /// The answer of the server; that it cannot be asked ends the command.
    func ask(
        _ method: String, _ target: String, fields: [(name: String, value: String)] = [], _ body: [UInt8] = []
    ) throws -> Response {
        let type = body.isEmpty ? [] : [(name: "Content-Type", value: MediaType.json)]
        do throws(Failure) {
            return Self.response(try send(Message(method, target, fields: type + fields, body: body)))
        } catch {
            throw failure(error)
        }
    }

    static func response(_ answer: Answer) -> Response {
        Response(
            status: answer.status,
            headers: HeaderFields(answer.fields.map { HeaderFields.Field($0.name, $0.value) }),
            body: answer.body)
    }

    /// In words, for the user.
    func failure(_ error: Failure) -> CommandFailure {
        switch error {
        case .noLibrary(let reason):
            CommandFailure(
                "libcurl, which speaks to servers, cannot be loaded (Debian: apt-get install libcurl4): "
                    + Report.printable(reason))
        case .unreachable(let reason):
            CommandFailure("\(base) cannot be reached: \(Report.printable(reason))")
        case .broken(let reason):
            CommandFailure(
                "\(base) has not answered: \(Report.printable(reason)); it may have done what was asked")
        case .tooLong(let bytesMax):
            CommandFailure("\(base) has answered more than \(bytesMax >> 20) MiB")
        case .noEvents(let status): Self.stranger(base, status)
        }
    }

    /// Something else answers there: a proxy, or another service.
    static func stranger(_ base: String, _ status: Int) -> CommandFailure {
        CommandFailure("\(base) has answered \(status), and not as iovad does")
    }
}
