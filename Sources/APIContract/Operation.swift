// The operation table: every route of the API, once. The router, 405's Allow, OPTIONS, the published
// contract and its tests all read it.

public import HTTPMessages

/// One thing that can be asked for, by method and path.
public enum Operation: String, CaseIterable, Sendable {
    case landingPage, staticFile, openAPI, problemPage
    case live, ready, version, metrics
    case index, limits
    case listPlatforms, createPlatform, readPlatform, putPlatform, deletePlatform
    case listDevices, readDevice, reservedRegions, availableWindows
    case decide, compare
    case replay, explainFaults
    case listPolicies, readPolicy, listRules
    case listVMMs, readVMM, place, survey, atlas
    case listSessions, createSession, readSession, patchSession, deleteSession, sessionState, sessionEvents
    case listDomains, createDomain, readDomain, deleteDomain, domainState
    case listAttached, attachDevice, detachDevice
    case listReservations, reserveRange
    case listIOVAs, allocateIOVA, readIOVA, freeIOVA, availableIOVAs
    case listDoorbells, mapDoorbell
    case runBatch

    public var method: Method {
        switch self {
        case .createPlatform, .decide, .compare, .replay, .explainFaults, .place, .survey, .createSession,
            .createDomain, .attachDevice, .reserveRange, .allocateIOVA, .mapDoorbell, .runBatch:
            .post
        case .putPlatform: .put
        case .patchSession: .patch
        case .deletePlatform, .deleteSession, .deleteDomain, .detachDevice, .freeIOVA: .delete
        default: .get
        }
    }

    /// The path with its variables in braces, as in the published contract.
    public var template: String {
        switch self {
        case .landingPage: "/"
        // Any file of the dashboard; the variable may hold slashes.
        case .staticFile: "/{file}"
        case .openAPI: "/openapi.yaml"
        case .problemPage: "/problems/{slug}"
        case .live: "/livez"
        case .ready: "/readyz"
        case .version: "/version"
        case .metrics: "/metrics"
        case .index: "/v1"
        case .limits: "/v1/limits"
        case .listPlatforms, .createPlatform: "/v1/platforms"
        case .readPlatform, .putPlatform, .deletePlatform: "/v1/platforms/{platform}"
        case .listDevices: "/v1/platforms/{platform}/devices"
        case .readDevice: "/v1/platforms/{platform}/devices/{device}"
        case .reservedRegions: "/v1/platforms/{platform}/reserved-regions"
        case .availableWindows: "/v1/platforms/{platform}/available-windows"
        case .decide: "/v1/decisions"
        case .compare: "/v1/comparisons"
        case .listPolicies: "/v1/policies"
        case .readPolicy: "/v1/policies/{policy}"
        case .listRules: "/v1/rules"
        case .explainFaults: "/v1/fault-explanations"
        case .replay: "/v1/replays"
        case .listVMMs: "/v1/vmms"
        case .readVMM: "/v1/vmms/{vmm}"
        case .place: "/v1/placements"
        case .survey: "/v1/surveys"
        case .atlas: "/v1/atlas"
        case .listSessions, .createSession: "/v1/sessions"
        case .readSession, .patchSession, .deleteSession: "/v1/sessions/{session}"
        case .sessionState: "/v1/sessions/{session}/state"
        case .sessionEvents: "/v1/sessions/{session}/events"
        case .listDomains, .createDomain: "/v1/sessions/{session}/domains"
        default: domainTemplate
        }
    }

    private var domainTemplate: String {
        let domain = "/v1/sessions/{session}/domains/{domain}"
        return switch self {
        case .domainState: domain + "/state"
        case .listAttached, .attachDevice: domain + "/devices"
        case .detachDevice: domain + "/devices/{device}"
        case .listReservations, .reserveRange: domain + "/reserved-regions"
        case .listIOVAs, .allocateIOVA: domain + "/iovas"
        case .readIOVA, .freeIOVA: domain + "/iovas/{iova}"
        case .availableIOVAs: domain + "/available-iovas"
        case .listDoorbells, .mapDoorbell: domain + "/doorbells"
        case .runBatch: domain + "/batches"
        default: domain
        }
    }

    /// Query parameters that are read; any other is refused.
    public var queryParameters: [String] {
        let conditions = ["kernel", "page_size", "aperture_bits", "window_source"]
        return switch self {
        case .listPlatforms, .listDevices, .listSessions, .listDomains, .listAttached, .listReservations,
            .listIOVAs, .listDoorbells:
            ["limit", "page_token"]
        case .createSession: ["id"]
        case .sessionEvents: ["after", "limit", "page_token"]
        case .availableIOVAs:
            ["size", "limit", "size_aligned", "cached", "dma_mask", "pci", "device"]
        case .createPlatform: ["id", "validate_only", "preserve_config", "assume"]
        case .putPlatform: ["validate_only", "preserve_config", "assume"]
        case .reservedRegions: ["device", "view"] + conditions
        case .availableWindows: ["device", "size", "alignment", "below", "limit", "page_token"] + conditions
        case .decide, .compare: ["explain"]
        case .explainFaults: ["platform", "doorbell", "kernel", "page_size", "aperture_bits"]
        case .replay:
            [
                "explain", "operation", "platform", "device", "doorbell", "kernel", "page_size",
                "aperture_bits",
            ]
        case .readVMM: ["ram"] + VMParameter.all.map(\.name)
        default: []
        }
    }

    /// Media types of a request body that are read; empty when the operation takes no body.
    public var consumes: [String] {
        switch self {
        case .createPlatform, .putPlatform:
            [
                MediaType.json, MediaType.deviceTree, MediaType.octetStream, MediaType.acpiTable,
                MediaType.multipart, MediaType.plain,
            ]
        case .decide, .compare, .place, .survey, .createSession, .patchSession, .createDomain, .attachDevice,
            .reserveRange, .allocateIOVA, .mapDoorbell, .runBatch:
            [MediaType.json]
        case .replay: [MediaType.json, MediaType.plain]
        case .explainFaults: [MediaType.plain, MediaType.json]
        default: []
        }
    }

    /// Media types of the answer, the first by default.
    public var produces: [String] {
        switch self {
        case .landingPage, .problemPage: [MediaType.html]
        case .openAPI: [MediaType.yaml]
        case .metrics, .live, .ready: [MediaType.plain]
        case .reservedRegions: [MediaType.json, MediaType.plain]
        case .survey: [MediaType.json, MediaType.ndjson]
        case .sessionEvents: [MediaType.json, MediaType.eventStream]
        default: [MediaType.json]
        }
    }

    /// Whether the answer needs the token when one is configured. Probes and pages never do.
    public var needsToken: Bool { template.hasPrefix("/v1") || self == .metrics }
}

/// The media types that the API speaks.
public enum MediaType {
    public static let json = "application/json"
    /// One JSON document a line.
    public static let ndjson = "application/x-ndjson"
    public static let problem = "application/problem+json"
    public static let deviceTree = "application/vnd.devicetree.blob"
    /// One ACPI table, several in a row, or the text of acpidump.
    public static let acpiTable = "application/vnd.acpi.table"
    public static let multipart = "multipart/form-data"
    public static let octetStream = "application/octet-stream"
    public static let plain = "text/plain"
    public static let eventStream = "text/event-stream"
    public static let html = "text/html"
    public static let yaml = "application/yaml"
}
