// The registry of everything that this API refuses with: the one map from a reason to its slug, status, title
// and advice (RFC 9457). Tests hold the pages under /problems/ and the published contract against it.

/// A kind of problem, named by its slug.
public enum ProblemKind: String, CaseIterable, Sendable {
    case malformedJSON = "malformed-json"
    case duplicateKey = "duplicate-key"
    case invalidParameter = "invalid-parameter"
    case ambiguousFraming = "ambiguous-framing"
    case malformedTarget = "malformed-target"
    case malformedMultipart = "malformed-multipart"
    case unauthenticated
    case forbidden
    case notFound = "not-found"
    case methodNotAllowed = "method-not-allowed"
    case notAcceptable = "not-acceptable"
    case requestTimeout = "request-timeout"
    case platformExists = "platform-exists"
    case platformInUse = "platform-in-use"
    case preconditionFailed = "precondition-failed"
    case bodyTooLarge = "body-too-large"
    case unsupportedMediaType = "unsupported-media-type"
    case invalidRequest = "invalid-request"
    case unreadableDeviceTree = "unreadable-device-tree"
    case unreadableIORT = "unreadable-iort"
    case unreadableInput = "unreadable-input"
    case idempotencyKeyReused = "idempotency-key-reused"
    case tooManyPlatforms = "too-many-platforms"
    case sessionExpired = "session-expired"
    case iovaExhausted = "iova-exhausted"
    case rangeInUse = "range-in-use"
    case reservedRegionOverlap = "reserved-region-overlap"
    case notAllocated = "not-allocated"
    case attachRefused = "attach-refused"
    case refusedByLinux = "refused-by-linux"
    case sessionExists = "session-exists"
    case domainExists = "domain-exists"
    case requestInFlight = "request-in-flight"
    case tooManySessions = "too-many-sessions"
    case tooManySubscribers = "too-many-subscribers"
    case sessionFull = "session-full"
    case shuttingDown = "shutting-down"
    case `internal`

    /// The HTTP status, 400 ... 599.
    public var status: Int {
        switch self {
        case .malformedJSON, .duplicateKey, .invalidParameter, .ambiguousFraming, .malformedTarget,
            .malformedMultipart:
            400
        case .unauthenticated: 401
        case .forbidden: 403
        case .notFound, .sessionExpired: 404
        case .methodNotAllowed: 405
        case .notAcceptable: 406
        case .requestTimeout: 408
        case .platformExists, .platformInUse, .iovaExhausted, .rangeInUse, .reservedRegionOverlap,
            .notAllocated, .attachRefused, .refusedByLinux, .sessionExists, .domainExists, .requestInFlight:
            409
        case .preconditionFailed: 412
        case .bodyTooLarge: 413
        case .unsupportedMediaType: 415
        case .invalidRequest, .unreadableDeviceTree, .unreadableIORT, .unreadableInput, .idempotencyKeyReused:
            422
        case .tooManyPlatforms, .tooManySessions, .tooManySubscribers, .sessionFull: 429
        case .internal: 500
        case .shuttingDown: 503
        }
    }

    /// A short name for people; the same for every occurrence.
    public var title: String {
        switch self {
        case .malformedJSON: "The body is not JSON"
        case .duplicateKey: "A JSON object has the same key twice"
        case .invalidParameter: "A query parameter or header is wrong"
        case .ambiguousFraming: "The request's framing is ambiguous"
        case .malformedTarget: "The request target is malformed"
        case .malformedMultipart: "The multipart body is malformed"
        case .unauthenticated: "A token is needed"
        case .forbidden: "The token is wrong"
        case .notFound: "Nothing here"
        case .methodNotAllowed: "The resource has no such method"
        case .notAcceptable: "No acceptable representation"
        case .requestTimeout: "The request took too long to arrive"
        case .platformExists: "A platform of this id exists"
        case .platformInUse: "The platform cannot be changed"
        case .preconditionFailed: "The resource has changed"
        case .bodyTooLarge: "The body is too large"
        case .unsupportedMediaType: "The content type is not read here"
        case .invalidRequest: "The request means nothing"
        case .unreadableDeviceTree: "The device tree cannot be read"
        case .unreadableIORT: "The ACPI tables cannot be read"
        case .unreadableInput: "The input cannot be read"
        case .idempotencyKeyReused: "The idempotency key was used for another request"
        case .tooManyPlatforms: "No room for another platform"
        case .sessionExpired: "The session has expired"
        case .iovaExhausted: "No IOVA is left"
        case .rangeInUse: "The range is in use"
        case .reservedRegionOverlap: "The range meets a reserved region"
        case .notAllocated: "The address is not allocated"
        case .attachRefused: "Linux refuses the device"
        case .refusedByLinux: "Linux refuses the call"
        case .sessionExists: "A session of this id exists"
        case .domainExists: "A domain of this id exists"
        case .requestInFlight: "The first request is still being answered"
        case .tooManySessions: "No room for another session"
        case .tooManySubscribers: "No room for another event stream"
        case .sessionFull: "The session holds as much as it may"
        case .shuttingDown: "The server is shutting down"
        case .internal: "A bug of ours"
        }
    }

