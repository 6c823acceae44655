// Every status that openapi.yaml gives an operation is answered by it, each by a request made for that. The
// other way round, that no other status is answered, is held by every exchange of the service tests.

import HTTP
import OpenAPI
import Testing

@testable import API

@Suite struct ContractTourTests {
    struct Stop: CustomTestStringConvertible, Hashable {
        let operation: Operation
        let status: Int
        var testDescription: String { "\(operation) \(status)" }
    }

    /// What is not answered here, and why; SessionsTests fills sessions of small quotas instead.
    private static let unreached: [Stop: String] = [
        Stop(operation: .availableIOVAs, status: 429): "takes a session of a million ranges",
        Stop(operation: .allocateIOVA, status: 429): "takes 16384 mappings, half a minute in a debug build",
        Stop(operation: .attachDevice, status: 429): "takes 4096 devices, ten seconds in a debug build",
    ]

    /// What the server in front answers to any request, or a token does: the tests of both have them.
    private static let servers: Set<Int> = [401, 403, 408, 414, 431, 500]

    private static let stops: [Stop] = Contract.document.operations.flatMap { published in
        // ContractTests report an operation that the code does not have.
        guard let operation = Operation(rawValue: published.id) else { return [Stop]() }
        // A body may always be of another type.
        let always = operation.consumes.isEmpty ? [] : [415]
        return Set(always + published.responses.keys).subtracting(servers).sorted()
            .map { Stop(operation: operation, status: $0) }
    }.filter { unreached[$0] == nil && ($0.status != 503 || $0.operation == .ready) }

    @Test(arguments: stops) func statusIsAnswered(stop: Stop) throws {
        let isAbsent = stop.status == 404 && [.openAPI, .openAPIJSON].contains(stop.operation)
        let fixture = ContractFixture(hasSite: !isAbsent)
        let request = try Self.request(stop, fixture)
        let answer = fixture.send(request)
        let text = answer.text.prefix(500)
        #expect(answer.status == stop.status, "\(request.method.name) \(request.target): \(text)")
    }

    @Test func reasonsAreNeeded() {
        for stop in Self.unreached.keys {
            let published = Contract.document.operations.first { $0.id == stop.operation.rawValue }
            #expect(published?.responses[stop.status] != nil, "\(stop) is not published any more")
        }
    }

    // MARK: Requests

