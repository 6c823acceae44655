// Surveys: equality with the expected verdicts of every reference tree, and what holds for any set.

import API
import Foundation
import HTTP
import MicroHTTP
import TestSupport
import Testing

@Suite struct SurveyTests {
    private static let folder = "data/device-trees"

    private func lines(_ answer: ServiceClient.Answer) throws -> [[String: Any]] {
        try answer.text.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
    }

    private func survey(_ client: ServiceClient, _ body: String, lines: Bool = false) -> ServiceClient.Answer
    {
        client.ask(
            .post, "/v1/surveys", Array(body.utf8), type: "application/json",
            headers: lines ? [.init("Accept", "application/x-ndjson")] : []
        ).drained().answer
    }

    private func upload(_ client: ServiceClient) throws -> [String: [String: Any]] {
        var expected: [String: [String: Any]] = [:]
        for name in SharedShelf.names(in: Self.folder) where name.hasSuffix(".dtb") {
            let id = String(name.dropLast(4)).replacingOccurrences(of: "+", with: "-")
            let blob = SharedShelf.bytes("\(Self.folder)/\(name)")
            let type = "application/vnd.devicetree.blob"
            #expect(client.ask(.post, "/v1/platforms?id=\(id)", blob, type: type).status == 201)
            let json = SharedShelf.bytes("\(Self.folder)/\(name.dropLast(4)).json")
            expected[id] = try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any]
        }
        return expected
    }

    @Test(.enabled(if: SharedShelf.isPresent)) func referenceTreesHaveTheExpectedVerdicts() throws {
        let client = ServiceClient()
        let expected = try upload(client)
        let ids = expected.keys.sorted().map { "\"\($0)\"" }.joined(separator: ",")
        let rows = try lines(survey(client, #"{"platforms":[\#(ids)],"active_only":false}"#, lines: true))
        var byPlatform = Dictionary(grouping: rows.dropLast()) { $0["platform"] as! String }
        let names = [
            "fixed": "fixed", "second": "second", "posted": "v4_pick",
            "posted_seeing_everything": "v4_pick_if_all_reservations_were_visible",
            "lowest_below_4g": "lowest_1mib_below_4g", "highest_below_4g": "highest_1mib_below_4g",
        ]
        var compared = 0
        for (id, tree) in expected {
            let masters = tree["masters"] as! [[String: Any]]
            let rows = byPlatform.removeValue(forKey: id) ?? []
            #expect(rows.count == masters.count, "\(id)")
            for (place, (row, master)) in zip(rows, masters).enumerated() {
                // A node may be a bus and a device: its plain id is the first's.
                let path = master["path"] as! String
                let isSecond = masters.prefix(place).contains { $0["path"] as! String == path }
                #expect(row["device"] as? String == (isSecond ? "\(path)#platform" : path), "\(id)")
                #expect(row["active"] as? Bool == master["active"] as? Bool, "\(id)")
                let policies = master["policies"] as! [String: [String: Any]]
                let cells = row["policies"] as! [String: [String: Any]]
                for (mine, theirs) in names {
                    let place = "\(id) \(master["path"]!) \(mine)"
                    #expect(
                        cells[mine]!["base"] as? String == policies[theirs]!["base"] as? String, "\(place)")
                    #expect(cells[mine]!["fits"] as? Bool == policies[theirs]!["ok"] as? Bool, "\(place)")
                    compared += 1
                }
            }
        }
        #expect(compared == 260 * names.count && byPlatform.isEmpty)
    }

    /// What the atlas says of all Debian's trees already shows in the public ones.
    @Test(.enabled(if: SharedShelf.isPresent)) func noConstantServesThePublicTrees() throws {
        let client = ServiceClient()
        let ids = try upload(client).keys.filter { !$0.hasPrefix("synthetic") }.sorted()
        let quoted = ids.map { "\"\($0)\"" }.joined(separator: ",")
        let answer = survey(client, #"{"platforms":[\#(quoted)]}"#)
        let policies = Dictionary(
            uniqueKeysWithValues: answer.list("policies").map { ($0["policy"] as! String, $0) })
        #expect(policies["fixed"]?["conflicting_platforms"] as? [String] == ["arm_juno-r1", "arm_juno-r2"])
        #expect(
            policies["second"]?["conflicting_platforms"] as? [String]
                == ["amd_amd-overdrive-rev-b1", "nvidia_tegra194-p2972-0000"])
        #expect(policies["posted"]?["not_at_default"] as? Int == 0)
        #expect(policies["posted_seeing_everything"]?["conflicts"] as? Int == 0)
        let pair = answer.object("constants")["partner_of_default"] as? [String: Any]
        #expect(pair?["unfit_devices"] as? Int == 0)
    }

    @Test func smallSetsByHand() throws {
        let client = ServiceClient()
        let answer = survey(
            client,
            #"{"platforms":["example-arm-juno","example-qemu-virt"],"constants":["0xe000000"]}"#)
        #expect(answer.status == 200 && answer.json["devices"] as? Int == 2)
        let policies = answer.list("policies")
        #expect(policies.map { $0["policy"] as! String }.contains("constant_0xe000000"))
        #expect(policies[0]["conflicts"] as? Int == 1 && policies[1]["conflicts"] as? Int == 0)
        // Juno carries 2 GiB to 4 GiB below 4 GiB but for the first megabyte, and virt has nothing there.
        let constants = answer.object("constants")
        let all = constants["fit_every_device"] as! [[String: Any]]
        #expect(all.map { "\($0["start"]!) \($0["last"]!)" } == ["0x80100000 0xffffffff"])
        let hosts = survey(
            client,
            #"""
            {"hosts":[{"name":"a","reserved_regions":[{"start":"0x8000000","size":"0x100000","type":"msi"},
              {"start":"0x8000000","size":"0x1000","type":"reserved"}]},
              {"name":"b","platform":"example-arm-juno","devices":["/pcie@40000000"]}]}
            """#)
        #expect(hosts.json["devices"] as? Int == 2)
        #expect(hosts.list("policies")[0]["conflicts"] as? Int == 2)
        let narrow = survey(
            client,
            #"{"constants":["0x100000000"],"hosts":[{"platform":"example-qemu-virt","aperture_bits":32},"#
                + #"{"reserved_regions":[],"aperture_bits":32}]}"#
        )
        #expect(narrow.list("policies").last?["conflicts"] as? Int == 2)
        #expect(
            survey(client, #"{"hosts":[{"reserved_regions":[],"options":[{"device":"a"}]}]}"#).pointers
                == ["/hosts/0/options"])
        #expect(survey(client, #"{"platforms":["x"],"hosts":[{"platform":"y"}]}"#).status == 422)
        #expect(survey(client, #"{"platforms":[]}"#).object("constants")["groups"] as? Int == 1)
    }

    /// The platforms of a pool and no others, in lines too; who joins is surveyed, and no pool is refused.
    @Test func poolsAreSurveyed() throws {
        let client = ServiceClient()
        let native =
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"pci_host","smmus":["s"]}]}"#
        for number in 0..<6 {
            let target = "/v1/platforms?id=host-\(number)"
            #expect(client.ask(.post, target, Array(native.utf8), type: "application/json").status == 201)
            let label = Array(#"{"pool":"\#(number < 4 ? "rack-7" : "rack-8")"}"#.utf8)
            let labelled = client.ask(
                .put, "/v1/platforms/host-\(number)/labels", label, type: "application/json")
            #expect(labelled.status == 200)
        }
        let rows = try lines(survey(client, #"{"pool":"rack-7"}"#, lines: true))
        #expect(
            rows.dropLast().map { $0["platform"] as? String } == ["host-0", "host-1", "host-2", "host-3"])
        let summary = survey(client, #"{"pool":"rack-7"}"#).json
        #expect(NSDictionary(dictionary: try #require(rows.last)) == NSDictionary(dictionary: summary))
        #expect(summary["platforms"] as? Int == 4)
        #expect(survey(client, #"{"pool":"rack-8"}"#).json["platforms"] as? Int == 2)
        #expect(survey(client, #"{"pool":"rack-9"}"#).pointers == ["/pool"])
        #expect(survey(client, #"{"pool":"rack-7","platforms":["host-0"]}"#).pointers == ["/platforms"])
    }

    @Test func linesAndSummaryAgree() throws {
        let client = ServiceClient()
        let rows = try lines(survey(client, "{}", lines: true))
        #expect(rows.count == 9 && rows.last?["kind"] as? String == "survey")
        #expect(rows.dropLast().allSatisfy { $0["kind"] as? String == "device" })
        let summary = survey(client, "{}").json
        #expect(NSDictionary(dictionary: rows.last!) == NSDictionary(dictionary: summary))
    }

    /// The lines are a stream: pieces of bounded size, in the order of the summary's own count, in process
    /// and on a connection that serves the next request afterwards.
    @Test func linesAreStreamed() throws {
        let service = Service(Service.Configuration(version: "test"))
        let client = ServiceClient(service: service)
        let devices = (0..<3_000).map { #"{"id":"d\#($0)","kind":"pci_host","smmus":["s"]}"# }
        let native =
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[\#(devices.joined(separator: ","))]}"#
        for id in ["one", "two"] {
            let type = "application/json"
            #expect(client.ask(.post, "/v1/platforms?id=\(id)", Array(native.utf8), type: type).status == 201)
        }
        let body = #"{"platforms":["one","example-qemu-virt","two"]}"#
        let accept = HeaderFields.Field("Accept", "application/x-ndjson")
        let streamed = client.ask(
            .post, "/v1/surveys", Array(body.utf8), type: "application/json", headers: [accept])
        #expect(streamed.response.body.isEmpty)
        let (answer, pieces) = streamed.drained()
        let rows = try lines(answer)
        #expect(rows.count == 6_002 && rows.last?["devices"] as? Int == 6_001)
        #expect(rows[2_999]["device"] as? String == "d2999" && rows[3_001]["platform"] as? String == "two")
        #expect(pieces >= answer.response.body.count / StreamPiece.bytesMax && pieces > 10)

        let listener = try ListenSocket.tcp(host: "127.0.0.1", port: 0)
        let endpoint = RawClient.Endpoint.tcp(try #require(listener.port))
        let daemon = try Daemon(listener: listener, responder: service.responder)
        defer { Daemon.drain([daemon], graceSeconds: 1) }
        let connection = try RawClient(endpoint, timeoutSeconds: 60)
        for _ in 0..<2 {
            try connection.send(
                "POST /v1/surveys HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\nContent-Type: "
                    + "application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            let received = try #require(try connection.read())
            #expect(received.status == 200 && received.header("transfer-encoding") == "chunked")
            var body: [UInt8] = []
            while let chunk = try connection.readChunk(), !chunk.isEmpty { body += chunk }
            let isSame = body == answer.response.body
            #expect(isSame, "\(body.count) bytes, \(answer.response.body.count) in process")
        }
    }
}