    /// What a caller does about it, for the page under /problems/.
    public var advice: String {
        switch self {
        case .malformedJSON:
            "Send one JSON document in UTF-8. The detail names line and column of the first error."
        case .duplicateKey: "Send each key of an object once: readers disagree on which of two wins."
        case .invalidParameter: "Correct the parameter that `errors` names. Unknown parameters are refused."
        case .ambiguousFraming:
            "Send one Host, and either one Content-Length or Transfer-Encoding: chunked."
        case .malformedTarget:
            "Send a path without empty or dot segments, each segment percent-encoded UTF-8 without %00."
        case .unauthenticated: "Send `Authorization: Bearer TOKEN` with the token of --token-file."
        case .forbidden: "Send the token that this server was started with."
        case .malformedMultipart:
            "Send multipart/form-data as `curl -F name=@file` does: a boundary, CRLF, and a name for each part."
        case .notFound: "See GET /v1 for what there is; ids are percent-encoded in paths."
        case .methodNotAllowed: "Use one of the methods that the Allow header lists."
        case .notAcceptable: "Accept application/json (and text/plain where the resource offers it)."
        case .requestTimeout: "Send head and body within the deadline of /v1/limits."
        case .platformExists: "Choose another id, or PUT to replace the platform."
        case .platformInUse: "Built-in platforms stay as they are: upload a copy under another id."
        case .preconditionFailed: "Read the resource again and repeat with its current ETag."
        case .bodyTooLarge: "Send less than the limit that the detail names."
        case .unsupportedMediaType: "Send one of the content types that the detail lists."
        case .invalidRequest: "Correct every member that `errors` points to."
        case .unreadableDeviceTree:
            "Send a flattened device tree, as dtc writes it. The detail says where it broke."
        case .unreadableIORT:
            "Send the bytes of /sys/firmware/acpi/tables/IORT, with APIC in a part of its own or behind it."
        case .unreadableInput:
            "Send a device tree, ACPI tables, reserved_regions text or the native JSON model; /proc/iomem only "
                + "beside ACPI tables."
        case .idempotencyKeyReused: "Use a fresh Idempotency-Key for every different request."
        case .tooManyPlatforms: "Delete platforms that are no longer needed."
        case .sessionExpired: "Make a new session; renew one with PATCH before its expires_at."
        case .iovaExhausted:
            "Free something, or ask for less, below a higher limit. The detail says what was searched."
        case .rangeInUse: "Free what `errors` names first, or ask for another range."
        case .reservedRegionOverlap: "Ask for a range inside the domain's iova_ranges."
        case .notAllocated: "GET .../iovas lists what is."
        case .attachRefused: "The detail says which of its regions stands in the way; `errno` is Linux's."
        case .refusedByLinux: "`errno` is what the call fails with."
        case .sessionExists: "Choose another id, or delete the session."
        case .domainExists: "Choose another id, or delete the domain."
        case .requestInFlight: "Repeat the request with the same key a little later."
        case .tooManySessions: "Delete sessions that are no longer needed, or wait for Retry-After."
        case .tooManySubscribers: "Close streams, or poll the JSON page of the same events."
        case .sessionFull: "Free something; GET /v1/limits lists the limits."
        case .shuttingDown: "Repeat the request at another instance, or after Retry-After."
        case .internal: "Report the request id: this is never the caller's fault."
        }
    }
}
