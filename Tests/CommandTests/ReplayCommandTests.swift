// `iovad replay` as a process: output, last line, exit status.

import Foundation
import TestSupport
import Testing

@Suite struct ReplayCommandTests {
    private static func trace(_ expected: String, final: String = #"[["0xfffff","0xfffff"]]"#) -> String {
        """
        {"name":"t","granule":"0x1000","start_pfn":"0x1","ops":[
          {"op":"reserve","lo":"0x1","hi":"0x2","expect":["0x1","0x2"]},{"op":"free_pfn","pfn":"0x2"},
          {"op":"alloc","size":1,"limit":"0xfffff","aligned":true,"id":"a","expect":"\(expected)"}],"final":\(final)}
        """
    }

    private static func digest(_ digest: String, _ checkpoint: String) -> String {
        """
        {"kind":"digest","level":"rbtree","granule":"0x1000","start_pfn":"0x1","seed":"0x1","n_ops":100000,
         "max_live":10,"reserve":[],"sizes":[[1,1]],"limits":[[1,"0xfffff",true]],"phases":[[10,256,"lifo"]],
         "digest":"\(digest)","final_digest":"0x0","final_ranges":0,"allocs":0,"failures":0,"frees":0,"live":0,
         "peak_live":0,"checkpoints":["\(checkpoint)"]}
        """
    }

    @Test func checkTellsTheFirstDifference() throws {
        let folder = try Folder()
        let right = try folder.file("right.json", Self.trace("0xfffff"))
        let passed = try Command(["replay", "--check", right, right])
        #expect(passed.status == 0 && passed.output == "2 passed, 0 failed\n")

        let wrong = try folder.file("wrong.json", Self.trace("0xffffe"))
        let final = try folder.file("final.json", Self.trace("0xfffff", final: "[]"))
        let broken = try folder.file("broken.json", "{\"ops\":[\n{\"op\":\"tick\",}]}")
        let meaningless = try folder.file("meaningless.json", #"{"ops":[{"op":"free","id":"x"}],"final":[]}"#)
        let silent = try folder.file("silent.json", #"{"ops":[{"op":"tick"}]}"#)
        let failed = try Command(
            [
                "replay", "--check", wrong, right, final, broken, meaningless, silent, folder.url.path,
                "/nowhere",
            ])
        #expect(failed.status == 1)
        #expect(
            failed.lines == [
                "\(wrong): operation 2 (alloc): expected 0xffffe, got 0xfffff",
                "\(final): final range 0: expected none, got [0xfffff, 0xfffff]", "1 passed, 7 failed",
            ])
        // What could not be run is no result.
        let errors = failed.errors.split(separator: "\n")
        #expect(errors.count == 5 && errors.allSatisfy { $0.hasPrefix("Error: /") }, "\(errors)")
        #expect(errors[0].contains("broken.json: Line 2, column"))
        #expect(errors[1].contains("meaningless.json: ops[0].id: "))
        #expect(errors[2].contains("silent.json: expects nothing"))
        #expect(errors[3].hasSuffix(": Is a directory") && errors[4].hasSuffix(": No such file or directory"))
    }

    @Test func standardInputIsAFile() throws {
        let folder = try Folder()
        let file = try folder.file("t.json", Self.trace("0xfffff"))
        let words = #""$0" replay --check - <"$1" && "$0" replay - <"$1""#
        let said = try TestSupport.run(["sh", "-c", words, Command.executable.path, file]).output
        #expect(said.hasPrefix("1 passed, 0 failed\n{\"file\":\"-\","), "\(said)")
        let twice = try Command(["replay", "-", "-"])
        #expect(twice.status == 64 && twice.errors.contains("asked for twice"))
    }

    /// What the flag says counts, whether it names a release or overrides one.
    @Test func aKernelIsTakenWithOverrides() throws {
        let folder = try Folder()
        let file = try folder.file("t.json", Self.trace("0xfffff"))
        let kernel = #"{"release":"6.12","overrides":{"iommufd":false}}"#
        let printed = try Command(["replay", "--kernel", kernel, file])
        #expect(printed.output.contains(#""overrides":{"iommufd":false}"#), "\(printed.output)")
        #expect(try Command(["replay", "--kernel", "Debian 13.1", file]).status != 0)
    }

    @Test func digestsAreBisected() throws {
        let folder = try Folder()
        let file = try folder.file("d.json", Self.digest("0x1", "0x2"))
        let printed = try Command(["replay", file])
        #expect(printed.status == 0)
        let answer = try #require(
            try JSONSerialization.jsonObject(with: Data(printed.output.utf8)) as? [String: Any])
        let digest = try #require(answer["digest"] as? String)
        #expect((answer["checkpoints"] as? [String])?.last == digest)

        let failed = try Command(["replay", "--check", file])
        #expect(failed.lines[0].contains("checkpoint 0 (operations 0 to 99999): expected 0x2, got \(digest)"))
        let later = try folder.file("later.json", Self.digest("0x1", digest))
        let other = try Command(["replay", "--check", later])
        #expect(other.lines == ["\(later): digest: expected 0x1, got \(digest)", "0 passed, 1 failed"])
    }

    @Test func resultsArePrintedAsJSON() throws {
        let folder = try Folder()
        let file = try folder.file("t.json", Self.trace("0x0"))
        let printed = try Command(["replay", "--kernel", "6.1", file])
        #expect(printed.status == 0)
        #expect(
            printed.output.contains(
                #""results":[["0x1","0x2"],null,"0xfffff"],"final":[["0xfffff","0xfffff"]]"#))
        #expect(printed.output.contains(#""kernel":"6.1""#))
        #expect(try Command(["replay", "--kernel", "linux", file]).status != 0)
        #expect(try Command(["replay", "--cpus", "0", file]).status != 0)
        #expect(try Command(["replay"]).status != 0)
    }

    @Test(.enabled(if: SharedShelf.isPresent)) func shelfPasses() throws {
        let folder = SharedShelf.root!.appendingPathComponent("data/allocator-vectors")
        let names = SharedShelf.names(in: "data/allocator-vectors").filter {
            $0.hasSuffix(".json") && !$0.hasPrefix("p-digest")
        }
        let run = try Command(["replay", "--check"] + names.map { folder.appendingPathComponent($0).path })
        #expect(run.lines.last == "155 passed, 0 failed" && run.status == 0)
    }
}
