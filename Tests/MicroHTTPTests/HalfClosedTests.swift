// Clients that shut down the half of the connection that they send on: each gets the answers that it asked
// for, and then the connection ends, long before it would for being idle.

import Glibc
import HTTP
import Locking
import TestSupport
import Testing

@testable import MicroHTTP

@Suite(.serialized) struct HalfClosedTests {
    private static let get = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
    private static let post = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab"

    /// Bytes that are sent before the end, and how many answers they get.
    static let cases: [(sent: String, answers: Int)] = [
        (get, 1), (post, 1), (get + get, 2), (post + get + post, 3), ("", 0), ("GET /x HT", 0),
        ("GET /x HTTP/1.1\r\nHost:", 0), ("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na", 0),
        (get + "GET /", 1),
    ]

    @Test(arguments: Transport.allCases) func answersAndEnds(transport: Transport) throws {
        // Nothing but the end that the client sends ends these connections.
        let server = try TestServer(transport) {
            $0.inactivitySeconds = 3_600
            $0.idleOrRequestLineSeconds = 3_600
            $0.wholeRequestSeconds = 3_600
        }
        for (sent, answers) in Self.cases {
            for waits in [false, true] {
                let client = try server.client()
                if !sent.isEmpty { try client.send(sent) }
                // By itself, so that the server may have answered already.
                if waits { usleep(20_000) }
                client.endSending()
                for number in 0..<answers {
                    #expect(try client.read()?.status == 200, "answer \(number) to \(sent)")
                }
                #expect(try client.readToEnd() == "", "\(sent)")
            }
        }
        #expect(server.settles())
    }

    /// A connection whose client only waits stays open.
    @Test func silenceIsNoEnd() throws {
        let server = try TestServer { $0.deadlineTickMilliseconds = 5 }
        let client = try server.client()
        for _ in 0..<3 {
            try client.send(Self.get)
            #expect(try client.read()?.status == 200)
            usleep(50_000)
        }
        #expect(server.daemon.connectionCount == 1)
    }
}
