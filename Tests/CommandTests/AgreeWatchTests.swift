// `iovad agree watch` while something happens: to the agreement, and to its server.

import Foundation
import TestSupport
import Testing

extension AgreeCommandTests {
    private func watch(_ server: RunningServer, _ arguments: String...) throws -> RunningCommand {
        try RunningCommand(
            ["agree", "watch", "vm", "--server", "http://127.0.0.1:\(server.port)"] + arguments)
    }

    /// A server with an accepted agreement "vm", which the platform "lab" keeps.
    private func accepted(_ place: String = "127.0.0.1:0") throws -> RunningServer {
        let server = try RunningServer(["--listen", place, "--log", "none"])
        try put("lab", Self.machine(), server)
        #expect(try propose(server, ["--id", "vm", "--platform", "lab"]).status == 0)
        #expect(try agree(server, "accept", "vm").status == 0)
        return server
    }

    private func patch(_ body: String, _ server: RunningServer) throws {
        let client = try server.client()
        let head = [
            "PATCH /v1/agreements/vm HTTP/1.1", "Host: localhost", "Content-Type: application/json",
            "Content-Length: \(body.utf8.count)",
        ]
        try client.send(head.joined(separator: "\r\n") + "\r\n\r\n" + body)
        #expect(try #require(try client.read()).status == 200)
    }

    /// Only the last of them has the id on the wire; the first is the one that ends the watch.
    @Test func eventsOfOneRevision() throws {
        let server = try accepted()
        let text = try watch(server)
        let json = try watch(server, "--json", "--after", "1")
        text.waits(until: "accepted")
        json.waits(until: "accepted")
        try patch(#"{"state":"released","ttl_seconds":60}"#, server)
        #expect(text.status() == 0 && json.status() == 0)
        #expect(text.lines == ["1 proposed", "2 accepted", "3 released", "3 renewed for 60 s"])
        #expect(
            json.lines == [
                #"{"id":2,"event":"accepted","data":{}}"#, #"{"id":3,"event":"released","data":{}}"#,
                #"{"id":3,"event":"renewed","data":{"ttl_seconds":60}}"#,
            ])
    }

    /// Nobody waits for what will not come.
    @Test func itIsRemoved() throws {
        let server = try accepted()
        let run = try watch(server)
        run.waits(until: "accepted")
        #expect(try agree(server, "withdraw", "vm").status == 0)
        #expect(run.status() == 1)
        #expect(run.lines.last == "- bye reason agreement_deleted")
        #expect(run.errors == "Error: agreement \"vm\" was removed\n")
    }

    @Test func itsTimeIsOver() throws {
        let server = try accepted()
        let run = try watch(server)
        run.waits(until: "accepted")
        try patch(#"{"ttl_seconds":1}"#, server)
        #expect(run.status() == 1)
        #expect(run.lines.suffix(2) == ["4 expired", "- bye reason agreement_expired"])
        #expect(run.errors == "Error: agreement \"vm\" was not renewed, and its time is over\n")
    }

    /// A look after it would find that it holds.
    @Test func brokenForAMoment() throws {
        let server = try accepted()
        let run = try watch(server, "--until-broken")
        run.waits(until: "accepted")
        try run.halted {
            try put("lab", Self.machine(reserving: "0x8000000"), server)
            try put("lab", Self.machine(), server)
        }
        #expect(run.status() == 4)
        #expect(try agree(server, "check", "vm").status == 0)
        // What was before the watch is history.
        let later = try watch(server, "--until-broken")
        later.waits(until: "holds")
        #expect(try agree(server, "release", "vm").status == 0)
        #expect(later.status() == 0)
    }

    /// State is in memory only: the agreement of this id is another one, with fewer events.
    @Test func theServerIsRestarted() throws {
        let first = try accepted()
        let place = "127.0.0.1:\(first.port)"
        let run = try watch(first)
        run.waits(until: "accepted")
        var second: RunningServer?
        try run.halted {
            #expect(first.stop() == 0)
            let server = try RunningServer(["--listen", place, "--log", "none"])
            #expect(
                try propose(server, ["--id", "vm", "--platform", "example-qemu-virt"] + Self.options).status
                    == 0)
            second = server
        }
        let server = try #require(second)
        run.waits(until: "1 gap")
        #expect(try agree(server, "accept", "vm").status == 0)
        #expect(try agree(server, "release", "vm").status == 0)
        #expect(run.status() == 0)
        #expect(run.lines.suffix(2) == ["2 accepted", "3 released"])
    }

    @Test func theServerIsAway() throws {
        let first = try accepted()
        let place = "127.0.0.1:\(first.port)"
        let run = try watch(first)
        run.waits(until: "accepted")
        #expect(first.stop() == 0)
        run.waits(until: "cannot be reached")
        #expect(run.lines.last == "- bye reason shutting_down")
        let second = try RunningServer(["--listen", place, "--log", "none"])
        #expect(run.status() == 1 && run.errors.contains("No agreement \"vm\""), "\(run.errors)")
        #expect(run.errors.contains("; trying again\n"))
        #expect(second.stop() == 0)
    }

    /// Neither the server's limits nor a proxy whose server is away end a watch that has begun.
    @Test func theServerIsBusy() throws {
        func answer(_ status: String, _ body: String) -> [String] {
            ["HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"]
        }
        let look = answer("200 OK", #"{"id":"vm","revision":1,"state":"accepted"}"#)
        let gone = answer("404 Not Found", #"{"title":"Gone","detail":"It is gone."}"#)
        let scripted = ScriptedServer([
            look, answer("503 Service Unavailable", "<p>"), answer("429 Too Many Requests", "<p>"), gone,
        ])
        let run = try RunningCommand(["agree", "watch", "vm", "--server", scripted.base])
        #expect(run.status() == 1)
        #expect(
            run.errors == "\(scripted.base) has answered 503; trying again\nError: Gone: It is gone.\n")
        #expect(run.output.isEmpty)
    }

    /// Nobody reads what it prints.
    @Test func outputIsFull() throws {
        let server = try accepted()
        let run = try Command(
            ["agree", "watch", "vm", "--server", "http://127.0.0.1:\(server.port)"], output: "/dev/full")
        #expect(run.status == 1 && run.errors.contains("standard output did not take everything"), "\(run)")
    }
}
