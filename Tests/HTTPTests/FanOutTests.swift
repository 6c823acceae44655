// Many subscribers over real sockets while many publish.

import Glibc
import Locking
import MicroHTTP
import TestSupport
import Testing

@testable import HTTP

@Suite(.serialized) struct FanOutTests {
    private static let subscriberCount = 256
    private static let publisherCount = 8
    private static let eventsPerPublisher = 100

    private struct Served {
        let daemon: Daemon
        let channel: EventChannel<LineEvent>
        let hub: EventHub
        var endpoint: RawClient.Endpoint { .tcp(daemon.listener.port!) }

        init(eventsMax: Int, sendBufferBytes: Int = 64 << 10) throws {
            let hub = EventHub(subscribersMax: 300, heartbeatSeconds: 15, clock: { 0 })
            let channel = EventChannel<LineEvent>(hub: hub, eventsMax: eventsMax)
            (self.hub, self.channel) = (hub, channel)
            var limits = ServerLimits()
            limits.threadCount = 2
            // Instrumented by a sanitizer, everything takes long.
            limits.streamGoodbyeSeconds = 60
            limits.streamSendBufferBytes = sendBufferBytes
            let responder = Responder(
                admit: { _ in
                    .read(bodyLimitBytes: 0) { _, _ in
                        (try? channel.subscribe(.live))?.response() ?? Response(status: 429)
                    }
                },
                refuse: { _, _ in Response(status: 400) })
            daemon = try Daemon(
                listener: .tcp(host: "127.0.0.1", port: 0), responder: responder, limits: limits)
        }

        func subscribe(receiveBufferBytes: Int32? = nil) throws -> RawClient {
            let client = try RawClient(
                endpoint, timeoutSeconds: 30, receiveBufferBytes: receiveBufferBytes)
            try client.send("GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
            return client
        }

        func waitForSubscribers(_ count: Int) -> Bool {
            for _ in 0..<1000 where hub.subscriberCount != count { usleep(10_000) }
            return hub.subscriberCount == count
        }
    }

    /// The whole stream of a client, chunks put together.
    private static func stream(of client: RawClient) throws -> String {
        var bytes: [UInt8] = []
        guard try client.read()?.status == 200 else { return "" }
        while let chunk = try client.readChunk(), !chunk.isEmpty { bytes += chunk }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func ids(in stream: String) -> [UInt64] {
        stream.split(separator: "\n").filter { $0.hasPrefix("id: ") }.map { UInt64($0.dropFirst(4)) ?? 0 }
    }

    @Test func everySubscriberGetsEverythingInOrder() throws {
        let served = try Served(eventsMax: 1024)
        // Each client is touched by one thread at a time: made here, read by one thread below.
        nonisolated(unsafe) let clients = try (0..<Self.subscriberCount).map { _ in try served.subscribe() }
        #expect(served.waitForSubscribers(Self.subscriberCount))
        let lastID = Locked<UInt64>(0)
        let streams = Locked<[Int: String]>([:])
        let done = Locked(0)
        let readerCount = 8
        let channel = served.channel
        let daemon = served.daemon
        inParallel(Self.publisherCount + readerCount + 1) { thread in
            if thread < Self.publisherCount {
                for number in 0..<Self.eventsPerPublisher {
                    // Under the publisher's lock, as a session does: ids are in order because of it.
                    lastID.withLock { id in
                        id += 1
                        channel.publish(LineEvent(name: "n", json: Array("\(number)".utf8)), id: id)
                    }
                    if number % 10 == thread { usleep(1000) }
                }
                done.withLock { $0 += 1 }
            } else if thread < Self.publisherCount + readerCount {
                for index in stride(from: thread - Self.publisherCount, to: clients.count, by: readerCount) {
                    let stream = (try? Self.stream(of: clients[index])) ?? ""
                    streams.withLock { $0[index] = stream }
                }
            } else {
                while done.withLock({ $0 }) < Self.publisherCount { usleep(5000) }
                #expect(daemon.drain(graceSeconds: 60))
            }
        }
        let expected = (1...UInt64(Self.publisherCount * Self.eventsPerPublisher)).map { $0 }
        let read = streams.withLock { $0 }
        #expect(read.count == Self.subscriberCount)
        for (index, stream) in read {
            // Compared outside of #expect, which would print all of both.
            let isWhole = Self.ids(in: stream) == expected
            #expect(isWhole, "subscriber \(index)")
            let hasFarewell = stream.hasSuffix("event: bye\ndata: {\"reason\":\"shutting_down\"}\n\n")
            #expect(hasFarewell, "subscriber \(index)")
        }
        #expect(served.hub.subscriberCount == 0)
    }

    @Test func aSlowReaderIsToldWhatItMissed() throws {
        let served = try Served(eventsMax: 16, sendBufferBytes: 8 << 10)
        let client = try served.subscribe(receiveBufferBytes: 8 << 10)
        #expect(served.waitForSubscribers(1))
        let json = [UInt8](repeating: 0x30, count: 1000)
        let count = 2000
        for id in 1...count { served.channel.publish(LineEvent(name: "n", json: json), id: UInt64(id)) }
        served.channel.finish(reason: "enough")
        let stream = try Self.stream(of: client)
        let ids = Self.ids(in: stream)
        #expect(ids.last == UInt64(count) && ids == ids.sorted())
        #expect(stream.contains("event: gap\n") && stream.contains("enough"))
        #expect(ids.count < count / 2, "the server held \(ids.count) events for a reader that slept")
        #expect(served.daemon.drain(graceSeconds: 1))
    }
}
