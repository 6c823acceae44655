// Which operations are heavy, and that those with long loops end when nobody waits for them.

import HTTP
import JSON
import Testing

@testable import API

@Suite struct LaneTests {
    /// What is heavy whatever its body is. A new operation that looks at many hosts or devices belongs
    /// here.
    @Test func theseAreHeavy() {
        let heavy = Route.all.filter { $0.lane == .heavy }.map(\.id)
        #expect(
            Set(heavy) == [
                "compare", "createPlatform", "putPlatform", "place", "survey", "sessionState", "domainState",
                "patchPlatform", "deletePlatform", "putLabels", "createAgreement", "checkHost", "addHost",
            ])
    }

    /// Pages above the default size are computed where they hold up nobody.
    @Test(arguments: [("", false), ("?limit=100", false), ("?limit=101", true), ("?limit=x", false)])
    func largePagesAreHeavy(query: String, isHeavy: Bool) {
        let service = Service(Service.Configuration(version: "test"))
        let path = "/v1/platforms/example-qemu-virt/devices" + query
        let head = RequestHead(
            method: .get, rawTarget: Array(path.utf8), headers: HeaderFields([.init("Host", "localhost")]),
            peer: "test")
        guard case .read(_, let lane, _) = service.responder.admit(head) else {
            Issue.record("\(path) is refused")
            return
        }
        #expect((lane == .heavy) == isHeavy)
    }

    /// No body, however large, is read on a thread that serves connections.
    @Test func largeBodiesAreHeavy() {
        for route in Route.all where !route.consumes.isEmpty {
            #expect(route.lane.isHeavy(bodyBytes: Limits.lightBodyBytesMax + 1), "\(route.id)")
        }
    }

    @Test(arguments: [
        (
            "/v1/placements",
            #"{"hosts":[{"platform":"example-qemu-virt"}],"vm":{"vmm":"qemu-virt","ram":"0x40000000"}}"#
        ),
        ("/v1/surveys", "{}"),
    ])
    func longLoopsEndWhenNobodyWaitsOrTheirTimeIsOver(path: String, body: String) {
        let service = Service(Service.Configuration(version: "test"))
        let fields = [("Host", "h"), ("Content-Type", "application/json")].map(HeaderFields.Field.init)
        let head = RequestHead(
            method: .post, rawTarget: Array(path.utf8), headers: HeaderFields(fields), peer: "test")
        for (stop, status) in [("", 200), ("client gone", 503), ("overdue", 422)] {
            guard case .read(_, .heavy, let answer) = service.responder.admit(head) else {
                Issue.record("\(path) is not heavy")
                return
            }
            let work = Work()
            if stop == "client gone" { work.cancel() }
            if stop == "overdue" { work.begin(cpuSecondsMax: 0) }
            let response = answer(Array(body.utf8), work)
            #expect(
                response.status == status, "\(stop): \(String(decoding: response.body, as: UTF8.self))")
        }
    }
}
