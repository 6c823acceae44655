// Linux has one domain for an IOMMU group. In a session, devices of one group of a collected host are refused
// in a second domain, whoever of the group asks and whatever the domains are for, as the same device twice
// is; and a session that was exported knows its groups.

import HTTP
import TestSupport
import Testing

@Suite struct GroupDomainTests {
    private static let consumers = ["dma_api", "vfio_type1", "iommufd"]
    /// The other function, its node, and the group itself.
    private static let others = [SharedGroupHost.functions[1], SharedGroupHost.nodes[1], "group:3"]

    private func client(_ release: String) -> ServiceClient {
        let client = ServiceClient()
        let body = Array(SharedGroupHost.collectedTree(release: release).utf8)
        #expect(client.ask(.put, "/v1/platforms/h", body, type: "application/json").status == 201)
        return client
    }

    private func session(_ client: ServiceClient) -> String {
        client.post("/v1/sessions", json: "{}").response.headers["Location"] ?? ""
    }

    private func device(_ name: String) -> String { #"{"platform":"h","device":"\#(name)"}"# }

    private func make(
        _ id: String, _ consumer: String, _ name: String, _ client: ServiceClient, _ path: String
    ) -> ServiceClient.Answer {
        client.post(
            path + "/domains",
            json: #"{"id":"\#(id)","consumer":"\#(consumer)","devices":[\#(device(name))]}"#)
    }

    private func isRefused(_ answer: ServiceClient.Answer, for name: String) -> Bool {
        answer.status == 409 && answer.json["code"] as? String == "attach-refused"
            && answer.json["errno"] as? String == "EBUSY"
            && (answer.json["detail"] as? String)?.hasPrefix("\(name) is in the IOMMU group 3 of ") == true
            && (answer.json["detail"] as? String)?.contains("which is attached to a: ") == true
    }

    @Test(arguments: ["6.1.0-9-arm64", "6.12.118", "6.18.15"]) func oneDomainForAGroup(release: String) {
        let client = client(release)
        for first in Self.consumers {
            for second in Self.consumers {
                let path = session(client)
                let made = make("a", first, SharedGroupHost.functions[0], client, path)
                // iommufd is younger than the oldest of these kernels.
                guard made.status == 201 else {
                    #expect(first == "iommufd" && release.hasPrefix("6.1."), "\(made.text)")
                    continue
                }
                #expect(
                    client.post(path + "/domains", json: #"{"id":"e","consumer":"\#(second)"}"#).status == 201
                )
                for other in Self.others {
                    let new = make("b", second, other, client, path)
                    #expect(isRefused(new, for: other), "\(new.text)")
                    let joining = client.post(path + "/domains/e/devices", json: device(other))
                    #expect(isRefused(joining, for: other), "\(joining.text)")
                }
                #expect(client.get(path + "/domains/b").status == 404)
                for other in Self.others {
                    let same = client.post(path + "/domains/a/devices", json: device(other))
                    #expect(same.status == 201, "\(same.text)")
                }
            }
        }
    }

    /// Once nobody of the group is in the first domain, the second may have it.
    @Test func groupsMayMove() {
        let client = client("6.18.15")
        let path = session(client)
        #expect(make("a", "dma_api", SharedGroupHost.functions[0], client, path).status == 201)
        #expect(make("b", "vfio_type1", SharedGroupHost.functions[1], client, path).status == 409)
        let detached = client.ask(.delete, path + "/domains/a/devices/\(SharedGroupHost.functions[0])")
        #expect(detached.status == 204, "\(detached.text)")
        #expect(make("b", "vfio_type1", SharedGroupHost.functions[1], client, path).status == 201)
        #expect(make("c", "vfio_type1", SharedGroupHost.functions[0], client, path).status == 409)
        #expect(client.ask(.delete, path + "/domains/b").status == 204)
        #expect(make("c", "vfio_type1", SharedGroupHost.functions[0], client, path).status == 201)
    }

    @Test func exportsKnowTheirGroups() {
        let client = client("6.18.15")
        let path = session(client)
        #expect(make("a", "dma_api", SharedGroupHost.functions[0], client, path).status == 201)
        #expect(client.post(path + "/domains", json: #"{"id":"e","consumer":"vfio_type1"}"#).status == 201)
        let state = client.get(path + "/state").text
        #expect(client.ask(.delete, path).status == 204)
        #expect(client.post("/v1/sessions", json: state).status == 201)
        #expect(client.get(path + "/state").text == state)
        let joining = client.post(path + "/domains/e/devices", json: device("group:3"))
        #expect(isRefused(joining, for: "group:3"), "\(joining.text)")
        // A state that no verbs lead to.
        #expect(client.ask(.delete, path).status == 204)
        let other =
            #"{"id":"0000:00:01.1","platform":"h","group":"group:3","description":{"kind":"pci_function"}}"#
        let twice = state.replacing(
            #""consumer":"vfio_type1""#, with: #""consumer":"vfio_type1","devices":[\#(other)]"#,
            maxReplacements: 1
        ).replacing(#""devices":[],"mappings""#, with: #""mappings""#)
        let refused = client.post("/v1/sessions", json: twice)
        #expect(refused.status == 422 && refused.text.contains("impossible-state"), "\(refused.text)")
        let odd = client.post("/v1/sessions", json: state.replacing("group:3", with: "group:03"))
        #expect(odd.status == 422 && odd.pointers.contains { $0.hasSuffix("/group") }, "\(odd.text)")
    }

    /// A described device says whose group it is in.
    @Test func describedDevicesAreInTheirGroups() {
        let client = client("6.18.15")
        let path = session(client)
        #expect(make("a", "dma_api", SharedGroupHost.functions[0], client, path).status == 201)
        #expect(client.post(path + "/domains", json: #"{"id":"e","consumer":"vfio_type1"}"#).status == 201)
        func joining(_ members: String) -> ServiceClient.Answer {
            client.post(
                path + "/domains/e/devices",
                json: #"{"id":"x",\#(members)"description":{"kind":"pci_function"}}"#)
        }
        let refused = joining(#""platform":"h","group":"group:3","#)
        #expect(isRefused(refused, for: "x"), "\(refused.text)")
        let lost = joining(#""group":"group:3","#)
        #expect(lost.status == 422 && lost.pointers == ["/group"], "\(lost.text)")
        #expect(joining(#""platform":"h","group":"group:4","#).status == 201)
    }

    /// Numbers of groups are one machine's: another that has its id now has other groups.
    @Test func groupsOfAReplacedPlatformAreOthers() {
        let client = client("6.18.15")
        let path = session(client)
        #expect(make("a", "dma_api", SharedGroupHost.functions[0], client, path).status == 201)
        #expect(make("b", "vfio_type1", SharedGroupHost.functions[1], client, path).status == 409)
        let body = Array(SharedGroupHost.collectedTree(release: "6.12.118").utf8)
        #expect(client.ask(.put, "/v1/platforms/h", body, type: "application/json").status == 200)
        #expect(make("b", "vfio_type1", SharedGroupHost.functions[1], client, path).status == 201)
        let state = client.get(path + "/state").text
        #expect(client.ask(.delete, path).status == 204)
        let restored = client.post("/v1/sessions", json: state)
        #expect(restored.status == 201, "\(restored.text)")
        #expect(client.get(path + "/state").text == state)
        // The group of the machine that is gone binds nobody; the other's does.
        #expect(make("c", "vfio_type1", SharedGroupHost.nodes[1], client, path).status == 409)
    }
}
