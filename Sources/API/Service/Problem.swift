// One refusal, with the facts that its receiver needs. Rendering is the service's business.

public import HTTP
public import JSON

/// A problem as it will be told: kind, one sentence, and where in the request it lies.
public struct Problem: Error, Sendable {
    public var kind: ProblemKind
    /// One sentence that the caller can act on.
    public var detail: String
    /// Places in the request, at most `Limits.problemErrorsMax`.
    public var errors: [JSONProblem]
    /// Places beyond the limit.
    public var errorsDropped: Int
    /// What Linux fails with, when it is Linux that refuses.
    public var errno: String?
    /// Fields that this answer carries besides the usual: Allow, Retry-After, ETag, WWW-Authenticate.
    public var headers: HeaderFields

    public init(
        _ kind: ProblemKind, _ detail: String, errors: [JSONProblem] = [], errorsDropped: Int = 0,
        errno: String? = nil, headers: HeaderFields = HeaderFields(), retryAfterSeconds: Int? = nil
    ) {
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.errorsDropped = errorsDropped
        self.errno = errno
        self.headers = headers
        if let retryAfterSeconds { self.headers.set("Retry-After", String(retryAfterSeconds)) }
    }
}
