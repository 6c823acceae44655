// What shells propose after a flag: each shell is run with its script, and a line is completed in it.

import Foundation
import TestSupport
import Testing

@Suite struct CompletionTests {
    private struct Case: Sendable {
        let line: String
        let has: [String]
        var lacks: [String] = []
    }

    private static let cases = [
        Case(line: "decide --consumer ", has: ["dma_api", "vfio_type1", "iommufd"], lacks: ["other.txt"]),
        Case(line: "explain --consumer ", has: ["vfio_type1", "iommufd"], lacks: ["dma_api"]),
        Case(line: "decide --kernel 6.", has: ["6.1", "6.12"], lacks: ["5.10"]),
        Case(line: "decide --platform example-q", has: ["example-qemu-virt"], lacks: ["example-arm-juno"]),
        Case(line: "decide --window-source ", has: ["fixed", "candidates", "dynamic", "none"]),
        Case(line: "decide --explain ", has: ["none", "summary", "full"]),
        Case(line: "decide --page-size ", has: ["4K", "16K", "64K"]),
        Case(line: "place --vmm qemu-s", has: ["qemu-sbsa-ref"], lacks: ["crosvm"]),
        Case(line: "place --viommu ", has: ["virtio_iommu", "nested_smmuv3"]),
        Case(line: "place --format ", has: ["text", "json", "qemu", "cloud-hypervisor", "iort_rmr"]),
        Case(line: "survey --format ", has: ["markdown", "ndjson"]),
        Case(line: "survey --assume ", has: ["software", "hardware"]),
        Case(line: "replay --kernel 7.", has: ["7.3"]),
        Case(line: "serve --log ", has: ["text", "json", "none"]),
        Case(line: "completions ", has: ["bash", "zsh", "fish"]),
        Case(line: "decide --machine o", has: ["other.txt", "own"]),
        Case(line: "place --host o", has: ["other.txt", "own"]),
        Case(line: "explain o", has: ["other.txt", "own"]),
        Case(line: "replay o", has: ["other.txt", "own"]),
        Case(line: "serve --token-file o", has: ["other.txt", "own"]),
        Case(line: "decide --root o", has: ["own"], lacks: ["other.txt"]),
        Case(line: "collect --root o", has: ["own"], lacks: ["other.txt"]),
        Case(line: "serve --public o", has: ["own"], lacks: ["other.txt"]),
        Case(line: "packaging systemd --write-to o", has: ["own"], lacks: ["other.txt"]),
    ]

    private static func folder(_ shell: String) throws -> FileTree {
        let tree = try FileTree()
        try tree.add("other.txt", "x")
        try tree.add("own/x", "x")
        let script = try DecideTests.run([shell], command: "completions")
        #expect(script.status == 0)
        try tree.add("_iovad", script.output)
        return tree
    }

    private static func isThere(_ shell: String) -> Bool {
        if FileManager.default.isExecutableFile(atPath: "/usr/bin/" + shell) { return true }
        print("SKIPPED what \(shell) proposes: `make manual-readers` installs it")
        return false
    }

    /// What the shell prints that runs `words` on a line, within half a minute.
    private static func said(
        _ shell: String, _ words: String, _ line: String, in tree: FileTree
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = ["30", shell] + (shell == "zsh" ? ["-f"] : []) + ["-c", words]
        process.currentDirectoryURL = tree.folder
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["TYPED": "iovad " + line, "TERM": "dumb", "HOME": tree.folder.path, "LC_ALL": "C.UTF-8"]
        ) { $1 }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let said = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: said, as: UTF8.self)
    }

    private static func check(_ shell: String, _ words: String, _ cases: [Case] = cases) throws {
        guard isThere(shell) else { return }
        let tree = try folder(shell)
        for one in cases {
            let said = try said(shell, words, one.line, in: tree)
            for word in one.has { #expect(said.contains(word), "\(shell), \(one.line): \(word): \(said)") }
            for word in one.lacks { #expect(!said.contains(word), "\(shell), \(one.line): \(word): \(said)") }
        }
    }

    @Test func bash() throws {
        try Self.check(
            "bash",
            """
            source ./_iovad
            compopt() { :; }
            read -ra COMP_WORDS <<<"$TYPED"
            case $TYPED in *' ') COMP_WORDS+=('') ;; esac
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$TYPED COMP_POINT=${#TYPED}
            _iovad iovad "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            if [ ${#COMPREPLY[@]} -gt 0 ]; then printf '%s\\n' "${COMPREPLY[@]}"
            else compgen -f -- "${COMP_WORDS[COMP_CWORD]}"; fi
            """)
    }

    @Test func fish() throws { try Self.check("fish", "source ./_iovad; complete -C \"$TYPED\" | cut -f1") }

    /// In a terminal of its own: zsh completes only where somebody types, which takes seconds for each line,
    /// so that it is one line of each kind. The tab comes twice, for lines that the first one lengthens.
    @Test func zsh() throws {
        try Self.check(
            "zsh",
            """
            zmodload zsh/zpty
            zpty -b z env COLUMNS=200 zsh -f -i
            zpty -w z "PROMPT=; stty -echo; fpath=($PWD \\$fpath); autoload -U compinit; compinit -u -d $PWD/.dump; print -r RE''ADY"
            until zpty -r z line '*READY*'; do sleep 0.05; done
            zpty -w -n z "$TYPED"$'\\t\\t'
            quiet=0 heard=
            for wait in {1..200}; do
              sleep 0.1
              quiet=$((quiet + 1))
              while zpty -r z line; do print -r -- "$line"; quiet=0 heard=1; done
              [ -z "$heard" ] || [ $quiet -lt 25 ] || break
            done
            zpty -d z
            """,
            Self.cases.enumerated().filter { $0.offset % 3 == 0 || $0.element.lacks == ["other.txt"] }.map(
                \.element))
    }
}
