// The routes by name, for the tests that have something to say of each. The table itself is the service's.

import API
import HTTP
import Testing

enum Operation: String, CaseIterable, Sendable {
    case landingPage, staticFile, openAPI, openAPIJSON, problemPage
    case live, ready, version, metrics
    case index, limits
    case listPlatforms, createPlatform, readPlatform, putPlatform, patchPlatform, deletePlatform, putLabels
    case listDevices, readDevice, reservedRegions, availableWindows
    case decide, compare
    case replay, explainFaults, explainMapFailures
    case listPolicies, readPolicy, listRules, listKernels
    case listVMMs, readVMM, place, survey, atlas
    case listAgreements, createAgreement, readAgreement, patchAgreement, deleteAgreement
    case checkHost, addHost, removeHost, agreementEvents
    case listSessions, createSession, readSession, patchSession, deleteSession, sessionState, sessionEvents
    case listDomains, createDomain, readDomain, deleteDomain, domainState
    case listAttached, attachDevice, detachDevice
    case listReservations, reserveRange
    case listIOVAs, allocateIOVA, readIOVA, freeIOVA, availableIOVAs
    case listDoorbells, mapDoorbell
    case runBatch

    var route: Route {
        guard let route = Route.all.first(where: { $0.id == rawValue }) else {
            preconditionFailure("no route \(rawValue)")
        }
        return route
    }

    var method: Method { route.method }
    var template: String { route.path }
    var consumes: [String] { route.consumes }
}

@Suite struct OperationTests {
    @Test func everyRouteIsNamed() {
        #expect(Set(Operation.allCases.map(\.rawValue)) == Set(Route.all.map(\.id)))
    }
}
