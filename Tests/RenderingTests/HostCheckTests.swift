// The check for hosts, run by shells on made up trees of sysfs: its status is what the lines say, and
// shellcheck has nothing to say.

import AddressSpaces
import Foundation
import MSIWindows
import Machines
import TestSupport
import Testing

@testable import Fleet

@Suite struct HostCheckTests {
    private static let software = "0x0000000008000000 0x00000000080fffff msi\n"

    private func status(
        _ asked: AskedPlacement, _ groups: [String: String], arguments: [String] = [], shell: String = "dash"
    ) throws -> (status: Int32, output: String) {
        let files = try FileTree()
        for (group, lines) in groups {
            try files.add("sys/kernel/iommu_groups/\(group)/reserved_regions", lines)
        }
        try files.add("check", try asked.text(.shell))
        let folder = files.folder.path
        return try run(
            ["env", "SYSFS=\(folder)/sys", "sh", "-c", "exec \"$@\" 2>&1", "sh", shell, "\(folder)/check"]
                + arguments)
    }

    private static let virt = AskedPlacement(.qemuVirt, 4 << 30)
    private static let moved = AskedPlacement(
        GuestDemand(.openVMMUEFI, VMShape(ram: 4 << 30)), [AskedPlacement.host()], WindowDemand(),
        [.softwareMSIOptions])

    /// Lines of a group, and whether QEMU's 4 GiB from 1 GiB get the window there.
    private static let lines: [(String, Bool)] = [
        (software, true), ("", false),
        (software + "0x0000000008100000 0x00000000081fffff reserved\n", true),
        ("0x0000000008080000 0x000000000808ffff reserved\n" + software, false),
        (software + "0x00000000fee00000 0x00000000feefffff msi\n", false),
        (software + "0x0000000040000000 0x0000000040000fff direct-relaxable\n", true),
        (software + "0x0000000200000000 0x0000000200000fff direct\n", false),
        (software + "0x000000013fffffff 0x000000013fffffff reserved\n", false),
        (software + "0x0000000140000000 0xffffffffffffffff reserved\n", true),
        (software + "0x8000000000000000 0xffffffffffffffff reserved\n", true),
        (software + "0x00000000090a0000 0x00000000090a0fff reserved\n", false),
        (software + "0x0000000000000zz0 0x00000000a[$(true)]f reserved\n", false),
        ("0x08000000 0x080fffff msi\n", false), ("0x0000000008090000 0x000000000809ffff msi\n", false),
    ]

    @Test(arguments: lines) func linesDecide(lines: String, holds: Bool) throws {
        for shell in ["dash", "bash"] {
            let answer = try status(Self.virt, ["7": lines], shell: shell)
            #expect(answer.status == (holds ? 0 : 1), "\(shell), \(lines): \(answer.output)")
            #expect(answer.output.isEmpty == holds && (holds || answer.output.hasPrefix("group 7: ")))
        }
    }

    @Test func groupsAreThoseThatAreNamed() throws {
        let groups = ["0": Self.software, "1": "", "12": Self.software]
        #expect(try status(Self.virt, groups).status == 1)
        #expect(try status(Self.virt, groups, arguments: ["0", "12"]).status == 0)
        #expect(try status(Self.virt, groups, arguments: ["0", "1"]).status == 1)
        #expect(try status(Self.virt, groups, arguments: ["3"]).output.contains("cannot read"))
        #expect(try status(Self.virt, [:]).status == 1)
    }

    /// Where options move the window, the default gives way, and the other place counts.
    @Test func movedWindowsAreLookedForElsewhere() throws {
        #expect(Self.moved.placement.chosen == 0xc000_0000)
        #expect(try status(Self.moved, ["1": Self.software]).status == 0)
        #expect(try status(Self.moved, ["1": ""]).status == 0)
        let inWindow = Self.software + "0x00000000c00fffff 0x00000000c01fffff reserved\n"
        #expect(try status(Self.moved, ["1": inWindow]).output.contains("the window meets"))
    }

    /// kvmtool takes a relaxable line for forbidden, too.
    @Test func kvmtoolMindsRelaxableLines() throws {
        let asked = AskedPlacement(.kvmtool, 1 << 30)
        let inRAM = Self.software + "0x0000000080000000 0x0000000080000fff direct-relaxable\n"
        #expect(try status(asked, ["7": inRAM]).status == 1)
        #expect(try status(asked, ["7": inRAM.replacing("x000000008000", with: "x000000007000")]).status == 0)
    }

    /// Random lists against the rule in Swift.
    @Test func randomListsAgree() throws {
        var generator = SeededGenerator.forTest("randomListsAgree", fallback: 1909)
        let memory = try Self.virt.rendered.memory
        var seen: [Bool: Int] = [:]
        for round in 0..<60 {
            var text = Self.software
            var holds = true
            for _ in 0..<Int.random(in: 0...2, using: &generator) {
                let start = generator.edgeBiased() & 0x3_ffff_f000
                let last = start + UInt64.random(in: 0...0x8000_0000, using: &generator)
                let type = ["reserved", "msi", "direct-relaxable"].randomElement(using: &generator)!
                text +=
                    "0x\(HexLiteral.digits(start, atLeast: 16)) 0x\(HexLiteral.digits(last, atLeast: 16)) \(type)\n"
                let range = IOVARange(proven: start, last)
                let meets = ([WindowSource.mainlineWindow] + memory).contains { $0.overlaps(range) }
                if type != "direct-relaxable", meets { holds = false }
            }
            seen[holds, default: 0] += 1
            #expect(try status(Self.virt, ["7": text]).status == (holds ? 0 : 1), "\(round): \(text)")
        }
        #expect(seen.values.allSatisfy { $0 > 5 } && seen.count == 2)
    }

    @Test(.enabled(if: Judge.shellcheck.isPresent)) func shellcheckHasNothingToSay() throws {
        for asked in [Self.virt, Self.moved] {
            let files = try FileTree()
            try files.add("check", try asked.text(.shell))
            let (status, output) = try run("shellcheck", "-s", "sh", "\(files.folder.path)/check")
            #expect(status == 0, "\(output)")
        }
    }
}
