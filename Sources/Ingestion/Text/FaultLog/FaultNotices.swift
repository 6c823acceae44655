// What a log says beside faults: messages that were not printed, events that were lost, and the faults of
// units that are no Arm SMMU, so that nobody looks for them here.

import AddressSpaces
import Machines

extension FaultLog.Reading {
    /// Takes a message that reports what is not in the log; false when it is of another kind.
    mutating func notice(_ message: FaultMessage) -> Bool {
        guard message.holds("callbacks suppressed") else { return false }
        let words = message.words
        suppress(words)
        // Behind another message, where the lines' ends are lost, it is counted, and the message read.
        guard words.count > 2, words[1].elementsEqual("callbacks".utf8) else { return false }
        other(message.line, message.shown, .suppressed)
        return true
    }

    /// Takes a line that no SMMU driver wrote.
    mutating func notice(_ line: TextLines.Line) {
        if line.holds("callbacks suppressed") {
            guard line.holds("smmu") else {
                content.linesIgnored += 1
                return
            }
            suppress(line.words)
            other(line.number, line.shown, .suppressed)
        } else if let unit = ForeignUnit.of(line) {
            other(line.number, line.shown, unit.kind, unit.note)
        } else {
            content.linesIgnored += 1
        }
    }

    /// `arm_smmu_context_fault: 83 callbacks suppressed`
    private mutating func suppress(_ words: [ArraySlice<UInt8>]) {
        guard let place = words.firstIndex(where: { $0.elementsEqual("callbacks".utf8) }), place > 0,
            let count = DecimalLiteral.parse(words[place - 1]).flatMap(Int32.init(exactly:))
        else { return }
        content.suppressed += Int(count)
    }

    mutating func other(
        _ line: Int, _ text: String, _ kind: FaultLog.Content.Other.Kind = .driver, _ note: String? = nil
    ) {
        guard content.otherLines.count < FaultLog.faultsMax else {
            content.linesIgnored += 1
            return
        }
        content.otherLines.append(.init(line: line, text: text, kind: kind, note: note))
    }
}

/// A unit whose faults look like an SMMU's.
struct ForeignUnit: Sendable {
    /// What its lines have, any of these.
    let words: [String]
    let name: String
    var kind = FaultLog.Content.Other.Kind.otherIOMMU

    var note: String { "This is from \(name), which is not an Arm SMMU." }

    static let all: [ForeignUnit] = [
        ForeignUnit(words: ["mtk-iommu", "mtk_iommu"], name: "MediaTek's IOMMU (M4U)"),
        ForeignUnit(words: ["sysmmu", "SYSMMU", "SysMMU"], name: "Samsung's Exynos System MMU"),
        ForeignUnit(words: ["rk_iommu", "rk-iommu"], name: "Rockchip's IOMMU"),
        ForeignUnit(words: ["ipmmu"], name: "Renesas's IPMMU"),
        ForeignUnit(words: ["DMAR"], name: "Intel's VT-d"),
        ForeignUnit(words: ["AMD-Vi", "IO_PAGE_FAULT"], name: "AMD's IOMMU"),
        ForeignUnit(words: ["apple-dart"], name: "Apple's DART"),
        ForeignUnit(words: ["sun50i-iommu"], name: "Allwinner's IOMMU"),
        ForeignUnit(words: ["omap-iommu"], name: "TI's OMAP IOMMU"),
        ForeignUnit(words: ["msm_iommu", "qcom_iommu", "qcom-iommu"], name: "Qualcomm's own IOMMU"),
        ForeignUnit(words: ["sprd-iommu"], name: "Unisoc's IOMMU"),
        ForeignUnit(words: ["riscv-iommu", "riscv,iommu"], name: "a RISC-V IOMMU"),
        ForeignUnit(words: ["tegra-smmu"], name: "the SMMU of old Tegras"),
        ForeignUnit(
            words: ["mc-err", "mcerr", "tegra-mc", "memory-controller:"], name: "Tegra's memory controller",
            kind: .memoryController),
    ]

    /// Words that every such report has one of.
    private static let complaints = [
        "fault", "FAULT", "Fault", "mc-err", "mcerr", "violation", "decode error",
    ]

    /// The unit that reports a fault in a line.
    static func of(_ line: TextLines.Line) -> ForeignUnit? {
        guard complaints.contains(where: line.holds) else { return nil }
        return all.first { $0.words.contains(where: line.holds) }
    }
}
