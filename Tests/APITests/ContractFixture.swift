// A service in which every operation of the contract has something to answer about, and one good request
// for each operation.

import API
import Foundation
import HTTP
import MicroHTTP
import OpenAPI

/// A request, before it is sent.
struct ContractRequest {
    var method: HTTP.Method
    var target: String
    var body: [UInt8] = []
    var type: String?
    var headers: [HeaderFields.Field] = []
    /// Streams that stay open until the request is gone.
    var streams: [Response] = []

    func adding(_ name: String, _ value: String) -> Self {
        var request = self
        request.headers.append(.init(name, value))
        return request
    }

    func with(target: String? = nil, json: String? = nil) -> Self {
        var request = self
        if let target { request.target = target }
        if let json { request.body = Array(json.utf8) }
        return request
    }
}

struct ContractFixture {
    static let domain = "/v1/sessions/s/domains/d0"
    /// Where an allocation begins and where a region is reserved.
    static let (held, reserved) = ("0xff000", "0x8000000")
    let client: ServiceClient

    init(hasSite: Bool = true) {
        let version = Contract.document.root.value(at: "/info/version")?.string ?? ""
        var configuration = Service.Configuration(
            version: version, build: [("libmicrohttpd", "1.0.0"), ("swift_language_mode", "6")],
            serverLimits: ServerLimits().table + HeavyLane.Bounds().table)
        if hasSite {
            for (path, type) in [
                ("/index.html", MediaType.html), ("/openapi.yaml", MediaType.yaml),
                ("/openapi.json", MediaType.json), ("/a.js", "text/javascript"),
            ] {
                configuration.site.files[path] = Site.File(body: Array("{}".utf8), mediaType: type)
            }
        }
        client = ServiceClient(configuration)
        for (target, json) in [
            ("/v1/platforms?id=up", #"{"smmus":[{"id":"s","version":"v3"}],"devices":[]}"#),
            ("/v1/sessions", #"{"id":"s"}"#),
            ("/v1/sessions/s/domains", #"{"id":"d0","devices":[{"id":"e0","description":{}}]}"#),
            ("/v1/sessions/s/domains", #"{"id":"v0","consumer":"vfio_type1"}"#),
            ("/v1/agreements", Self.proposal(#""id":"a","#)),
            (Self.domain + "/iovas", #"{"size":4096,"limit":"\#(Self.held)"}"#),
            (Self.domain + "/reserved-regions", #"{"start":"\#(Self.reserved)","size":4096}"#),
        ] {
            _ = client.post(target, json: json)
        }
    }

    /// A proposal that everybody can keep.
    static func proposal(_ members: String = "") -> String {
        let hosts = #"[{"name":"h","reserved_regions":[]},{"name":"g","reserved_regions":[]}]"#
        return #"{\#(members)"hosts":\#(hosts),"vm":{"vmm":"qemu-virt","ram":"0x40000000"}}"#
    }

    func send(_ request: ContractRequest) -> ServiceClient.Answer {
        client.ask(
            request.method, request.target, request.body, type: request.type, headers: request.headers)
    }

    /// The path with every variable set to something that is there.
    static func path(of operation: Operation) -> String {
        let device = operation == .detachDevice ? "e0" : "%2Fpcie@40000000"
        let isBuiltIn = ![.putPlatform, .patchPlatform, .deletePlatform, .putLabels].contains(operation)
        let values = [
            "file": "a.js", "slug": "not-found", "platform": isBuiltIn ? "example-arm-juno" : "up",
            "device": device, "policy": "mainline_fixed", "vmm": "qemu-virt", "session": "s", "domain": "d0",
            "agreement": "a", "host": "g", "iova": held,
        ]
        return values.reduce(operation.template) {
            $0.replacingOccurrences(of: "{\($1.key)}", with: $1.value)
        }
    }

    /// A request that is answered with 200, 201 or 204.
    static func good(_ operation: Operation) -> ContractRequest {
        let query =
            switch operation {
            case .createPlatform: "?id=new"
            case .reservedRegions, .availableWindows: "?device=%2Fpcie@40000000"
            case .availableIOVAs: "?size=0x1000"
            default: ""
            }
        var request = ContractRequest(method: operation.method, target: path(of: operation) + query)
        guard let body = body(of: operation) else { return request }
        request.type = operation.consumes.contains(MediaType.json) ? MediaType.json : MediaType.plain
        request.body = Array(body.utf8)
        return request
    }

    private static func body(of operation: Operation) -> String? {
        let inline = #""reserved_regions":[],"consumer":"vfio_type1""#
        return switch operation {
        case .createPlatform, .putPlatform: #"{"devices":[]}"#
        case .decide, .compare: "{\(inline)}"
        case .explainFaults:
            #"{"text":"arm-smmu a.iommu: Unhandled context fault: fsr=0x402, iova=0x40, fsynr=0x13, cb=1"}"#
        case .explainMapFailures: #"{"text":"vfio_dma_map(0x1, 0x8000000, 0x1000, 0x7000) = -22"}"#
        case .replay: #"{"ops":[]}"#
        case .place:
            #"{"hosts":[{"reserved_regions":[]}],"vm":{"vmm":"qemu-virt","ram":"0x40000000"}}"#
        case .createAgreement: proposal()
        case .patchAgreement: #"{"state":"accepted"}"#
        case .checkHost, .addHost: #"{"host":{"name":"other","reserved_regions":[]}}"#
        case .survey, .createSession, .createDomain: "{}"
        case .patchPlatform: #"{"id":"other"}"#
        case .putLabels: #"{"pool":"rack-7"}"#
        case .patchSession: #"{"ttl_seconds":60}"#
        case .attachDevice: #"{"id":"e1","description":{}}"#
        case .reserveRange: #"{"start":"0x9000000","size":4096}"#
        case .allocateIOVA: #"{"size":4096}"#
        case .mapDoorbell: #"{"physical":"0x8090040"}"#
        case .runBatch: #"{"operations":[]}"#
        default: nil
        }
    }
}
