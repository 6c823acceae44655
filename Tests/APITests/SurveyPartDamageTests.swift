// Parts that were cut or changed on their way, by chance or with their digest made right again: each is
// refused with a place and a sentence, or is a part, and nothing ends the process.

import AddressSpaces
import Fleet
import Foundation
import Ingestion
import JSON
import Machines
import TestSupport
import Testing

@testable import API

@Suite struct SurveyPartDamageTests {
    private static let engine = "test"

    /// A part with something in every list.
    private func sample() throws -> [UInt8] {
        let json = #"""
            {"smmus":[{"id":"s","version":"virtio"}],
             "msi_controllers":[{"id":"m","kind":"its","doorbell":"0x8090040"}],
             "devices":[{"id":"d","kind":"pci_host","smmus":["s"],"msi_controllers":["m"],
               "pci_windows":[{"bus":"0x8000000","size":"0x1000000"}]}]}
            """#
        let node = try JSONDocument(
            parsing: Array(json.utf8), limits: JSONLimits(bytesMax: 1 << 20, depthMax: 32, valuesMax: 1_000)
        ).root
        let problems = ProblemList(limit: 1)
        var platform = NativePlatform.read(node, problems)
        try #require(problems.isEmpty, "\(problems.problems)")
        platform.host = .init(kernelRelease: "6.8.0-124-generic", pageBytes: 0x1_0000)
        let question = SurveyQuestion()
        var part = SurveyPart(question, question.survey)
        for name in ["a", "b"] {
            let statement = part.statement(of: platform.host)
            part.add(name, part.survey.findings(on: platform, under: statement.conditions), statement) { _ in
            }
        }
        part.note(unread: "c: No such file or directory")
        return part.bytes(engine: Self.engine)
    }

    private func sentence(_ bytes: [UInt8]) -> String? {
        do throws(SurveyPartFault) {
            var part = try SurveyPart(reading: bytes, engine: Self.engine)
            let own = part
            try part.merge(own)
            _ = part.bytes(engine: Self.engine)
            _ = part.survey.constants()
            return nil
        } catch {
            return error.sentence
        }
    }

    /// With the digest of what is before it.
    private func sealed(_ text: String) -> [UInt8] {
        guard let end = text.range(of: #","digest":"#, options: .backwards)?.lowerBound else {
            return Array(text.utf8)
        }
        let before = Array(text[..<end].utf8)
        let digest = before.withUnsafeBytes { WordDigest.of($0) }
        return before + Array(",\"digest\":\"\(HexLiteral.text(digest))\"}\n".utf8)
    }

    @Test func changesAreToldWithTheirPlace() throws {
        let text = String(decoding: try sample(), as: UTF8.self)
        #expect(sentence(Array(text.utf8)) == nil)
        let cases: [(String, String, String)] = [
            (
                #""kind":"survey_part""#, #""kind":"survey""#,
                "it is a survey, no part of one: iovad survey --partial writes parts"
            ),
            (
                #""kind":"survey_part""#, #""kind":"decision""#,
                "it is no part of a survey: iovad survey --partial writes parts"
            ),
            (
                #""format":1"#, #""format":2"#,
                "its format is 2, and this version reads format 1: write the part with this version"
            ),
            (
                #""engine":"test""#, #""engine":"9.9""#,
                "version 9.9 wrote it, and this is test, which may decide otherwise: survey its hosts again"
            ),
            (#""devices":2"#, #""devices":3"#, "/soft_hazards"),
            (#""platforms":2,"#, #""platforms":1,"#, "/platforms_with_devices: "),
            (#""fits":"#, #""fit":"#, "/count/policies/0/fits: The member \"fits\" is missing."),
            (#""names":["a","b"]"#, #""names":["b","a"]"#, "/count/policies/"),
            (#""places":["#, #""places":[4096,"#, "/count/constants/kinds/0/places/0: "),
            (
                #""places":["#, #""places":[9,8,"#,
                "/count/constants/kinds/0/places: The places are no ascending runs"
            ),
            (#""release":"6.8""#, #""release":"5.10""#, "/kernel/"),
            (#""unread":{"count":1"#, #""unread":{"count":-1"#, "/unread/count: "),
            (
                #""size":"0x100000""#, #""size":"0x200000""#,
                "/question/window/size: This version surveys windows of 0x100000."
            ),
        ]
        for (old, new, expected) in cases {
            let place = try #require(text.range(of: old), "\(old)")
            let changed = text.replacingCharacters(in: place, with: new)
            let found = sentence(sealed(changed)) ?? "read"
            #expect(found.hasPrefix(expected.hasPrefix("/soft") ? "/" : expected), "\(new): \(found)")
            guard !["kind", "format", "engine"].contains(where: { old.hasPrefix("\"\($0)\"") }) else {
                continue
            }
            #expect(
                sentence(Array(changed.utf8))?.hasPrefix(
                    "/digest: the bytes before it are not those that were written")
                    == true)
        }
        #expect(
            sentence(Array(text.utf8.dropLast(40)))?.hasPrefix(
                "it is no whole part of a survey: line 1, column ") == true)
        #expect(sentence([]) != nil && sentence(Array("{}".utf8)) != nil && sentence(Array("7".utf8)) != nil)
    }

    @Test func noDamageEndsTheProcess() throws {
        var generator = SeededGenerator.forTest("noDamageEndsTheProcess", fallback: 95)
        let good = try sample()
        var refused = 0
        for _ in 0..<400 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: bytes.indices, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: place)
                default: bytes = Array(bytes[...place])
                }
            }
            guard bytes != good else { continue }
            let found = sentence(bytes)
            #expect(found?.isEmpty == false, "\(String(decoding: bytes, as: UTF8.self))")
            if found != nil { refused += 1 }
        }
        #expect(refused > 350)
    }

    /// A number, a word or a member is another one, and the digest is that of the new bytes.
    @Test func noForgedPartEndsTheProcess() throws {
        var generator = SeededGenerator.forTest("noForgedPartEndsTheProcess", fallback: 96)
        let text = String(decoding: try sample(), as: UTF8.self)
        let numbers = [
            "0", "1", "-1", "2", "4095", "4096", "9007199254740991", "1e300", "null", "[]", "{}", #""x""#,
            "true",
        ]
        let tokens = text.ranges(of: try Regex(#"-?[0-9]+|"[a-z_0-9]*"|true|false|null"#))
        var read = 0
        for _ in 0..<600 {
            let token = try #require(tokens.randomElement(using: &generator))
            let changed = text.replacingCharacters(in: token, with: numbers.randomElement(using: &generator)!)
            let found = sentence(sealed(changed))
            #expect(found?.isEmpty != true)
            if found == nil { read += 1 }
        }
        // Names and reasons may be any.
        #expect(read < 300)
    }
}
