// The server's memory for what is in flight, as it counts it itself: a hundred bodies of the largest size
// that stall, from one client.

import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct FlightCommandTests {
    @Test func stalledBodiesStayWithinTheirShare() throws {
        let server = try RunningServer(["--listen", "127.0.0.1:0", "--log", "none"])
        let bytes = 24 << 20
        var stalled: [RawClient] = []
        var refused = 0
        let share = try server.limit("flight_bytes_per_client_max")
        for number in 0..<100 {
            let client = try server.client()
            try client.send(
                "POST /v1/replays HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(bytes)\r\n\r\n{")
            guard number >= share / bytes else {
                stalled.append(client)
                // Until it has its room: the next may be served by another thread.
                for _ in 0..<1_000 {
                    let held = try server.metric("iovad_flight_bytes{kind=\"bodies\"}")
                    if held == stalled.count * bytes { break }
                }
                continue
            }
            let answer = try #require(try client.read())
            #expect(answer.status == 503 && answer.header("retry-after") == "1")
            #expect(answer.text.contains("\"code\":\"busy\""))
            refused += 1
        }
        #expect(stalled.count == share / bytes && refused == 100 - stalled.count)
        #expect(try server.metric("iovad_flight_peak_bytes") <= share)
        #expect(try server.metric("iovad_flight_refused_total{kind=\"bodies\"}") == refused)
        #expect(try server.get("/livez")?.status == 200)
        stalled = []
    }
}
