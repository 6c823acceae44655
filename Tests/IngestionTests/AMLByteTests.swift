// AML put together byte by byte: what is refused, where, and that every bound is reached.

import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct AMLByteTests {
    private func resources(_ terms: [UInt8]) -> AMLFact<[UInt8]>? {
        AMLReader.read([AMLFixture.table(AMLFixture.bridge(terms))]).bridges.first?.resources
    }

    private func reason(_ terms: [UInt8]) -> AMLRefusal.Reason? {
        guard case .unknown(let refusal)? = resources(terms) else { return nil }
        return refusal.reason
    }

    private func refused(_ terms: [UInt8]) -> AMLRefusal? {
        AMLReader.read([AMLFixture.table(terms)]).refusals[0]
    }

    private let window = AMLFixture.name("_CRS", AMLFixture.buffer(AMLFixture.window))

    @Test func buffersHaveTheirSize() {
        #expect(resources(window)?.value == AMLFixture.window)
        let long = AMLFixture.name("_CRS", AMLFixture.buffer([0x79, 0], size: 5))
        #expect(resources(long)?.value == [0x79, 0, 0, 0, 0])
        let short = AMLFixture.name("_CRS", AMLFixture.buffer([0x79, 0], size: 1))
        #expect(resources(short)?.value == [0x79, 0])
        let huge = AMLFixture.packaged([0x11], [0x0c, 0xff, 0xff, 0xff, 0xff, 0x79])
        #expect(reason(AMLFixture.name("_CRS", huge)) == .bufferTooLarge)
        #expect(reason(AMLFixture.name("_CRS", [0x0a, 5])) == .notABuffer)
    }

    @Test func aReturnWithoutValueIsRead() {
        // As Microsoft's compiler writes it: the package ends after the opcode.
        let odd = AMLFixture.method("ODD_", AMLFixture.packaged([0xa0], [0x01, 0xa4]) + [0xa5])
        let named = AMLFixture.name("RBUF", AMLFixture.buffer(AMLFixture.window))
        let method = AMLFixture.method("_CRS", [0xa4] + Array("RBUF".utf8))
        #expect(resources(odd + named + method)?.value == AMLFixture.window)
        #expect(reason(AMLFixture.method("_CRS", AMLFixture.packaged([0xa1], [0xa4]))) == .branches)
        #expect(reason(AMLFixture.method("_CRS", [0xa4])) == .branches)
    }

    @Test func unreadBodiesMayStore() {
        let named = AMLFixture.name("RBUF", AMLFixture.buffer(AMLFixture.window))
        let method = AMLFixture.method("_CRS", [0xa4] + Array("RBUF".utf8))
        let broken = AMLFixture.method("BAD_", [0x02])
        #expect(reason(named + method + broken) == .usersUnread)
        #expect(reason(window + broken) == .usersUnread)
        // What a method makes itself, no other one can change.
        let own = AMLFixture.method("_CRS", named + [0xa4] + Array("RBUF".utf8))
        #expect(resources(own + broken)?.value == AMLFixture.window)
        // Who reads the name is no concern, and a name declared twice is.
        #expect(reason(window + window) == .declaredTwice)
        #expect(
            reason(AMLFixture.method("_CRS", arguments: 1, [0xa4] + AMLFixture.buffer([0x79, 0])))
                == .takesArguments)
        #expect(reason(AMLFixture.method("_CRS", [0xa4] + Array("NONE".utf8))) == .nameUnknown)
        #expect(reason(AMLFixture.method("_CRS", [0x02])) == .unknownOpcode(2))
    }

    @Test func methodsDeclareForAWhile() {
        // In the device, by a method that somebody may run.
        let window = AMLFixture.name("^_CRS", AMLFixture.buffer(AMLFixture.window))
        #expect(reason(AMLFixture.method("INIT", window)) == .declaredUnderCondition)
    }

    @Test func damageIsRefusedWithItsOffset() {
        #expect(refused([0x02]) == AMLRefusal(.unknownOpcode(2), at: 36))
        #expect(refused([0x5b, 0x7f]) == AMLRefusal(.unknownOpcode(0x5b7f), at: 36))
        #expect(refused([0x10, 0x20, 0x5c]) == AMLRefusal(.packageTooLong(end: 69, limit: 39), at: 37))
        #expect(refused([0x10, 0x00, 0x5c]) == AMLRefusal(.packageEndsWithin, at: 37))
        #expect(refused([0x08, 0x31, 0x41, 0x41, 0x41, 0x00]) == AMLRefusal(.noName, at: 37))
        #expect(refused([0x08] + Array("ABCD".utf8)) == AMLRefusal(.cutShort, at: 41))
        #expect(refused([0x08] + Array("ABCD".utf8) + [0x0d, 0x41]) == AMLRefusal(.cutShort, at: 42))
        #expect(refused([0x08, 0x5c, 0x00, 0x00]) == AMLRefusal(.noName, at: 37))
        let field = AMLFixture.packaged([0x5b, 0x81], Array("REGN".utf8) + [0, 9])
        #expect(refused(field) == AMLRefusal(.unknownFieldElement(9), at: 44))
        #expect(refused([0x2f, 0xff]) == AMLRefusal(.pathTooLong, at: 36))
        // A bad DSDT leaves a sound SSDT's bridge, whose names somebody else may store to.
        let sound = AMLFixture.table(AMLFixture.bridge(window), "SSDT")
        let content = AMLReader.read([AMLFixture.table([0x02]), sound])
        #expect(content.refusals.keys.sorted() == [0] && content.readTables == [1])
        #expect(content.bridges.count == 1 && content.bridges[0].resources.value == nil)
    }

    @Test func boundsAreReached() {
        let deep = [UInt8](repeating: 0x92, count: AMLLimits.nestingMax + 1)
        #expect(refused(deep)?.reason == .tooDeep)
        let terms = [UInt8](repeating: 0xa3, count: AMLLimits.termsMax + 1)
        #expect(refused(terms)?.reason == .tooManyTerms)
        var path: [UInt8] = [0x00]
        for _ in 0..<AMLLimits.pathDepthMax + 1 {
            path = AMLFixture.packaged([0x10], Array("AAAA".utf8) + path)
        }
        // Scopes that exist are found further out; carets keep each in the one before.
        #expect(refused(path) == nil)
        let long =
            [0x08, 0x2f, UInt8(AMLLimits.pathDepthMax)]
            + [UInt8](repeating: 0x41, count: 4 * AMLLimits.pathDepthMax) + [0]
        #expect(refused(long) == nil)
        #expect(refused(AMLFixture.packaged([0x10], Array("BBBB".utf8) + long))?.reason == .pathTooLong)
        var names: [UInt8] = []
        for number in 0..<AMLLimits.namesMax {
            // Sixteen letters, then 32 letters and digits.
            names += [0x5b, 0x02, 0x41 + UInt8(number & 15)]
            for shift in [4, 9, 14] {
                let digit = UInt8(number >> shift & 31)
                names.append(digit < 26 ? 0x41 + digit : 0x16 + digit)
            }
        }
        #expect(refused(names)?.reason == .tooManyNames)
        let bridges = (0..<AMLLimits.hostBridgesMax + 1).map { number -> [UInt8] in
            let name = Array("B".utf8) + [2, 1, 0].map { 0x41 + UInt8(number >> (4 * $0) & 15) }
            return AMLFixture.packaged(
                [0x5b, 0x82], name + AMLFixture.name("_HID", [0x0c, 0x41, 0xd0, 0x0a, 0x08]))
        }
        let content = AMLReader.read([AMLFixture.table(bridges.flatMap { $0 })])
        #expect(content.bridges.count == AMLLimits.hostBridgesMax)
    }

    @Test func selectionIsBounded() {
        func fact(_ body: [UInt8]) -> AMLFact<Bool>? {
            let terms = AMLFixture.bridge(AMLFixture.method("_DSM", arguments: 4, body))
            return AMLReader.read([AMLFixture.table(terms)]).bridges.first?.preservesConfiguration
        }
        #expect(fact([0xa4, 0x00])?.value == true)
        let loop = fact([UInt8](repeating: 0xa3, count: AMLLimits.selectionStepsMax + 1) + [0xa4, 0x00])
        guard case .unknown(let refusal)? = loop else {
            Issue.record("too many statements")
            return
        }
        #expect(refusal.reason == .callsTooMuch)
        let nested = [UInt8](repeating: 0x92, count: AMLLimits.selectionDepthMax + 1)
        guard case .unknown(let deep)? = fact([0xa4] + nested + [0x00]) else {
            Issue.record("too deep")
            return
        }
        #expect(deep.reason == .callsTooMuch)
        // Without a Break, a loop may go on for ever.
        guard case .unknown? = fact(AMLFixture.packaged([0xa2], [0x01, 0xa3]) + [0xa4, 0x00]) else {
            Issue.record("a loop")
            return
        }
        #expect(fact(AMLFixture.packaged([0xa2], [0x01, 0xa5]) + [0xa4, 0x00])?.value == true)
    }

    @Test func resourceListsAreChecked() {
        func reason(_ bytes: [UInt8]) -> AMLRefusal? {
            do {
                _ = try ResourceTemplate(bytes)
                return nil
            } catch {
                return error
            }
        }
        #expect(reason(AMLFixture.window) == nil && reason([0x79]) == AMLRefusal(.descriptorCutShort, at: 0))
        #expect(reason([]) == AMLRefusal(.noEndTag, at: 0))
        #expect(reason([0x47]) == AMLRefusal(.descriptorCutShort, at: 0))
        #expect(reason([0x8a, 0x2b]) == AMLRefusal(.descriptorCutShort, at: 0))
        for count in 0..<AMLFixture.window.count - 2 {
            #expect(reason(Array(AMLFixture.window[..<count])) != nil, "cut at \(count)")
        }
        descriptorsHaveTheirLength(reason)
    }

    /// ACPICA refuses the whole list for one descriptor of a wrong length or of an unknown type.
    private func descriptorsHaveTheirLength(_ reason: ([UInt8]) -> AMLRefusal?) {
        let most = ResourceTemplate.lengthMax
        for (tag, allowed) in [
            (UInt8(0x8a), 43...most), (0x87, 23...most), (0x88, 13...most), (0x8b, 53...53), (0x86, 9...9),
            (0x85, 17...17), (0x81, 9...9), (0x89, 6...most), (0x82, 12...12),
        ] {
            func list(_ count: Int) -> [UInt8] {
                [tag, UInt8(count), 0] + [UInt8](repeating: 0, count: count) + [0x79, 0]
            }
            #expect(reason(list(allowed.lowerBound)) == nil, "\(tag)")
            for count in [allowed.lowerBound - 1, allowed.upperBound + 1] where count < 256 {
                let refusal = reason([0x22, 0, 0] + list(count))
                #expect(
                    refusal == AMLRefusal(.descriptorLength(count, allowed: allowed), at: 3),
                    "\(tag) \(count)")
            }
        }
        #expect(reason([0x21, 0, 0x79, 0])?.reason == .descriptorLength(1, allowed: 2...3))
        #expect(reason([0x78, 0])?.reason == .descriptorLength(0, allowed: 1...1))
        for tag: UInt8 in [0x00, 0x18, 0x68, 0x80, 0x83, 0x94, 0xff] {
            #expect(reason([tag, 0, 0, 0x79, 0]) == AMLRefusal(.descriptorUnknown(tag), at: 0), "\(tag)")
        }
        func bus(_ kind: UInt8) -> [UInt8] { [0x8e, 9, 0, 1, 0, kind, 0, 0, 0, 1, 0, 0, 0x79, 0] }
        #expect(reason(bus(1)) == nil && reason(bus(9))?.reason == .descriptorUnknown(0x8e))
    }
}
