// What is kept between requests: never wrong, within its bound, and never of a platform that was replaced.

import HTTP
import TestSupport
import Testing

@testable import API

@Suite struct GenerationsTests {
    /// Random uses against a dictionary: a kept value is the last one of its key, and the sum stays bounded.
    @Test func whatIsKeptIsTrueAndBounded() {
        var generator = SeededGenerator.forTest("whatIsKeptIsTrueAndBounded", fallback: 0x6e)
        for _ in 0..<50 {
            let most = Int.random(in: 2...60, using: &generator)
            var kept = Generations<Int, Int>(weightMax: most)
            var last: [Int: Int] = [:]
            var found = 0
            for step in 0..<400 {
                let key = Int.random(in: 0..<20, using: &generator)
                if let value = kept.value(key) {
                    #expect(value == last[key])
                    found += 1
                }
                guard Bool.random(using: &generator) else { continue }
                let weight = Int.random(in: 0...max(1, most / 4), using: &generator)
                kept.keep(step, weight: weight, under: key)
                last[key] = step
                // What was used or kept last is there: it is in the younger generation.
                let now = kept.value(key)
                #expect(now == step || weight > most / 2)
                #expect(kept.weight <= most)
            }
            #expect(found > 0)
        }
    }

    @Test func aValueThatFillsAGenerationIsNotKept() {
        var kept = Generations<String, Int>(weightMax: 10)
        kept.keep(1, weight: 5, under: "a")
        kept.keep(2, weight: 6, under: "b")
        let (first, second) = (kept.value("a"), kept.value("b"))
        #expect(first == 1 && second == nil && kept.count == 1)
    }

    /// The same placement twice, a replaced platform, and the same placement again.
    @Test func aReplacedPlatformIsAskedAgain() {
        let client = ServiceClient()
        func put(_ start: String) {
            let body =
                #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"pci_function","smmus":["s"],"#
                + #""active":true,"reserved_regions":[{"start":"\#(start)","size":"0x100000","type":"reserved"}]}]}"#
            let answer = client.ask(.put, "/v1/platforms/h", Array(body.utf8), type: "application/json")
            #expect(answer.status == 200 || answer.status == 201, "\(answer.text)")
        }
        func verdict() -> String? {
            let body = #"{"hosts":[{"platform":"h"}],"vm":{"vmm":"qemu-virt","ram":"0x40000000"}}"#
            let answer = client.ask(.post, "/v1/placements", Array(body.utf8), type: "application/json")
            #expect(answer.status == 200, "\(answer.text)")
            return answer.json["verdict"] as? String
        }
        put("0x20000000")
        let first = verdict()
        #expect(first == "default_works" && verdict() == first)
        put("0x8000000")
        #expect(verdict() == "movable")
        put("0x20000000")
        #expect(verdict() == first)
    }
}
