// Messages of failed maps: every form with every errno, whatever stands in front, broken lines, cut texts,
// repeats. What a whole text says, a cut one never contradicts.

import AddressSpaces
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct MapFailureLogTests {
    typealias Form = MapFailureFixture.Form

    private func read(_ text: String) throws -> [MapFailure] {
        try MapFailureLog.read(Array(text.utf8)).failures
    }

    @Test(arguments: MapFailureFixture.forms) func everyFormWithEveryErrno(form: Form) throws {
        for row in LinuxError.rows {
            let text = form.text(row.number, row.words)
            let failures = try read(text + "\n")
            let failure = try #require(failures.first, "\(text)")
            #expect(failures.count == 1, "\(text)")
            #expect(
                failure.program.rawValue == form.program && failure.action.rawValue == form.action,
                "\(text): \(failure)")
            #expect(failure.iova == form.iova && failure.size == form.size, "\(text): \(failure)")
            #expect(failure.errorNumber == (form.errorNumber ?? row.number), "\(text): \(failure)")
            #expect(failure.line == 1 && failure.count == 1 && !failure.isIncomplete)
        }
    }

    @Test(arguments: MapFailureFixture.forms) func prefixesDoNotMatter(form: Form) throws {
        let row = try #require(LinuxError.rows.first { $0.number == 22 })
        let plain = try #require(try read(form.text(row.number, row.words) + "\n").first)
        for prefix in MapFailureFixture.prefixes {
            var found = try #require(
                try read(prefix + form.text(row.number, row.words) + "\r\n").first, "\(prefix)")
            found.device = plain.device
            found.group = plain.group
            // Where a message does not name its program, what stands before it may.
            if ["unknown", "rust_vmm"].contains(form.program) { found.program = plain.program }
            #expect(found == plain, "\(prefix)\(form.template)")
        }
    }

    /// Mail breaks lines between words; the next line may carry a mark of quotation.
    @Test(arguments: MapFailureFixture.forms) func brokenLines(form: Form) throws {
        let row = try #require(LinuxError.rows.first { $0.number == 28 })
        let text = form.text(row.number, row.words)
        let plain = try #require(try read(text + "\n").first)
        for place in text.indices.dropFirst() where text[place] == " " {
            let broken = String(text[..<place]) + "\n> " + String(text[text.index(after: place)...]) + "\n"
            // What is left of the first words does not name the message.
            guard let found = try read(broken).first else { continue }
            if found.iova != nil {
                #expect(found.iova == plain.iova && found.size == plain.size, "\(broken)")
            }
            if found.errorNumber != nil { #expect(found.errorNumber == plain.errorNumber, "\(broken)") }
        }
    }

    @Test func qemusLongLineIsPutTogether() throws {
        let text = """
            > qemu-system-aarch64: Region mach-virt.ram: vfio_dma_map(0x55855c75bf00,
            > 0x40000000, 0x100000000, 0x7f5197e00000) = -22
            > (Invalid argument)
            """
        let failure = try #require(try read(text + "\n").first)
        #expect(failure.iova == 0x4000_0000 && failure.size == 0x1_0000_0000 && failure.errorNumber == 22)
        #expect(failure.line == 1 && failure.lastLine >= 2)
    }

    /// Cut at every byte, a text says less and never something else.
    @Test(arguments: MapFailureFixture.forms) func cutTexts(form: Form) throws {
        var before = ""
        for row in LinuxError.rows {
            let text = form.text(row.number, row.words)
            let whole = try #require(try read(text + "\n").first)
            // What stands before the error is the same text for all of them.
            let same = zip(text.utf8, before.utf8).prefix { $0 == $1 }.count
            before = text
            for count in same..<text.utf8.count {
                let cut = Array(text.utf8.prefix(count))
                for failure in try MapFailureLog.read(cut).failures {
                    let shown = String(decoding: cut, as: UTF8.self)
                    #expect(failure.iova == nil || failure.iova == whole.iova, "\(shown)")
                    #expect(failure.size == nil || failure.size == whole.size, "\(shown)")
                    #expect(
                        failure.userAddress == nil || failure.userAddress == whole.userAddress, "\(shown)")
                    #expect(
                        failure.errorNumber == nil || failure.errorNumber == whole.errorNumber, "\(shown)")
                    #expect(failure.action == whole.action, "\(shown)")
                }
            }
        }
    }

    /// A call and its caller both report it; a retry is the same failure once more.
    @Test func repeatsAreFolded() throws {
        let pair = """
            qemu: VFIO_MAP_DMA failed: Invalid argument
            qemu: vfio_dma_map(0x1, 0x8000000, 0x1000, 0x7000) = -22 (Invalid argument)

            """
        let other = "qemu: vfio_dma_map(0x1, 0x9000000, 0x1000, 0x7000) = -22 (Invalid argument)\n"
        let failures = try read(pair + pair + other + pair)
        #expect(failures.map(\.iova) == [0x800_0000, 0x900_0000])
        #expect(failures.map(\.count) == [3, 1])
        #expect(failures.map(\.line) == [1, 5] && failures.map(\.lastLine) == [7, 5])
        let apart = try read(
            "VFIO_MAP_DMA: -22\nEAL: cannot set up DMA remapping, error 22 (Invalid argument)\n")
        #expect(apart.count == 2, "two programs are two failures")
    }

    @Test func failuresAreBounded() throws {
        let lines = (0..<MapFailureLog.failuresMax + 7).map {
            "vfio_dma_map(0x1, 0x\(String($0 + 1, radix: 16))000, 0x1000, 0x7000) = -22 (Invalid argument)"
        }
        let content = try MapFailureLog.read(Array(lines.joined(separator: "\n").utf8))
        #expect(content.failures.count == MapFailureLog.failuresMax && content.failuresDropped == 7)
    }

    /// A million reports of one failure do not fit the limit of lines; what fits takes one item.
    @Test func aStormIsOneItem() throws {
        let line = "vfio_dma_map(0x1, 0x8000000, 0x1000, 0x7000) = -12 (Cannot allocate memory)\n"
        let content = try MapFailureLog.read(Array(String(repeating: line, count: 20_000).utf8))
        #expect(content.failures.map(\.count) == [20_000] && content.failures[0].lastLine == 20_000)
    }

    @Test(arguments: [
        "", "hello", "vfio-pci 0000:01:00.0: enabling device (0000 -> 0002)",
        "ioctl(15, VFIO_IOMMU_MAP_DMA, {argsz=32, vaddr=0x7000, iova=0x8000000, size=0x1000}) = 0",
        "Kernel command line: vfio_iommu_type1.allow_unsafe_interrupts=1",
        "DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap 1c0000c40660462 ecap 19e2ff0505e",
        "trace: vfio_region_mmap Region 0000:01:00.0 BAR 0 mmaps[0] [0x0 - 0xfff]",
    ])
    func otherLinesReportNothing(text: String) throws {
        let content = try MapFailureLog.read(Array(text.utf8))
        #expect(content.failures.isEmpty, "\(content.failures)")
        #expect(content.linesIgnored == content.linesRead)
    }

    @Test func namesOfTheLineAreKept() throws {
        let failures = try read(
            "qemu-system-x86_64: vfio 0000:03:00.0: failed to setup container for group 15: memory listener "
                + "initialization failed: Region 0000:03:00.0 BAR 1 mmaps[0]: vfio_container_dma_map(0x1, 0x380000000000, "
                + "0x1000, 0x7000) = -22 (Invalid argument)")
        let failure = try #require(failures.first)
        #expect(failure.device == "0000:03:00.0" && failure.group == "15")
        #expect(failure.region == "0000:03:00.0 BAR 1 mmaps[0]" && failure.architecture == .x86)
    }

    @Test func limitsAndReservedRangesAreKept() throws {
        func warning(_ limit: Int) -> String { "vfio_pin_pages_remote: RLIMIT_MEMLOCK (\(limit)) exceeded\n" }
        let limits = try read(warning(8_192) + warning(8_192) + warning(65_536))
        #expect(limits.map(\.lockedMemoryLimit) == [8_192, 65_536] && limits.map(\.count) == [2, 1])
        // The kernel's line and QEMU's are of one failure.
        let both = try read(
            "[1.0] \(warning(8_192))qemu: vfio_dma_map(0x1, 0x40000000, 0x1000, 0x7000) = -12 (Cannot allocate memory)\n"
        )
        #expect(both.map(\.lockedMemoryLimit) == [8_192] && both.map(\.iova) == [0x4000_0000])
        for text in [
            "RESERVED region [9000-afff] would overlap RAM region [8000-bfff]\n",
            "RAM region [8000-bfff] would overlap RESERVED region [9000-afff]\n",
            "RAM region [0x8000-0xbfff] would overlap RESERVED region [0x9000-0xafff]\n",
            "> RESERVED region [9000-afff] would\n> overlap RAM region [8000-bfff]\n",
        ] {
            let failure = try #require(try read(text).first, "\(text)")
            #expect(failure.iova == 0x8000 && failure.size == 0x4000, "\(text)")
            #expect(failure.reserved == IOVARange(proven: 0x9000, 0xafff), "\(text)")
        }
    }

    /// Devices that are no PCI functions are refused to user space too.
    @Test func namesInFrontOfTheKernelsRefusal() throws {
        let refusal =
            "Firmware has requested this device have a 1:1 IOMMU mapping, rejecting configuring the device"
        for (name, device) in [
            ("vfio-pci 0003:01:00.0", "0003:01:00.0"), ("[ 2.0] platform 8000.npu", "8000.npu"),
            ("kernel", nil),
        ] {
            #expect(try read("\(name): \(refusal)\n").map(\.device) == [device], "\(name)")
        }
    }

    /// QEMU goes on where a BAR cannot be mapped, and says so in a line of its own.
    @Test func remarksOnBARs() throws {
        let call =
            "qemu: warning: vfio_container_dma_map(0x1, 0x380000000000, 0x1000, 0x7000) = -22 (Invalid argument)"
        let remark = "0000:01:00.0: PCI peer-to-peer transactions on BARs are not supported."
        for text in [
            "\(call)\n\(remark)\n", "\(call)\nother\n2025-08-02T09:14:55Z \(remark)\n", "\(call) \(remark)\n",
            "qemu: VFIO_MAP_DMA failed: Invalid argument\n\(call)\n\(remark)\n",
        ] {
            let content = try MapFailureLog.read(Array(text.utf8))
            #expect(content.failures.map(\.bar) == [.leftOut], "\(text)")
            #expect(content.failures.map(\.device) == ["0000:01:00.0"], "\(text)")
            #expect(content.linesIgnored == (text.contains("other") ? 1 : 0), "\(text)")
        }
        let named = try read(
            "qemu: Region 0000:03:00.0 BAR 1 mmaps[0]: vfio_dma_map(0x1, 0x8000, 0x1000, 0x7000) = -22\n")
        #expect(named.map(\.bar) == [.named])
        // Of nothing, of another program, and too far away.
        let far = "\(call)\n" + String(repeating: "x\n", count: 9) + remark
        for text in [remark, "EAL: cannot set up DMA remapping, error 22\n\(remark)", far] {
            #expect(try read(text + "\n").allSatisfy { $0.bar == nil }, "\(text)")
        }
    }

    @Test func anyBytesAreRead() throws {
        var random = SeededGenerator.forTest("map failure bytes", fallback: 14)
        let words =
            MapFailureFixture.forms.map(\.template) + ["0x", "-22", "(", ")", ",", "\n", "Error(", "{", "="]
        for _ in 0..<2_000 {
            let text = (0..<Int.random(in: 1...6, using: &random)).map { _ in
                String(words.randomElement(using: &random)!.prefix(Int.random(in: 0...40, using: &random)))
            }.joined()
            _ = try MapFailureLog.read(Array(text.utf8))
        }
    }
}
