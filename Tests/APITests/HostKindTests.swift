// Stored platforms of one kind of machine share the facts that placements are made of; one that differs in
// anything that an answer tells has its own.

import AddressSpaces
import Fleet
import MSIWindows
import Machines
import Testing

@testable import API

@Suite struct HostKindTests {
    private let kept = KeptHostFacts()

    private func facts(of entry: PlatformEntry, _ provenance: String, start: UInt64 = 0x2000_0000)
        -> HostFacts?
    {
        let circumstances = kept.circumstances(Conditions())
        if let made = kept.made(of: entry, nil, under: circumstances) { return made.facts }
        let region = ReservedRegion(
            kind: .reserved, start: start, length: 0x1_0000, provenance: .caller(provenance))
        let facts = HostFacts(regions: [region], ranges: nil, aperture: Conditions().aperture)
        return kept.keep(.init(facts: facts, ranges: 1), of: entry, nil, under: circumstances).facts
    }

    @Test func equalFactsAreOneObject() throws {
        let entries = (0..<4).map { BuiltInPlatforms.entries[0].renamed("m\($0)") }
        let first = try #require(facts(of: entries[0], "a"))
        #expect(facts(of: entries[1], "a") === first)
        let elsewhere = try #require(facts(of: entries[2], "a", start: 0x3000_0000))
        #expect(elsewhere != first)
        // What an answer says of a region counts as much as where it lies.
        #expect(try #require(facts(of: entries[3], "b")) != first)
        // They are found again, whichever platform goes.
        kept.forget(entries[0].serial)
        #expect(facts(of: entries[0], "a") === first)
    }

    @Test func circumstancesThatAreKnownAreOneObject() {
        let first = kept.circumstances(Conditions())
        var conditions = Conditions()
        conditions.aperture = IOVARange.ofBits(40)
        let other = kept.circumstances(conditions)
        #expect(other != first)
        #expect(kept.circumstances(Conditions()) === first)
        for bits in 32..<48 {
            conditions.aperture = IOVARange.ofBits(bits)
            #expect(kept.circumstances(conditions) == kept.circumstances(conditions))
        }
        // Forgotten ones are equal all the same.
        #expect(kept.circumstances(Conditions()) == first)
    }
}
