// Texts that sentences repeat: kernels, names and labels have no control characters, whichever request states
// them, and a problem names the character and its place. Longest texts are told with the bound that holds.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct FreeTextTests {
    private let client = ServiceClient()
    private static let inline = #""reserved_regions":[]"#
    private static let vm = #""vm":{"memory_map":[]}"#

    private static let bodies: [(path: String, body: String, pointer: String)] = [
        ("/v1/decisions", #"{\#(inline),"consumer":"dma_api","kernel":"6.12\n"}"#, "/kernel"),
        (
            "/v1/decisions", #"{\#(inline),"consumer":"dma_api","kernel":{"release":"6.12\u0000"}}"#,
            "/kernel/release"
        ),
        (
            "/v1/decisions",
            #"{"reserved_regions":[{"start":"0x0","size":"0x1000","provenance":"a\nb"}],"consumer":"dma_api"}"#,
            "/reserved_regions/0/provenance"
        ),
        ("/v1/comparisons", #"{\#(inline),"kernels":["6.12","6.6\u007f"]}"#, "/kernels/1"),
        (
            "/v1/comparisons", #"{\#(inline),"policies":[{"name":"a\u001b[0m","window_source":"fixed"}]}"#,
            "/policies/0/name"
        ),
        ("/v1/placements", #"{"hosts":[{"name":"h\u0085",\#(inline)}],\#(vm)}"#, "/hosts/0/name"),
        ("/v1/placements", #"{"hosts":[{\#(inline)}],\#(vm),"kernel":"\t6.12"}"#, "/kernel"),
        ("/v1/surveys", #"{"hosts":[{"name":"h\n",\#(inline)}]}"#, "/hosts/0/name"),
        ("/v1/sessions", #"{"kernel":"6.12\r"}"#, "/kernel"),
        ("/v1/platforms", #"{"model":"m\n","devices":[]}"#, "/model"),
        ("/v1/platforms", #"{"devices":[{"id":"d\u0000","kind":"pci_function"}]}"#, "/devices/0/id"),
        (
            "/v1/platforms", #"{"collected":{"format":1,"kernel_release":"6.12\n","groups":[]}}"#,
            "/collected/kernel_release"
        ),
        (
            "/v1/platforms", #"{"collected":{"format":1,"groups":[],"notes":["a\nb"]}}"#,
            "/collected/notes/0"
        ),
        (
            "/v1/platforms",
            #"{"collected":{"format":1,"groups":[{"id":"1","devices":["0000:00:01.0\n"]}]}}"#,
            "/collected/groups/0/devices/0"
        ),
    ]

    @Test func controlCharactersAreNamed() {
        for (path, body, pointer) in Self.bodies {
            let answer = client.post(path, json: body)
            let found = answer.list("errors").map { [$0["pointer"] as? String, $0["code"] as? String] }
            #expect(answer.status == 422 && found == [[pointer, "control-character"]], "\(answer.text)")
            #expect(answer.text.contains("is the control character U+00"), "\(answer.text)")
        }
        let query = client.get("/v1/platforms/example-arm-juno/devices?kernel=6.12%0a")
        #expect(query.status == 400, "\(query.text)")
        let place = client.decide(#"{\#(Self.inline),"consumer":"dma_api","kernel":"6.1ü\n"}"#)
        #expect(place.text.contains("Character 5 of the string is the control character U+000A"))
        // Letters may begin with the same byte as such characters.
        let plain = client.post(
            "/v1/surveys", json: #"{"hosts":[{"name":"µ-©",\#(Self.inline)}]}"#)
        #expect(plain.status == 200, "\(plain.text)")
    }

    /// What names something that does not exist is repeated without them.
    @Test func excerptsAreOfOneLine() {
        let answer = client.decide(
            #"{"platform":"example-arm-juno","device":"a\nb","consumer":"dma_api"}"#)
        let detail = answer.list("errors").first?["detail"] as? String ?? ""
        #expect(detail.contains(#"No device "a\u000ab" on"#), "\(detail)")
    }

    @Test func boundsOfKernelsAgree() {
        for bytes in [129, 304, 1_025] {
            let kernel = "6." + String(repeating: "1", count: bytes - 2)
            let answer = client.decide(#"{\#(Self.inline),"consumer":"dma_api","kernel":"\#(kernel)"}"#)
            #expect(answer.text.contains("\(bytes) bytes; at most 128 are read."), "\(answer.text)")
        }
        let object = #"{\"release\":\"6.12\",\"overrides\":{}}"# + String(repeating: " ", count: 1_024)
        let answer = client.decide(#"{\#(Self.inline),"consumer":"dma_api","kernel":"\#(object)"}"#)
        #expect(answer.text.contains("at most 1024 are read."), "\(answer.text)")
    }
}
