// An answer that is the same for every request but for the request's id: a probe's, a file's. It is put
// together once, and so is what the server in front makes of it, which lives as long as the answer.

import Locking

/// An answer that is given again and again.
public final class FixedAnswer: Sendable {
    /// The field whose value is the request's.
    public static let idField = "X-Request-ID"

    public let status: Int
    public let body: [UInt8]
    /// All of the head's; the value of `idField` is empty.
    private let template: [HeaderFields.Field]
    /// Where in them that field stands.
    private let idPlace: Int
    /// What the server in front keeps.
    private let kept = Locked<(any AnyObject & Sendable)?>(nil)

    /// - Precondition: the answer is complete, and has a field `idField` once.
    public init(_ answer: Response) {
        precondition(answer.stream == nil, "a stream is of one request")
        let places = answer.headers.fields.indices.filter { answer.headers.fields[$0].name == Self.idField }
        precondition(places.count == 1, "\(places.count) fields \(Self.idField)")
        status = answer.status
        body = answer.body
        idPlace = places[0]
        var fields = answer.headers.fields
        fields[idPlace].value = ""
        template = fields
    }

    /// The answer to one request.
    public func response(requestID: String) -> Response { Response(self, requestID: requestID) }

    /// The fields of the answer to one request.
    public func headers(requestID: String) -> HeaderFields {
        var fields = template
        fields[idPlace].value = requestID
        return HeaderFields(fields)
    }

    /// What the server in front keeps; `make` is called when it is asked for first.
    public func keeping<Kept: AnyObject & Sendable>(_ make: () -> Kept) -> Kept {
        kept.withLock { kept in
            if let kept = kept as? Kept { return kept }
            let made = make()
            kept = made
            return made
        }
    }
}
