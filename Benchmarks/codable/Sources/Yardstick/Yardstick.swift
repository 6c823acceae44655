// A server with Hummingbird that takes a request's body in full and answers what the product was recorded to answer.
// A body is decoded, and its answer encoded again, with Foundation's JSON and Codable, as such services do; an answer
// to a request without a body is sent as it is. It decides nothing, has no deadlines and no refusals.
//
// Yardstick --answer METHOD FILE ...; FILE holds a status, header lines, an empty line and the body. It listens on a
// free port of 127.0.0.1, says so on standard error in the words of `iovad serve`, and ends at SIGTERM.

import Foundation
import HTTPTypes
import Hummingbird
import Logging

/// An answer as it was recorded. Date and Content-Length are Hummingbird's.
struct RecordedAnswer: Sendable {
    let method: HTTPRequest.Method
    let status: HTTPResponse.Status
    let headers: HTTPFields
    let body: [UInt8]
    /// The members of an answer to a question.
    let model: Answer?

    init(method: String, path: String) throws {
        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        var (place, lines) = (0, [String]())
        while let end = bytes[place...].firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(decoding: bytes[place..<end], as: UTF8.self)
            place = end + 1
            if line.isEmpty { break }
            lines.append(line)
        }
        var headers = HTTPFields()
        for line in lines.dropFirst() {
            let colon = line.firstIndex(of: ":")!
            headers[HTTPField.Name(String(line[..<colon]))!] = String(line[colon...].dropFirst(2))
        }
        self.method = HTTPRequest.Method(method)!
        status = HTTPResponse.Status(code: Int(lines[0])!)
        self.headers = headers
        body = Array(bytes[place...])
        model = try? JSONDecoder().decode(Answer.self, from: Data(body))
    }
}

@main
enum Yardstick {
    static let bodyBytesMax = 24 << 20

    static func main() async throws {
        let arguments = CommandLine.arguments
        let answers = try stride(from: 1, to: arguments.count - 2, by: 3).map {
            try RecordedAnswer(method: arguments[$0 + 1], path: arguments[$0 + 2])
        }
        let responder = CallbackResponder<BasicRequestContext> { request, _ in
            let answer = answers.first { $0.method == request.method }!
            let question = try await request.body.collect(upTo: bodyBytesMax)
            let body = try question.readableBytes > 0 ? answered(question, answer) : answer.body
            return Response(
                status: answer.status, headers: answer.headers,
                body: .init(byteBuffer: ByteBuffer(bytes: body)))
        }
        var logger = Logger(label: "yardstick")
        logger.logLevel = .critical
        let application = Application(
            responder: responder, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                let line = "yardstick serves http://127.0.0.1:\(channel.localAddress!.port!)\n"
                FileHandle.standardError.write(Data(line.utf8))
            }, logger: logger)
        try await application.runService(gracefulShutdownSignals: [.sigterm])
    }

    /// The question is read, and the answer made and written.
    static func answered(_ question: ByteBuffer, _ answer: RecordedAnswer) throws -> [UInt8] {
        let asked = try JSONDecoder().decode(Question.self, from: Data(question.readableBytesView))
        guard asked.consumer != nil, let model = answer.model else {
            preconditionFailure("the recorded answer is none to a decision, or its members are others")
        }
        return try [UInt8](JSONEncoder().encode(model))
    }
}
