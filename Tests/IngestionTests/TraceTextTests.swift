// The text of ftrace.

import Foundation
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct TraceTextTests {
    private let sample = [
        "# tracer: nop", "#", "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION",
        "    modprobe-93      [001] .....    12.581100: attach_device_to_domain: IOMMU: device=0000:00:10.0",
        "    kworker/0:1-12      [000] .....    12.581189: map: IOMMU: "
            + "iova=0x00000000ffff5000 - 0x00000000ffff6000 paddr=0x0000000008090000 size=4096",
        "    kworker/0:1-12      [000] d..1.    12.581190: unmap: IOMMU: "
            + "iova=0x00000000ffff5000 - 0x00000000ffff6000 size=4096 unmapped_size=4096",
        "    <idle>-0       [000] ..s..    12.59: sched_switch: prev_comm=map",
    ].joined(separator: "\n")

    @Test func eventsAreRead() throws {
        let content = try TraceText.read(Array(sample.utf8))
        #expect(content.linesRead == 7 && content.linesIgnored == 4)
        #expect(content.events.map(\.line) == [4, 5, 6])
        #expect(content.events.map(\.task) == ["modprobe-93", "kworker/0:1-12", "kworker/0:1-12"])
        #expect(
            content.events.map(\.kind) == [
                .attach(device: "0000:00:10.0"), .map(iova: 0xffff_5000, physical: 0x809_0000, size: 4096),
                .unmap(iova: 0xffff_5000, size: 4096, unmapped: 4096),
            ])
        #expect(InputKind.sniff(Array(sample.utf8)) == .trace)
    }

    @Test func oldFormatAndBareLines() throws {
        let line = "map: IOMMU: iova=0x0000000000001000 paddr=0x0000000040000000 size=0x2000"
        let content = try TraceText.read(Array(" x 1.0: \(line)\n".utf8))
        #expect(content.events.first?.kind == .map(iova: 0x1000, physical: 0x4000_0000, size: 0x2000))
    }

    /// One mapping in the layouts of tracers: `$` is the event's text.
    @Test(arguments: [
        ("          <idle>-0     [001]   12.581189: map: $", "<idle>-0"),
        ("   kworker/0:1-12      (     12) [000] d..2.    12.581189: map: $", "kworker/0:1-12 ( 12)"),
        ("  kworker/-12        0d..1.    5us : map: $", "kworker/-12"),
        ("modprobe-93        1.....    7us!: map: $", "modprobe-93"),
        ("     kworker/0:1-12    [000] d..1.   5.826739: map:                  $", "kworker/0:1-12"),
        ("     kworker/0:1-12    [000]     5.826739: iommu:map: $", "kworker/0:1-12"),
        ("kworker/0:1    12 [000]     5.826738:                iommu:map: $", "kworker/0:1 12"),
        (
            "  my [x] unmap: IOMMU: proc-93    [000] .....    12.581189: map: $",
            "my [x] unmap: IOMMU: proc-93"
        ),
        ("  Web Content-12    [000] .....    12.5: map: $\r", "Web Content-12"),
    ])
    func layoutsOfTracers(form: String, task: String) throws {
        let text = "IOMMU: iova=0x00000000fffff000 - 0x0000000100000000 paddr=0x0000000008090000 size=4096"
        let line = form.replacingOccurrences(of: "$", with: text)
        let content = try TraceText.read(Array((line + "\n").utf8))
        #expect(content.events.map(\.kind) == [.map(iova: 0xffff_f000, physical: 0x809_0000, size: 4096)])
        #expect(content.events.map(\.task) == [task])
        #expect(InputKind.sniff(Array(line.utf8)) == .trace)
    }

    @Test func lossesAndCutEndsAreSeen() throws {
        let event = "a-1 [0] 1.0: map: IOMMU: iova=0x1000 - 0x2000 paddr=0x4000 size=4096\n"
        let lost = try TraceText.read(
            Array("CPU:0 [LOST 43 EVENTS]\n\(event)CPU:1 [7 EVENTS DROPPED]\nCPU:2 [EVENTS DROPPED]\n".utf8))
        #expect(lost.eventsLost == 51 && lost.events.count == 1 && lost.linesIgnored == 3)
        let endless = "CPU:0 [LOST 18446744073709551615 EVENTS]\n"
        #expect(try TraceText.read(Array((endless + endless).utf8)).eventsLost == .max)
        let cut = try TraceText.read(Array((event + event.prefix(40)).utf8))
        #expect(cut.events.count == 1 && cut.linesIgnored == 1)
        #expect(throws: TextError.self) { try TraceText.read(Array((event.prefix(40) + "\n" + event).utf8)) }
        let mark = try TraceText.read([0xef, 0xbb, 0xbf] + Array(event.utf8))
        #expect(mark.events.map(\.task) == ["a-1"])
        #expect(throws: TextError.self) {
            try TraceText.read(
                Array("a-1 [0] 1.0: unmap: IOMMU: iova=0xfffffffffffff000 size=1 unmapped_size=8192\n".utf8))
        }
    }

    @Test func brokenEventsAreRefused() {
        for broken in [
            "iova=0x1000 paddr=0x1 size=", "iova=1000 paddr=0x0 size=4096", "iova=0x1000 size=4096", "",
            "iova=0xffffffffffffffff paddr=0x0 size=4096", "iova=0x1000 paddr=0x0 size=0",
        ] {
            #expect(throws: TextError.self, "\(broken)") {
                try TraceText.read(Array("a-1 [0] 1.0: map: IOMMU: \(broken)\n".utf8))
            }
        }
    }

    @Test func textsNeverCrash() {
        var random = SeededGenerator.forTest("trace mutations", fallback: 0xf7)
        var read = 0
        for _ in 0..<5_000 {
            var bytes = Array(sample.utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                if Bool.random(using: &random) {
                    bytes[at] = .random(in: 0...255, using: &random)
                } else {
                    bytes.remove(at: at)
                }
            }
            if (try? TraceText.read(bytes)) != nil { read += 1 }
        }
        #expect(read > 500)
    }

    /// Work grows with the line, not with its square, which would take hours.
    @Test(arguments: ["IOMMU: ", "x    IOMMU:    "]) func longLinesTakeNoLongerThanTheyAre(unit: String) {
        Growth.expectLinear(from: 1 << 18, unit) { bytes in
            let line = Array(String(repeating: unit, count: bytes / unit.utf8.count).utf8)
            for text in [line, line + Array("a-1 [000] 5.8: map: IOMMU: ".utf8) + line] {
                _ = try? TraceText.read(text)
            }
        }
    }
}
