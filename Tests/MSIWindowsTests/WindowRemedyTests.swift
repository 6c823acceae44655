// What a decision says to change: only where it is not certain that a device reaches its window, with bases
// that do for the whole group, and in the words of faults.

import AddressSpaces
import MSIWindows
import Machines
import Testing

@Suite struct WindowRemedyTests {
    private static let move = "Move the MSI window to where this device's writes reach the SMMU"

    @Test func onlyWhereAWindowMayBeOutOfReach() {
        for consumer in [Consumer.vfioType1, .iommufd] {
            let juno = Worked.ask(consumer, Worked.juno)
            #expect(juno.changes.count == 1 && juno.changes[0].hasPrefix(Self.move), "\(juno.changes)")
            #expect(juno.changes[0].contains("(for this device: 0x80100000 or 0xfff00000)"))
            #expect(Worked.ask(consumer, Worked.virt).changes == [])
        }
        // The DMA layer has no window to move, and what helps against a refusal is something else.
        #expect(Worked.ask(.dmaAPI, Worked.juno).changes == [])
        let direct = Worked.pci([Worked.region(0x4000_0000, 0x1000, .direct)])
        #expect(Worked.ask(.vfioType1, direct).outcome == .refused)
        let changes = Worked.ask(.vfioType1, direct).changes
        #expect(changes.count == 1 && changes[0].contains("drop the region"), "\(changes)")
    }

    /// A base that is said works when it is asked for.
    @Test func basesThatAreSaidWork() {
        for device in [Worked.juno, Worked.pci([Worked.region(0x7f0_0000, 0x9000_0000)])] {
            let change = Worked.ask(.vfioType1, device).changes.first ?? ""
            let bases = change.split { "(:,) ".contains($0) }.compactMap { word in
                word.hasPrefix("0x") ? try? HexLiteral.parse(word.utf8) : nil
            }
            #expect(bases.count == 2, "\(change)")
            for base in bases {
                let source = WindowSource.candidates(bases: [base], size: 0x10_0000, avoid: .everything)
                let asked = Worked.ask(.vfioType1, device, source)
                #expect(asked.isReachable && asked.window?.start.value == base && asked.changes.isEmpty)
            }
        }
    }

    /// Bases that are known to do are all that is named: the posted series' second base is for other devices.
    @Test func noExampleBesideWhatWorks() {
        let low = Worked.pci(inbound: [Worked.inbound(0, 0x800_0000)])
        for device in [low, Worked.juno] {
            let change = Worked.ask(.vfioType1, device).changes.first ?? ""
            #expect(change.contains("to use another base, or"), "\(change)")
        }
    }

    /// Reservations of group mates count: the whole group uses the window.
    @Test func theWholeGroupReachesWhatIsSaid() {
        let first = Worked.pci([Worked.region(0x800_0000, 0x10_0000)])
        let mate = Worked.pci([Worked.region(0x810_0000, 0x10_0000)])
        let decision = Worked.ask(.vfioType1, first) { $0.group = IOMMUGroup([first, mate]) }
        #expect(
            decision.changes.first?.contains("(for every device of the group: 0x7f00000 or 0xfff00000)")
                == true,
            "\(decision.changes)")
    }

    @Test func whereNoBaseIsLeft() {
        let decision = Worked.ask(.vfioType1, Worked.pci([Worked.region(0x1000, 0xffff_ffff_ffff)]))
        #expect(
            decision.changes == [
                "Keep the device with the host's own driver: this device reaches no 0x100000 aligned bytes that are free, so "
                    + "no window of that size works."
            ], "\(decision)")
    }
}
