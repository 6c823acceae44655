// POST /v1/replays as a client sees it.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct ReplayTests {
    let client = ServiceClient()

    private func replay(_ ops: String, _ more: String = "", query: String = "") -> ServiceClient.Answer {
        client.post("/v1/replays\(query)", json: "{\"ops\":[\(ops)]\(more)}")
    }

    private func alloc(_ id: String, size: String = "1", limit: String = "0xfffff") -> String {
        #"{"op":"alloc","size":\#(size),"limit":"\#(limit)","aligned":true,"id":"\#(id)"}"#
    }

    @Test func theContractsExample() {
        let answer = client.post(
            "/v1/replays",
            json: """
                {"granule":"0x1000","start_pfn":"0x1","kernel":"7.2","ops":[
                  {"op":"reserve","lo":"0x8000","hi":"0x80ff"},\(alloc("a1")),{"op":"free","id":"a1"}]}
                """)
        #expect(answer.status == 200)
        #expect(
            answer.text
                == #"{"results":[["0x8000","0x80ff"],"0xfffff",null],"final":[["0x8000","0x80ff"]],"#
                + #""model":{"kernel":"7.2","engine":"test"}}"#
        )
    }

    @Test func vectorFilesAreBodies() {
        let answer = replay(
            #"{"op":"alloc","size":"0x2","limit":1048575,"aligned":false,"expect":"0x1"}"#,
            #","name":"n","family":"f","level":"rbtree","description":"d","rcache":"v6.7+","#
                + #""uses_tick":true,"differs_on_6.1":false,"final":[],"expect":1"#
        )
        #expect(answer.status == 200)
        #expect(answer.json["results"] as? [String] == ["0xffffe"])
    }

    @Test func everyMistakeOfABodyAtOnce() {
        let answer = replay(
            """
            \(alloc("a", size: "0")),{"op":"reserve","lo":"0x2","hi":"0x1"},{"op":"free"},{"op":"tick","pfn":"0x1"},
            {"op":"alloc","size":1,"limit":"0xf","flush":true,"id":"b"},{"op":"mmap"},7,{"op":"free_pfn","pfn":"12"},
            {"op":"alloc","size":1,"limit":"0xf","aligned":"yes","id":5,"extra":1}
            """, #","granule":"0x1001","start_pfn":-1,"kernel":"linux","cpus":0,"ticks":1"#)
        #expect(answer.status == 422)
        #expect(
            Set(answer.pointers) == [
                "/ops/0/size", "/ops/1/lo", "/ops/2/id", "/ops/3/pfn", "/ops/4/flush", "/ops/4/aligned",
                "/ops/5/op",
                "/ops/6", "/ops/7/pfn", "/ops/8/aligned", "/ops/8/id", "/ops/8/extra", "/granule",
                "/start_pfn",
                "/kernel", "/cpus", "/ticks",
            ])
        #expect(answer.json["results"] == nil)
        #expect(client.post("/v1/replays", json: "{}").pointers == ["/ops"])
        #expect(client.post("/v1/replays", json: #"{"ops":{}}"#).pointers == ["/ops"])
        #expect(client.post("/v1/replays", json: "[]").status == 422)
    }

    @Test(arguments: [
        (#"{"op":"free","id":"x"}"#, "/ops/1/id", "unknown-id"),
        (#"{"op":"free_fast","id":"x"}"#, "/ops/1/id", "unknown-id"),
        (#"{"op":"free","id":"a"},{"op":"free","id":"a"}"#, "/ops/2/id", "unknown-id"),
        (#"{"op":"alloc","size":1,"limit":"0xf","aligned":true,"id":"a"}"#, "/ops/1/id", "duplicate-id"),
        (#"{"op":"free_pfn","pfn":"0xffffffffffffffff"}"#, "/ops/1/pfn", "frees-sentinel"),
        (
            #"{"op":"alloc","size":"0x8000000000000001","limit":"0xf000000000000000","aligned":true}"#,
            "/ops/1/size",
            "too-large"
        ),
        (
            #"{"op":"alloc","size":3,"limit":"0xfffff","aligned":true,"id":"b"},{"op":"free_fast","id":"b"}"#,
            "/ops/2/id", "wrong-size-class"
        ),
        (
            #"{"op":"alloc","size":64,"limit":"0xf","aligned":true,"id":"c"},{"op":"free","id":"c"}"#,
            "/ops/2/id",
            "unknown-id"
        ),
    ])
    func mistakesOfARunPointToTheirOperation(ops: String, pointer: String, code: String) {
        let answer = replay("\(alloc("a")),\(ops),{\"op\":\"tick\"}")
        #expect(answer.status == 422)
        #expect(answer.pointers == [pointer])
        #expect(answer.list("errors").first?["code"] as? String == code)
        #expect(answer.json["results"] == nil && answer.json["final"] == nil)
    }

    @Test func sentinelIsNotGrown() {
        let answer = replay(
            #"{"op":"reserve","lo":"0x5","hi":"0xffffffffffffffff"}"#, #","granule":"0x1""#)
        #expect(answer.status == 422 && answer.pointers == ["/ops/0/hi"])
        // With any other granule Linux refuses it by itself.
        #expect(replay(#"{"op":"reserve","lo":"0x5","hi":"0xffffffffffffffff"}"#).status == 200)
    }

    @Test func oddDomainsAreLegal() {
        for granule in ["0x1", "0x1000", "0x100000000", "0x8000000000000000"] {
            #expect(
                replay(alloc("a"), #","granule":"\#(granule)","start_pfn":"0x0""#).status == 200, "\(granule)"
            )
        }
        #expect(replay(alloc("a"), #","granule":"0x0""#).pointers == ["/granule"])
        #expect(replay("").json["results"] as? [String] == [])
    }

    @Test func explanations() {
        let trace = "\(alloc("a", size: "8", limit: "0x3")),\(alloc("b", size: "8"))"
        #expect(replay(trace).json["explanation"] == nil)
        let last = replay(trace, query: "?explain=full").object("explanation")
        #expect(last["operation"] as? Int == 1 && last["dropped"] as? Int == 0)
        let rules = (last["steps"] as? [[String: Any]] ?? []).map { $0["rule"] as? String }
        #expect(rules == ["alloc.fail_fast_32"])
        let first = replay(trace, query: "?explain=full&operation=0").object("explanation")
        let steps = first["steps"] as? [[String: Any]] ?? []
        #expect(steps.map { $0["seq"] as? Int } == Array(0..<steps.count))
        #expect(steps.last?["rule"] as? String == "alloc.memo_set")
        #expect(
            replay(trace, query: "?explain=summary&operation=0").object("explanation")["operation"] as? Int
                == 0)
        for query in [
            "?explain=full&operation=2", "?explain=full&operation=-1", "?operation=0", "?explain=all",
        ] {
            #expect(replay(trace, query: query).status == 400, "\(query)")
        }
        #expect(replay("", query: "?explain=full").status == 200)
    }

    @Test func limitsAreReached() {
        let ticks = Array(repeating: #"{"op":"tick"}"#, count: Limits.replayOperationsMax)
        #expect(replay(ticks.joined(separator: ",")).status == 200)
        let over = replay((ticks + [ticks[0]]).joined(separator: ","))
        #expect(over.status == 422 && over.pointers == ["/ops"])
        let blanks = [UInt8](repeating: 0x20, count: Limits.replayBodyBytesMax + 1)
        #expect(client.ask(.post, "/v1/replays", blanks, type: "application/json").status == 413)
        let values = String(repeating: "1,", count: Limits.replayJSONValuesMax) + "1"
        #expect(client.post("/v1/replays", json: "{\"final\":[\(values)],\"ops\":[]}").status == 400)
        #expect(replay(alloc("a"), #","cpus":\#(Limits.replayCPUsMax)"#).status == 200)
        #expect(replay(alloc("a"), #","cpus":\#(Limits.replayCPUsMax + 1)"#).pointers == ["/cpus"])
    }
}
