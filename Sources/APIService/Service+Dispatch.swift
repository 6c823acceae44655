// From an operation to its handler: the only switch over operations.

import APIContract
import HTTPMessages
import Platforms
import WireJSON

extension Service {
    func handle(_ context: RequestContext) throws(Problem) -> Response {
        switch context.plan.operation {
        case .landingPage: try landingPage(context)
        case .openAPI: try siteFile("/openapi.yaml", context)
        case .staticFile: try siteFile("/" + context.variable("file"), context)
        case .problemPage: try problemPage(context)
        case .live: text(200, "alive\n")
        case .ready: isDraining ? text(503, "draining\n") : text(200, "ready\n")
        case .version: version()
        case .metrics: metrics()
        case .index: index()
        case .limits: limits()
        case .listPlatforms: try listPlatforms(context)
        case .createPlatform: try createPlatform(context)
        case .readPlatform: try readPlatform(context)
        case .putPlatform: try putPlatform(context)
        case .deletePlatform: try deletePlatform(context)
        case .listDevices: try listDevices(context)
        case .readDevice: try readDevice(context)
        case .reservedRegions: try reservedRegions(context)
        case .availableWindows: try availableWindows(context)
        case .decide: try decide(context)
        case .compare: try compare(context)
        case .listPolicies: listPolicies()
        case .readPolicy: try readPolicy(context)
        case .listRules: listRules()
        case .explainFaults: try explainFaults(context)
        case .replay: try replay(context)
        case .listVMMs: try listVMMs(context)
        case .readVMM: try readVMM(context)
        case .place: try place(context)
        case .survey: try survey(context)
        case .atlas: atlas(context)
        default: try handleSession(context)
        }
    }

    /// The operations on sessions.
    private func handleSession(_ context: RequestContext) throws(Problem) -> Response {
        switch context.plan.operation {
        case .listSessions: try listSessions(context)
        case .createSession: try idempotent(context) { () throws(Problem) in try createSession(context) }
        case .readSession: try readSession(context)
        case .patchSession: try patchSession(context)
        case .deleteSession: try deleteSession(context)
        case .sessionState: try sessionState(context)
        case .sessionEvents: try sessionEvents(context)
        case .listDomains: try listDomains(context)
        case .createDomain: try idempotent(context) { () throws(Problem) in try createDomain(context) }
        case .readDomain: try readDomain(context)
        case .deleteDomain: try deleteDomain(context)
        case .domainState: try domainState(context)
        case .listAttached: try listAttached(context)
        case .attachDevice: try idempotent(context) { () throws(Problem) in try attachDevice(context) }
        case .detachDevice: try detachDevice(context)
        case .listReservations: try listReservations(context)
        case .reserveRange: try idempotent(context) { () throws(Problem) in try reserveRange(context) }
        case .listIOVAs: try listIOVAs(context)
        case .allocateIOVA: try idempotent(context) { () throws(Problem) in try allocateIOVA(context) }
        case .readIOVA: try readIOVA(context)
        case .freeIOVA: try freeIOVA(context)
        case .availableIOVAs: try availableIOVAs(context)
        case .listDoorbells: try listDoorbells(context)
        case .mapDoorbell: try idempotent(context) { () throws(Problem) in try mapDoorbell(context) }
        case .runBatch: try idempotent(context) { () throws(Problem) in try runBatch(context) }
        default: preconditionFailure("no handler for \(context.plan.operation)")
        }
    }

    func text(_ status: Int, _ text: String) -> Response {
        Response(
            status: status, headers: HeaderFields([.init("Content-Type", "text/plain; charset=utf-8")]),
            body: Array(text.utf8))
    }

    /// A JSON answer.
    func json(
        _ status: Int, headers: [HeaderFields.Field] = [], reservingBytes: Int = 1_024,
        _ body: (inout JSONWriter) -> Void
    ) -> Response {
        var writer = JSONWriter(reservingBytes: reservingBytes)
        writer.object(body)
        return Response(
            status: status, headers: HeaderFields([.init("Content-Type", MediaType.json)] + headers),
            body: writer.bytes)
    }

    /// The problem as its document.
    func render(_ problem: Problem, _ head: RequestHead, _ requestID: String) -> Response {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("type", "/problems/\(problem.kind.rawValue)")
            writer.member("title", problem.kind.title)
            writer.member("status", problem.kind.status)
            writer.member("detail", problem.detail)
            writer.member("instance", "urn:iovad:request:\(requestID)")
            writer.member("code", problem.kind.rawValue)
            if let errno = problem.errno { writer.member("errno", errno) }
            if !problem.errors.isEmpty {
                writer.array("errors") { writer in
                    for error in problem.errors.prefix(Limits.problemErrorsMax) {
                        writer.object { writer in
                            writer.member("pointer", error.pointer)
                            writer.member("code", error.code)
                            writer.member("detail", error.detail)
                        }
                    }
                }
                if problem.errorsDropped > 0 { writer.member("errors_dropped", problem.errorsDropped) }
            }
        }
        var headers = problem.headers
        headers.set("Content-Type", MediaType.problem)
        return Response(status: problem.kind.status, headers: headers, body: writer.bytes)
    }

    var jsonLimits: JSONLimits {
        JSONLimits(
            bytesMax: Limits.bodyBytesMax, depthMax: Limits.jsonDepthMax, valuesMax: Limits.jsonValuesMax)
    }

    /// The body as JSON.
    func document(
        _ context: RequestContext, bytesMax: Int = Limits.bodyBytesMax, valuesMax: Int = Limits.jsonValuesMax
    ) throws(Problem) -> JSONDocument {
        do {
            return try JSONDocument(
                parsing: context.request.body,
                limits: JSONLimits(
                    bytesMax: bytesMax, depthMax: Limits.jsonDepthMax, valuesMax: valuesMax))
        } catch {
            throw Problem(error)
        }
    }
}