    private static func request(_ stop: Stop, _ fixture: ContractFixture) throws -> ContractRequest {
        let (operation, good) = (stop.operation, ContractFixture.good(stop.operation))
        switch stop.status {
        case 200, 201, 204: return success(stop, good, fixture)
        case 304:
            return good.adding("If-None-Match", try #require(fixture.send(good).response.headers["ETag"]))
        case 308: return good.with(target: "/index/")
        case 400: return good.with(target: good.target + (good.target.contains("?") ? "&" : "?") + "zzz=1")
        case 404: return good.with(target: absent(operation))
        case 406:
            return good.adding("Accept", operation == .reservedRegions ? MediaType.plain : "image/png")
        case 409: return conflict(operation, good, fixture)
        case 412: return good.adding("If-Match", "\"other\"")
        case 413:
            var request = good
            let most = Route.all.first { $0.id == operation.rawValue }?.reads.map(\.bytesMax).max() ?? 0
            request.body = [UInt8](repeating: 0x20, count: most + 1)
            return request
        case 415:
            var request = good
            request.type = "text/csv"
            return request
        case 422:
            return switch operation {
            case .availableIOVAs:
                good.with(target: "/v1/sessions/s/domains/v0/available-iovas?size=0x1000")
            case .readAgreement: good.with(target: good.target + "?format=firecracker")
            default: good.with(json: #"{"zzz":1}"#)
            }
        case 429: return tooMany(operation, good, fixture)
        case 503:
            fixture.client.service.beginDraining()
            return good
        default: throw Unexpected(status: stop.status)
        }
    }

    private struct Unexpected: Error { let status: Int }

    private static func success(
        _ stop: Stop, _ good: ContractRequest, _ fixture: ContractFixture
    ) -> ContractRequest {
        switch (stop.operation, stop.status) {
        case (.createAgreement, 200): return good.with(target: good.target + "?dry_run=true")
        case (.createPlatform, 200): return good.with(target: good.target + "&validate_only=true")
        case (.putPlatform, 201): return good.with(target: "/v1/platforms/new")
        case (.mapDoorbell, 200):
            _ = fixture.send(good)
            return good
        default: return good
        }
    }

    /// The path to something that is not there.
    private static func absent(_ operation: Operation) -> String {
        switch operation {
        case .openAPI: "/openapi.yaml"
        case .openAPIJSON: "/openapi.json"
        case .staticFile: "/none.js"
        case .detachDevice: ContractFixture.domain + "/devices/none"
        case .readIOVA, .freeIOVA: ContractFixture.domain + "/iovas/0x1000"
        case .readDevice: "/v1/platforms/example-arm-juno/devices/none"
        case .reservedRegions: "/v1/platforms/example-arm-juno/reserved-regions?device=none"
        case .availableIOVAs: "/v1/sessions/s/domains/none/available-iovas?size=0x1000"
        default:
            operation.template.split(separator: "/").map { $0.hasPrefix("{") ? "none" : "\($0)" }
                .reduce("") { "\($0)/\($1)" }
                + (operation == .availableWindows ? "?device=d" : "")
        }
    }

    private static func conflict(
        _ operation: Operation, _ good: ContractRequest, _ fixture: ContractFixture
    ) -> ContractRequest {
        switch operation {
        case .createPlatform: return good.with(target: "/v1/platforms?id=up")
        case .putPlatform, .patchPlatform, .deletePlatform:
            return good.with(target: "/v1/platforms/example-arm-juno")
        case .createAgreement: return good.with(json: ContractFixture.proposal(#""id":"a","#))
        case .patchAgreement: return good.with(json: #"{"state":"released"}"#)
        case .addHost:
            return good.with(
                json: #"{"host":{"reserved_regions":[{"start":"0x8000000","size":"0x100000"}]}}"#)
        case .removeHost:
            _ = fixture.send(good)
            return good.with(target: "/v1/agreements/a/hosts/h")
        case .putLabels: return good.with(target: "/v1/platforms/example-arm-juno/labels")
        case .createSession: return good.with(json: #"{"id":"s"}"#)
        case .createDomain: return good.with(json: #"{"id":"d0"}"#)
        case .attachDevice: return good.with(json: #"{"id":"e0","description":{}}"#)
        case .reserveRange: return good.with(json: #"{"start":"\#(ContractFixture.held)","size":4096}"#)
        case .allocateIOVA: return good.with(json: #"{"size":"0x100000","limit":"0xffff"}"#)
        case .mapDoorbell: return good.with(json: #"{"physical":"0x8090040","dma_mask":"0xff"}"#)
        case .runBatch: return good.with(json: #"{"operations":[{"op":"free","iova":"0x0"}]}"#)
        case .freeIOVA:
            return good.with(target: "\(ContractFixture.domain)/iovas/\(ContractFixture.reserved)")
        default: return good
        }
    }

    private static func tooMany(
        _ operation: Operation, _ good: ContractRequest, _ fixture: ContractFixture
    ) -> ContractRequest {
        let client = fixture.client
        switch operation {
        case .createPlatform, .putPlatform:
            for number in 0..<Limits.platformsUploadedMax {
                client.repeatQuietly(.post, "/v1/platforms?id=p\(number)", #"{"devices":[]}"#)
            }
            return operation == .putPlatform ? good.with(target: "/v1/platforms/new") : good
        case .createSession:
            for _ in 0..<Limits.sessionsMax { client.repeatQuietly(.post, "/v1/sessions", "{}") }
            return good
        case .createDomain:
            for _ in 0..<Limits.domainsPerSessionMax {
                client.repeatQuietly(.post, "/v1/sessions/s/domains", "{}")
            }
            return good
        case .reserveRange:
            fill(Limits.reservedRegionsPerSessionMax - 1, in: "d0", client) {
                #"{"op":"reserve","start":"0x\#(String(1 << 36 + $0 << 13, radix: 16))","size":4096}"#
            }
            return good
        case .mapDoorbell, .runBatch:
            fill(Limits.doorbellsPerDomainMax, in: "d0", client) {
                #"{"op":"map_doorbell","physical":"0x\#(String(1 << 32 + $0 << 13, radix: 16))"}"#
            }
            return operation == .mapDoorbell
                ? good : good.with(json: #"{"operations":[{"op":"map_doorbell","physical":"0x8090040"}]}"#)
        case .createAgreement:
            for _ in 0..<Limits.agreementsMax {
                client.repeatQuietly(.post, "/v1/agreements", ContractFixture.proposal())
            }
            return good
        case .addHost:
            // As if other agreements had them: what there is room for is far above what one request has.
            while client.service.agreements.takeRoom(1) {}
            return good
        case .sessionEvents, .agreementEvents:
            var request = good.adding("Accept", MediaType.eventStream)
            request.streams = (0..<Limits.subscribersMax).map { _ in fixture.send(request).response }
            for response in request.streams { response.stream?.start(waker: StreamWaker {}) }
            return request
        default: return good
        }
    }

    /// Runs the verb that `body` spells `count` times, in batches.
    private static func fill(
        _ count: Int, in domain: String, _ client: ServiceClient, _ body: (Int) -> String
    ) {
        for first in stride(from: 0, to: count, by: Limits.batchOperationsMax) {
            let operations = (first..<min(first + Limits.batchOperationsMax, count)).map(body)
            client.repeatQuietly(
                .post, "/v1/sessions/s/domains/\(domain)/batches",
                #"{"operations":[\#(operations.joined(separator: ","))]}"#)
        }
    }
}
