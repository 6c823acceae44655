// Which server the commands of `iovad agree` ask, as whom, and what becomes of an answer: the bytes of a
// server are printed as those of the service inside this command.

import API
import ArgumentParser
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

    func check() throws { _ = try named }

    /// nil where no server is named.
    var named: Server? {
        get throws {
            let variables = Environment.iovad()
            let isFlag = server != nil
            guard let url = server ?? variables["SERVER"], !url.isEmpty else {
                if tokenFile != nil || caFile != nil {
                    throw ValidationError("--token-file and --ca-file need --server")
                }
                return nil
            }
            let token = try tokenFile.map(Self.token) ?? variables["TOKEN"]
            guard let server = Server(url, token: token, trusted: caFile) else {
                throw ValidationError(
                    "\(isFlag ? "--server" : "IOVAD_SERVER") \(Report.printable(url)): send a URL like http://127.0.0.1:8080"
                )
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

    private static func token(_ path: String) throws -> String {
        let bytes = try Files.contents(path, named: "--token-file")
        let line = bytes.prefix { $0 != 0x0a && $0 != 0x0d }
        guard !line.isEmpty, line.allSatisfy({ 0x21...0x7e ~= $0 }) else {
            throw ValidationError("--token-file \(path): its first line is no token")
        }
        return String(decoding: line, as: UTF8.self)
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
