// Limits of memory, threads and stacks: the server starts or says why not, refuses what it has no memory for
// before malloc fails, and goes on.

import Foundation
import Glibc
import Locking
import TestSupport
import Testing

extension InjectedFaultTests {
    @Suite struct Allocation {
        private static let busy = "/problems/busy"

        /// From what the dynamic linker cannot live with, over threads that find no memory, to enough.
        @Test(arguments: Array(stride(from: 32, through: 400, by: 16)))
        func startsOrSaysWhyNot(mebibytes: Int) throws {
            guard let server = try started(limits: "ulimit -v \(mebibytes << 10)") else { return }
            // At the edge nothing more is promised: the next small allocation may fail.
            kill(server.identifier, SIGKILL)
        }

        @Test func aSmallStackIsNoReasonToCrash() throws {
            // It raises its own limit where it may.
            let server = try #require(try started(limits: "ulimit -Ss 64"))
            let client = try server.client()
            #expect(try client.post("/v1/surveys", "{}").status == 200)
            let deep = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
            #expect(try client.post("/v1/decisions", deep).status == 400)
            #expect(server.stop() == 0)
            let command = try run(
                "sh", "-c", "ulimit -s 64; \"$0\" machines 2>&1; echo $?", Command.executable.path)
            #expect(
                command.output
                    == "Error: the limit of the stack is too low to run (ulimit -s, LimitSTACK): 1 MiB at least\n1\n"
            )
        }

        /// RLIMIT_NPROC is no limit for root.
        private static let asOther =
            geteuid() == 0
            ? "setpriv --reuid=54321 --regid=54321 --clear-groups prlimit --nproc=" : "prlimit --nproc="

        /// As others see it: a folder above may be closed to them.
        private static let isForOthers =
            (try? run("sh", "-c", asOther + "64 \"$0\" --version", Command.executable.path))?.status == 0

        /// With a thread more at each start: why it does not start, then a server without threads for heavy
        /// requests, which refuses those, then all.
        @Test(.enabled(if: isForOthers, "another user cannot run this build"))
        func withoutThreads() throws {
            var statuses: [Int] = []
            for count in 1...64 where statuses.last != 200 {
                let server: RunningServer
                do {
                    server = try RunningServer(
                        InjectedFaultTests.quiet, shell: "exec \(Self.asOther)\(count) \"$0\" serve \"$@\"")
                } catch let failure as RunningServer.DidNotStart {
                    #expect(failure.status == 1 && !failure.bySignal && statuses.isEmpty)
                    #expect(failure.errors.hasPrefix("Error: "), "\(failure.errors)")
                    #expect(!failure.errors.contains("Failure("))
                    continue
                }
                let client = try server.client()
                let answer = try client.post("/v1/surveys", "{}")
                statuses.append(answer.status)
                if answer.status == 503 {
                    #expect(answer.text.contains(Self.busy) && answer.header("retry-after") == "1")
                }
                #expect(try client.get("/livez").status == 200)
                #expect(server.stop() == 0)
            }
            #expect(statuses == [503, 200])
        }

        /// 512 MiB hold the start, all bodies that the budget admits, and what reading them takes.
        @Test func bodiesStayWithinTheirBudget() throws {
            let path = "/tmp/iovad-test-\(UUID().uuidString).sock"
            let server = try RunningServer(
                InjectedFaultTests.quiet + ["--unix", path], placeCount: 2,
                shell: "ulimit -d 524288; exec \"$0\" serve \"$@\"")
            let port = server.port
            let share = try server.limit("flight_bytes_per_client_max")
            let size = try server.limit("replay_body_bytes_max")
            let whole = RawClient.request(
                "/v1/replays", #"{"x":""# + String(repeating: "a", count: size - 8) + #""}"#)
            let statuses = ParallelTally()
            inParallel(8) { number in
                guard
                    let client = try? RawClient(
                        number % 2 == 0 ? .tcp(port) : .unix(path), timeoutSeconds: 60)
                else { return }
                // Who is refused on the head may find the connection closed while it sends.
                try? client.send(whole)
                statuses.add((try? client.read())?.status ?? 0)
            }
            let counts = statuses.counts
            #expect(
                counts.values.reduce(0, +) == 8 && Set(counts.keys).isSubset(of: [0, 422, 503]), "\(counts)")
            #expect(counts[422, default: 0] > 0, "\(counts)")
            #expect(try server.metric("iovad_flight_peak_bytes") <= 2 * share)
            #expect(try server.metric("iovad_flight_bytes{kind=\"bodies\"}") == 0)
            #expect(server.stop() == 0)
        }

        /// Where there is less than that: what the reader of JSON cannot get is a 503, and the server goes
        /// on.
        @Test func aBodyThatCannotBeReadIsRefused() throws {
            let server = try #require(try started(limits: "ulimit -d 153600"))
            let client = try RawClient(.tcp(server.port), timeoutSeconds: 60)
            let answer = try client.post(
                "/v1/replays", #"{"x":""# + String(repeating: "a", count: 20 << 20) + #""}"#)
            #expect(answer.status == 503 && answer.text.contains(Self.busy), "\(answer.text)")
            #expect(answer.header("retry-after") == "1" && answer.text.contains("not enough memory"))
            #expect(try client.post("/v1/decisions", "{}").status == 422)
            #expect(server.stop() == 0)
        }
    }
}

/// Statuses that several threads saw.
final class ParallelTally: Sendable {
    private let seen = Locked<[Int: Int]>([:])

    func add(_ status: Int) { seen.withLock { $0[status, default: 0] += 1 } }
    var counts: [Int: Int] { seen.withLock { $0 } }
}
