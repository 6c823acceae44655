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
            ])
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
    func longLoopsEndWhenTheClientHasGone(path: String, body: String) {
        let service = Service(Service.Configuration(version: "test"))
        let fields = [("Host", "h"), ("Content-Type", "application/json")].map(HeaderFields.Field.init)
        let head = RequestHead(
            method: .post, rawTarget: Array(path.utf8), headers: HeaderFields(fields), peer: "test")
        for isCancelled in [false, true] {
            guard case .read(_, .heavy, let answer) = service.responder.admit(head) else {
                Issue.record("\(path) is not heavy")
                return
            }
            let work = Work()
            if isCancelled { work.cancel() }
            let response = answer(Array(body.utf8), work)
            #expect(
                response.status == (isCancelled ? 503 : 200),
                "\(String(decoding: response.body, as: UTF8.self))")
        }
    }
}
