// Exported states as they are sent: small ones whole, large ones in pieces that say the same and hold less.

import Foundation
import HTTP
import Ingestion
import JSON
import Machines
import Testing

@testable import API

@Suite struct StateTextTests {
    private func bytes(of state: StateText) -> [UInt8] {
        var all: [UInt8] = []
        while case .bytes(let piece) = state.next() {
            #expect(!piece.isEmpty && piece.count <= StreamPiece.bytesMax)
            all += piece
        }
        return all
    }

    /// Lists of every length around a piece's, in the places that were left for them.
    @Test(arguments: [0, 1, 2, 1_023, 1_024, 1_025, 4_096])
    func listsStandInTheirPlaces(count: Int) {
        func document(_ lists: StateLists?) -> [UInt8] {
            var writer = JSONWriter()
            writer.object { writer in
                for (name, length) in [("a", count), ("b", 0), ("c", 1), ("d", count)] {
                    let numbers = (0..<length).map { UInt64($0) &* 0x9e37_79b9_7f4a_7c15 }
                    writer.key(text: name)
                    if let lists {
                        writer.numbers(.plain(numbers), lists)
                    } else {
                        writer.array { writer in numbers.forEach { writer.hex($0) } }
                    }
                }
                writer.member("last", String(repeating: "x", count: 40_000))
            }
            return writer.bytes
        }
        let lists = StateLists(.plain)
        let frame = document(lists)
        #expect(bytes(of: StateText(frame, lists)) == document(nil))
    }

    /// A large state is a stream that comes back elsewhere, and holds a part of its text.
    @Test func largeStatesAreStreams() {
        let here = ServiceClient()
        #expect(here.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        #expect(here.post("/v1/sessions/s/domains", json: #"{"id":"d0"}"#).status == 201)
        #expect(here.get("/v1/sessions/s/state").response.stream == nil)
        let order = #"{"op":"allocate","size":4096,"limit":"0xffffffffffff"}"#
        let batch =
            "{\"operations\":[" + [String](repeating: order, count: 4_000).joined(separator: ",") + "]}"
        #expect(here.post("/v1/sessions/s/domains/d0/batches", json: batch).status == 200)
        for path in ["/v1/sessions/s/state", "/v1/sessions/s/domains/d0/state"] {
            let state = here.get(path)
            let held = state.response.bytesHeld
            let (whole, pieces) = state.drained()
            #expect(pieces > 2 && whole.status == 200 && state.response.headers["ETag"] != nil)
            #expect(held - StreamPiece.bytesMax < whole.response.body.count * 2 / 3)
            if path.contains("domains") { continue }
            let there = ServiceClient()
            #expect(
                there.ask(.post, "/v1/sessions", whole.response.body, type: "application/json").status == 201)
            #expect(there.get(path).drained().answer.response.body == whole.response.body)
        }
    }

    /// Names of nodes are as long as firmware likes, and what an export says of them is read again.
    @Test(arguments: ["dma_api", "vfio_type1"]) func longProvenancesComeBack(consumer: String) throws {
        let here = ServiceClient()
        #expect(here.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        let domain = #"{"id":"d","consumer":"\#(consumer)"}"#
        #expect(here.post("/v1/sessions/s/domains", json: domain).status == 201)
        let words = String(repeating: "w", count: ReservedRegion.describedProvenanceBytesMax)
        let region = #"{"start":"0x10000000","size":"0x1000","provenance":"\#(words)"}"#
        let device = #"{"description":{"id":"e","kind":"platform","reserved_regions":[\#(region)]}}"#
        let attached = here.post("/v1/sessions/s/domains/d/devices", json: device)
        #expect(attached.status == 201, "\(attached.text.prefix(500))")
        let state = here.get("/v1/sessions/s/state").drained().answer.text
        #expect(state.contains(words))
        let there = ServiceClient()
        let imported = there.post("/v1/sessions", json: state)
        #expect(imported.status == 201, "\(imported.text.prefix(500))")
        #expect(there.get("/v1/sessions/s/state").drained().answer.text == state)
    }

    @Test func longProvenancesAreCut() {
        let most = ReservedRegion.describedProvenanceBytesMax
        for count in [most - 1, most, most + 1, most + 2, 3 * most] {
            let words = "x" + String(repeating: "é", count: count / 2)
            let kept = ReservedRegion.describedProvenance(words)
            #expect(words.hasPrefix(kept) && kept.utf8.count <= most)
            #expect(kept == words || kept.utf8.count > most - 4)
        }
    }

    /// One client's share holds the largest body.
    @Test func everyBodyFindsRoomAlone() {
        let largest = Route.all.flatMap(\.reads).map(\.bytesMax).max() ?? 0
        #expect(largest <= FlightBudget.Bounds().bytesPerClientMax)
    }

    /// An answer to what may have changed something is sent whatever memory is left.
    @Test func whatChangesStateIsOwed() {
        let client = ServiceClient()
        #expect(client.post("/v1/sessions", json: #"{"id":"s"}"#).response.isOwed)
        #expect(!client.get("/v1/sessions/s").response.isOwed)
        #expect(!client.post("/v1/surveys", json: "{}").response.isOwed)
        #expect(client.ask(.delete, "/v1/sessions/s").response.isOwed)
    }
}
