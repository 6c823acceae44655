// EMFILE: connections that find no descriptor wait or are refused, all others are answered, nothing spins,
// and what cannot be read again stays as it was.

import Foundation
import Glibc
import TestSupport
import Testing

extension InjectedFaultTests {
    @Suite struct Descriptors {
        /// The server takes no more connections than its descriptors allow, and keeps some for itself.
        @Test func connectionsFitTheLimit() throws {
            let server = try #require(try started(limits: "ulimit -n 512"))
            #expect(server.said.contains("256 connections at most for each socket"), "\(server.said)")
            #expect(try server.limit("connections_max") == 256)
            #expect(try server.limit("connections_per_address_max") == 128)
            // One address has half of them; the others are closed.
            var answered = try (0..<200).map { _ in try server.client() }.filter { client in
                try? client.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return (try? client.read())?.status == 200
            }
            // Those that asked for the limits may not be gone yet.
            #expect((126...128).contains(answered.count))
            #expect(server.descriptors.count < 256 + 128)
            #expect(server.rests())
            for client in answered { #expect(try client.get("/livez").status == 200) }
            answered = []
            #expect(try eventually { try server.get("/livez")?.status == 200 })
            #expect(server.stop() == 0)
        }

        /// Two sockets share the descriptors.
        @Test func socketsShareTheLimit() throws {
            let path = "/tmp/iovad-test-\(UUID().uuidString).sock"
            let server = try RunningServer(
                InjectedFaultTests.quiet + ["--unix", path], placeCount: 2,
                shell: "ulimit -n 512; exec \"$0\" serve \"$@\"")
            #expect(server.said.contains("128 connections at most for each socket"), "\(server.said)")
        }

        /// The limit is taken from a running server, as a system without descriptors would.
        @Test func withoutDescriptorsConnectionsWait() throws {
            let (tree, folder) = (try FileTree(), try Folder())
            try tree.addHost("host")
            let tokens = try folder.file("tokens", "0123456789abcdef-token\n")
            let server = try RunningServer(
                InjectedFaultTests.quiet + [
                    "--host-root", tree.folder.appendingPathComponent("host").path, "--token-file", tokens,
                ])
            // The heavy lane's threads start with the first heavy request.
            var held: RawClient? = try server.client()
            let token = "Authorization: Bearer 0123456789abcdef-token"
            #expect(try held?.post("/v1/surveys", "{}", token).status == 200)
            let open = server.descriptors
            let first = try #require((0...open.count).first { !open.contains($0) })
            try server.set("nofile=\(first):16384")
            let waiting = try (0..<8).map { _ in try server.client() }
            for client in waiting { try client.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n") }
            server.waits(until: "connections wait: the system has no file descriptor or memory for more")
            #expect(server.rests())
            for target in ["/livez", "/", "/openapi.yaml"] {
                #expect(try held?.get(target).status == 200)
            }
            #expect(try held?.post("/v1/surveys", "{}", token).status == 200)
            server.hangUp(until: "tokens stay as they were: --token-file \(tokens): ")
            server.waits(until: "this-host stays as it was read before: ")
            #expect(server.said.contains(": cannot be read: Too many open files"), "\(server.said)")
            #expect(server.descriptors == open)
            try server.set("nofile=16384:16384")
            held = nil
            for client in waiting { #expect(try client.read()?.status == 200) }
            server.hangUp(until: "read again: tokens of \(tokens)")
            #expect(try server.get("/v1/platforms/this-host", [token])?.status == 200)
            #expect(server.stop() == 0)
        }

        /// Too few to listen at all.
        @Test(arguments: 3...24) func startsOrSaysWhyNot(count: Int) throws {
            guard let server = try started(limits: "ulimit -n \(count)") else { return }
            #expect(try server.client().get("/livez").status == 200)
            #expect(server.stop() == 0)
        }
    }
}
