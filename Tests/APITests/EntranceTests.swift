// One question, asked at every entrance: decision, comparison, views, placement, survey, session, fault,
// replay, and the command line. Whoever answers must say the same.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct WindowEntranceTests {
    static let mib: UInt64 = 0x10_0000
    /// Holds no window, and leaves VFIO something besides one: a group without any IOVA is refused.
    static let spare: ClosedRange<UInt64> = 0x1_2000...0x1_2fff
    static let across: [ClosedRange<UInt64>] = [spare, 0xfff0_0000...0x1_000f_ffff]
    static let ties: [ClosedRange<UInt64>] = [spare, 0x7e0_0000...0x7ef_ffff, 0x820_0000...0x82f_ffff]
    static let many: [ClosedRange<UInt64>] = [
        0x20_0000...0x2f_ffff, 0x50_0800...0x7f_ffff, 0x6000_0000...0x6fff_ffff,
        0xe000_0000...0x1_3fff_ffff, 0x20_0000_0000...0x2f_ffff_ffff,
    ]

    static let questions: [WindowQuestion] = [
        WindowQuestion(name: "2 MiB around 4 GiB", free: across, size: 2 * mib),
        WindowQuestion(name: "1 MiB on either side of 4 GiB", free: across, size: mib),
        WindowQuestion(name: "a range across 4 GiB", free: many, size: mib),
        WindowQuestion(name: "a large window across 4 GiB", free: many, size: 0x3000_0000),
        WindowQuestion(
            name: "only above 4 GiB", free: [spare, 0x1_0000_0000...0x1_7fff_ffff], size: 4 * mib),
        WindowQuestion(name: "as near below as above", free: ties, size: mib),
        WindowQuestion(
            name: "crooked ends", free: [0x900_0800...0x90f_ffff, 0xb00_0800...0xb2f_f7ff], size: mib),
        WindowQuestion(name: "nothing", free: [0x900_0800...0x90f_ffff], size: mib),
        WindowQuestion(name: "the default", free: [spare, 0x800_0000...0x80f_ffff], size: mib),
    ]
    static let rangeQuestions: [WindowQuestion] =
        questions.map { question in
            var question = question
            question.telling = .ranges
            return question
        } + [
            WindowQuestion(
                name: "near 2^64", free: [0xffff_ffff_ff00_0000...0xffff_ffff_fffe_ffff], size: 2 * mib,
                telling: .ranges, apertureBits: 64)
        ]

    @Test(arguments: questions + rangeQuestions)
    func everyEntranceFindsTheSamePlaces(question: WindowQuestion) {
        let client = ServiceClient()
        #expect(question.upload(client) / 100 == 2)
        let expected = question.expected()
        #expect(question.decisions(client, "vfio_type1") == expected, "decision, VFIO")
        #expect(question.decisions(client, "iommufd") == expected, "decision, iommufd")
        #expect(question.comparison(client) == expected, "comparison")
        for (entrance, answer) in [
            ("view", question.views(client)), ("placement", question.placement(client, stored: false)),
        ] {
            #expect(answer.picks == expected, "\(entrance)")
            #expect(answer.places == question.expectedPlaces, "\(entrance)")
        }
    }

    /// Below 4 GiB, as constants are and as 32-bit MSIs need it.
    @Test(arguments: questions)
    func surveysAnd32BitMSIsStayBelow4GiB(question: WindowQuestion) {
        let client = ServiceClient()
        #expect(question.upload(client) / 100 == 2)
        let expected = question.expected(below: 0x1_0000_0000)
        for stored in [false, true] {
            #expect(question.placement(client, stored: stored, only32Bit: true).picks == expected)
            guard question.size == Self.mib else { continue }
            #expect(question.survey(client, stored: stored) == expected, "survey, stored: \(stored)")
        }
    }

    /// What a stored platform knows: its regions.
    @Test(arguments: questions)
    func sessionsAndStoredHostsFindThem(question: WindowQuestion) {
        let client = ServiceClient()
        #expect(question.upload(client) / 100 == 2)
        let expected = question.expected()
        let placement = question.placement(client, stored: true)
        #expect(placement.picks == expected)
        #expect(placement.places == question.expectedPlaces)
        #expect(question.session(client, "vfio_type1") == expected, "session, VFIO")
        #expect(question.session(client, "iommufd") == expected, "session, iommufd")
    }

    @Test func theCommandLineSaysTheSame() throws {
        for question in [Self.questions[0], Self.questions[3], Self.rangeQuestions[5]] {
            #expect(try question.offlineDecisions() == question.expected(), "\(question.testDescription)")
            let placement = try question.offlinePlacement()
            #expect(placement.picks == question.expected(), "\(question.testDescription)")
            #expect(placement.places == question.expectedPlaces, "\(question.testDescription)")
        }
    }

    /// The alternatives to a window that a device does not reach are the nearest and the highest below 4 GiB.
    @Test(arguments: [questions[1], questions[2], questions[5]])
    func faultsNameTheSamePlaces(question: WindowQuestion) throws {
        let client = ServiceClient()
        #expect(question.upload(client) / 100 == 2)
        let line =
            "arm-smmu-v3 9050000.smmuv3: event: F_TRANSLATION client: d sid: 0x8 ssid: 0x0 iova: 0x8000040 ipa: 0x0"
        let body = #"{"lines":["\#(line)"],"platform":"p","doorbells":["0x8090040"]}"#
        let answer = client.post("/v1/fault-explanations", json: body)
        let item = try #require(answer.list("items").first, "\(answer.text)")
        let expected = question.expected()
        let wanted = [expected.nearest, expected.highestBelow4G].compactMap { $0 }
        let alternatives = item["alternatives"] as? [String] ?? []
        #expect(alternatives == wanted.reduce(into: []) { if !$0.contains($1) { $0.append($1) } })
    }
}
