// The registry of problems: the one map from a reason to its slug, status, title and advice (RFC 9457). Tests
// compare the pages under /problems/ and the published contract with it.

/// A kind of problem, named by its slug.
package enum ProblemKind: String, CaseIterable, Sendable {
    case malformedJSON = "malformed-json"
    case duplicateKey = "duplicate-key"
    case invalidParameter = "invalid-parameter"
    case ambiguousFraming = "ambiguous-framing"
    case malformedTarget = "malformed-target"
    case malformedMultipart = "malformed-multipart"
    case unauthenticated
    case forbidden
    case foreignHost = "foreign-host"
    case foreignOrigin = "foreign-origin"
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
    case noAgreement = "no-agreement"
    case agreementBroken = "agreement-broken"
    case agreementState = "agreement-state"
    case agreementExists = "agreement-exists"
    case agreementExpired = "agreement-expired"
    case tooManyAgreements = "too-many-agreements"
    case requestInFlight = "request-in-flight"
    case tooManySessions = "too-many-sessions"
    case tooManySubscribers = "too-many-subscribers"
    case headTooLarge = "head-too-large"
    case sessionFull = "session-full"
    case shuttingDown = "shutting-down"
    case busy
    case storeUnavailable = "store-unavailable"
    case tooExpensive = "too-expensive"
    case `internal`

    /// Whether the request ran and this is what came of it: such an answer is kept for its Idempotency-Key.
    /// Any other says that nothing was tried, so that the request may be corrected, or sent again later.
    var isOutcome: Bool { row.isOutcome }

    /// The HTTP status, 400 ... 599.
    package var status: Int { row.status }

    /// A short name for people; the same for every occurrence.
    package var title: String { row.title }

    /// What a caller does about it, for the page under /problems/.
    var advice: String { row.advice }

    private struct Row {
        let status: Int
        let title: String
        let advice: String
        let isOutcome: Bool

        init(_ status: Int, _ title: String, _ advice: String, isOutcome: Bool = false) {
            (self.status, self.title, self.advice) = (status, title, advice)
            self.isOutcome = isOutcome
        }
    }

    private var row: Row {
        switch self {
        case .malformedJSON:
            Row(
                400, "The body is not JSON",
                "Send one JSON document in UTF-8. The detail names line and column of the first error.")
        case .duplicateKey:
            Row(
                400, "A JSON object has the same key twice",
                "Send each key of an object once: readers disagree about which of two counts.")
        case .invalidParameter:
            Row(
                400, "A query parameter or header is wrong",
                "Correct the parameter that `errors` names. Unknown parameters are refused.")
        case .ambiguousFraming:
            Row(
                400, "The request's framing is ambiguous",
                "Send one Host, and one Content-Length or Transfer-Encoding: chunked, in lines ended by CRLF, unfolded."
            )
        case .malformedTarget:
            Row(
                400, "The request target is malformed",
                "Send a path without empty or dot segments, each segment percent-encoded UTF-8 without %00.")
        case .malformedMultipart:
            Row(
                400, "The multipart body is malformed",
                "Send multipart/form-data as `curl -F name=@file` does: a boundary, CRLF, and a name for each part."
            )
        case .unauthenticated:
            Row(
                401, "A token is needed",
                "Send `Authorization: Bearer TOKEN` with a token of --token-file.")
        case .forbidden:
            Row(
                403, "The token does not allow this",
                "Send a token with the scope that the detail names, or the one to which the resource belongs."
            )
        case .foreignHost:
            Row(
                403, "The server is not called so",
                "Ask for localhost or the address that the server listens at; --allow-host NAME allows another name."
            )
        case .foreignOrigin:
            Row(
                403, "The page is of another origin",
                "Open the dashboard by the server's own address; --cors-origin allows the pages of one origin more."
            )
        case .notFound:
            Row(404, "Not found", "GET /v1 lists what exists; percent-encode ids in paths.")
        case .methodNotAllowed:
            Row(405, "The method is not allowed", "Use one of the methods that the Allow header lists.")
        case .notAcceptable:
            Row(
                406, "No acceptable representation",
                "Accept application/json (and text/plain where the resource offers it).")
        case .requestTimeout:
            Row(
                408, "The request took too long to arrive",
                "Send head and body within the deadline that GET /v1/limits lists.")
        case .platformExists:
            Row(409, "The platform already exists", "Choose another id, or PUT to replace the platform.")
        case .platformInUse:
            Row(
                409, "The platform cannot be changed",
                "Built-in platforms and this-host cannot be changed: upload a copy under another id.")
        case .preconditionFailed:
            Row(412, "The resource has changed", "Read the resource again and repeat with its current ETag.")
        case .bodyTooLarge:
            Row(413, "The body is too large", "Send less than the limit that the detail names.")
        case .unsupportedMediaType:
            Row(
                415, "The content type is not supported",
                "Send one of the content types that the detail lists.")
        case .invalidRequest:
            Row(422, "Invalid request", "Correct every member that `errors` points to.")
        case .unreadableDeviceTree:
            Row(
                422, "The device tree cannot be read",
                "Send a flattened device tree, as dtc writes it. The detail says where reading failed.")
        case .unreadableIORT:
            Row(
                422, "The ACPI tables cannot be read",
                "Send the bytes of /sys/firmware/acpi/tables/IORT, with APIC in a separate part or after it."
            )
        case .unreadableInput:
            Row(
                422, "The input cannot be read",
                "Send a device tree, ACPI tables, reserved_regions text or the native JSON model; /proc/iomem only with ACPI tables."
            )
        case .idempotencyKeyReused:
            Row(
                422, "The idempotency key was used for another request",
                "Use a new Idempotency-Key for every different request.")
        case .tooManyPlatforms:
            Row(429, "No room for another platform", "Delete platforms that are no longer needed.")
        case .sessionExpired:
            Row(
                404, "The session has expired",
                "Create a new session; renew one with PATCH before its expires_at.")
        case .iovaExhausted:
            Row(
                409, "No IOVA is left",
                "Free something, ask for less, or raise the limit. The detail says what was searched.",
                isOutcome: true)
        case .rangeInUse:
            Row(
                409, "The range is in use", "Free what `errors` names first, or ask for another range.",
                isOutcome: true)
        case .reservedRegionOverlap:
            Row(
                409, "The range overlaps a reserved region",
                "Ask for a range inside the domain's iova_ranges.", isOutcome: true)
        case .notAllocated:
            Row(
                409, "The address is not allocated", "GET .../iovas lists what is allocated.", isOutcome: true
            )
        case .attachRefused:
            Row(
                409, "Linux refuses the device",
                "The detail says which of its regions prevents it; `errno` is Linux's.", isOutcome: true)
        case .refusedByLinux:
            Row(409, "Linux refuses the call", "`errno` is what the call fails with.", isOutcome: true)
        case .sessionExists:
            Row(409, "The session already exists", "Choose another id, or delete the session.")
        case .domainExists:
            Row(409, "The domain already exists", "Choose another id, or delete the domain.")
        case .noAgreement:
            Row(
                409, "The hosts cannot promise a window",
                "`blockers` says what stands against it, and each of `remedies` helps; propose again, or ask with ?dry_run=true."
            )
        case .agreementBroken:
            Row(
                409, "The promise is not kept",
                "`blockers` says which host does not keep it and why. Leave the host out, or repair it.")
        case .agreementState:
            Row(
                409, "The state of the agreement does not allow it",
                "An agreement is proposed, then accepted, then released; a proposal that is not wanted is removed by DELETE."
            )
        case .agreementExists:
            Row(409, "The agreement already exists", "Choose another id, or delete the agreement.")
        case .agreementExpired:
            Row(
                404, "The agreement has expired",
                "Propose it again, with a larger ttl_seconds, or renew it in time with PATCH.")
        case .tooManyAgreements:
            Row(
                429, "No room for another agreement",
                "Delete agreements that are no longer needed, or wait for Retry-After.")
        case .requestInFlight:
            Row(
                409, "The first request is still being answered",
                "Repeat the request with the same key a little later.")
        case .tooManySessions:
            Row(
                429, "No room for another session",
                "Delete sessions that are no longer needed, or wait for Retry-After.")
        case .tooManySubscribers:
            Row(
                429, "No room for another event stream",
                "Close streams, or poll the JSON page of the same events.")
        case .headTooLarge:
            Row(
                431, "The request's head is too large",
                "Send fewer or shorter header fields and query items; GET /v1/limits lists `head_bytes_max`.")
        case .sessionFull:
            Row(
                429, "A limit on sessions is reached",
                "Free something; GET /v1/limits lists the limits.")
        case .shuttingDown:
            Row(
                503, "The server is shutting down",
                "Send the request to another instance, or repeat it after Retry-After.")
        case .busy:
            Row(
                503, "Too much is under way already",
                "Repeat the request after Retry-After, or send fewer of its kind at once.")
        case .storeUnavailable:
            Row(
                503, "The store cannot be used",
                "Repeat the request after Retry-After, with its Idempotency-Key if it had one. /readyz says what is missing.")
        case .tooExpensive:
            Row(
                422, "The answer takes too much CPU time",
                "Ask for fewer hosts, devices or policies at once; heavy_cpu_seconds_max of /v1/limits is the bound."
            )
        case .internal:
            Row(500, "Internal error", "Report the request id: this is a bug in iovad, not in the request.")
        }
    }
}
