// What answers of all resources are made of: texts, JSON objects, the model that they reproduce, findings.
// The members of a resource's own answers stand in its folder.

import AddressSpaces
import HTTP
import IOVAAllocation
import Ingestion
import JSON
import LinuxReleases
import MSIWindows
import Machines

/// This implementation, as answers name it.
public enum Engine {
    public static let version = "0.1.0"
}

extension Service {
    func text(_ status: Int, _ text: String) -> Response {
        Response(
            status: status, headers: HeaderFields([.init("Content-Type", "text/plain; charset=utf-8")]),
            body: Array(text.utf8))
    }

    /// A JSON answer of one value.
    func json(_ value: (inout JSONWriter) -> Void) -> Response {
        var writer = JSONWriter()
        value(&writer)
        return Response(status: 200, headers: jsonFields([]), body: writer.bytes)
    }

    /// A JSON answer that was written before.
    func json(_ status: Int, written body: [UInt8]) -> Response {
        Response(status: status, headers: jsonFields([]), body: body)
    }

    /// A JSON answer whose members `body` writes.
    func json(
        _ status: Int, headers: [HeaderFields.Field] = [], reservingBytes: Int = 1_024,
        _ body: (inout JSONWriter) -> Void
    ) -> Response {
        var writer = JSONWriter(reservingBytes: reservingBytes)
        writer.object(body)
        return Response(status: status, headers: jsonFields(headers), body: writer.bytes)
    }

    /// The fields of a JSON answer, with room for those that every answer has: growing takes as long as
    /// adding all of them.
    private func jsonFields(_ more: [HeaderFields.Field]) -> HeaderFields {
        HeaderFields(.init("Content-Type", MediaType.json), more, roomFor: commonFieldCount)
    }
}

extension JSONWriter {
    mutating func finding(_ finding: Finding) {
        object { writer in
            writer.member("severity", finding.severity.rawValue)
            writer.member("code", finding.code)
            writer.member("where", finding.location)
            writer.member("detail", finding.detail)
        }
    }
}
