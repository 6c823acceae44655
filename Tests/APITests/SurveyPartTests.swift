// Parts of a survey: however a fleet is split, and in whatever order and grouping its parts are merged, the
// bytes are those of one survey of all hosts. And what becomes of parts that are damaged.

import AddressSpaces
import Fleet
import Ingestion
import JSON
import MSIWindows
import Machines
import TestSupport
import Testing

@testable import API

@Suite struct SurveyPartTests {
    private typealias Host = (name: String, platform: Platform)

    private static let engine = "test"

    /// Hosts of which some are the same, some share a name, and some have a virtio-iommu or a kernel.
    private func fleet(
        _ count: Int, devices: ClosedRange<Int>, _ generator: inout SeededGenerator
    ) throws -> [Host] {
        var hosts: [Host] = []
        for index in 0..<count {
            if let other = hosts.randomElement(using: &generator),
                Int.random(in: 0..<5, using: &generator) == 0
            {
                hosts.append((Bool.random(using: &generator) ? other.name : "h\(index)", other.platform))
                continue
            }
            let isVirtio = Int.random(in: 0..<6, using: &generator) == 0
            let list = (0..<Int.random(in: devices, using: &generator)).map { device -> String in
                let regions = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
                    let start = UInt64.random(in: 1..<4_000, using: &generator) << 20
                    let size = UInt64.random(in: 1...0x200, using: &generator) << 20
                    return
                        #"{"start":"0x\#(String(start, radix: 16))","size":"0x\#(String(size, radix: 16))"}"#
                }
                let window = UInt64.random(in: 1..<4_000, using: &generator) << 20
                return #"{"id":"d\#(device)","kind":"pci_host","smmus":["s"],"msi_controllers":["m"],"#
                    + #""reserved_regions":[\#(regions.joined(separator: ","))],"#
                    + #""pci_windows":[{"bus":"0x\#(String(window, radix: 16))","size":"0x8000000"}]}"#
            }
            let json =
                #"{"smmus":[{"id":"s","version":"\#(isVirtio ? "virtio" : "v3")"}],"#
                + #""msi_controllers":[{"id":"m","kind":"its","doorbell":"0x\#(isVirtio ? "8090040" : "30090040")"}],"#
                + #""devices":[\#(list.joined(separator: ","))]}"#
            var platform = try Self.platform(json)
            if Int.random(in: 0..<4, using: &generator) == 0 {
                let release = ["6.8.0-124-generic", "6.12.9-arm64", "6.8.0-45-generic"]
                platform.host = RunningHost(kernelRelease: release.randomElement(using: &generator))
            }
            hosts.append(("h\(index)", platform))
        }
        return hosts
    }

    private static func platform(_ json: String) throws -> Platform {
        let problems = ProblemList(limit: 1)
        let parts = [InputPart(name: "host", bytes: Array(json.utf8), labelled: nil)]
        let limits = JSONLimits(bytesMax: 1 << 20, depthMax: 32, valuesMax: 1 << 20)
        let platform = try PlatformReader.read(parts, .init(json: limits), problems)
        try #require(problems.isEmpty, "\(problems.problems)")
        return platform
    }

    private func part(
        _ hosts: some Sequence<Host>, unread: [String] = [], _ question: SurveyQuestion = SurveyQuestion()
    ) -> SurveyPart {
        var part = SurveyPart(question, question.survey)
        for host in hosts {
            let statement = part.statement(of: host.platform.host)
            let findings = part.survey.findings(on: host.platform, under: statement.conditions)
            part.add(host.name, findings, statement) { _ in }
        }
        for line in unread { part.note(unread: line) }
        return part
    }

    private func bytes(_ part: SurveyPart) -> [UInt8] { part.bytes(engine: Self.engine) }

    private func summary(_ survey: Survey) -> [UInt8] {
        var writer = JSONWriter()
        writer.summary(of: survey, survey.constants(), engine: Self.engine)
        return writer.bytes
    }

    /// Merges parts two or more at a time until one is left, each time by way of its bytes.
    private func merged(_ parts: [SurveyPart], _ generator: inout SeededGenerator) throws -> SurveyPart {
        var left = parts.map(bytes).shuffled(using: &generator)
        repeat {
            let count = Int.random(in: 1...min(4, left.count), using: &generator)
            var sum = try SurveyPart(reading: left.removeLast(), engine: Self.engine)
            for _ in 1..<count { try sum.merge(SurveyPart(reading: left.removeLast(), engine: Self.engine)) }
            left.insert(bytes(sum), at: Int.random(in: 0...left.count, using: &generator))
        } while left.count > 1
        return try SurveyPart(reading: left[0], engine: Self.engine)
    }

    private func split(_ hosts: [Host], _ generator: inout SeededGenerator) -> [SurveyPart] {
        var parts: [[Host]] = Array(repeating: [], count: Int.random(in: 1...7, using: &generator))
        for host in hosts { parts[Int.random(in: parts.indices, using: &generator)].append(host) }
        return parts.enumerated().map { part($1, unread: $0 == 0 ? ["a: is no machine", "b"] : []) }
    }

    @Test func anySplitSaysWhatOneSays() throws {
        var generator = SeededGenerator.forTest("anySplitSaysWhatOneSays", fallback: 91)
        for round in 0..<24 {
            let hosts = try fleet(Int.random(in: 0...24, using: &generator), devices: 1...4, &generator)
            let whole = part(hosts, unread: ["a: is no machine", "b"])
            let found = try merged(split(hosts, &generator), &generator)
            #expect(bytes(found) == bytes(whole), "round \(round)")
            #expect(summary(found.survey) == summary(whole.survey), "round \(round)")
            #expect(found.survey.facts.unread.count == 2)
        }
    }

    /// More kinds of devices than are kept one by one: some parts have few, and some have too many by
    /// themselves.
    @Test func sumsTakeThePlaceOfKinds() throws {
        var generator = SeededGenerator.forTest("sumsTakeThePlaceOfKinds", fallback: 92)
        let hosts = try fleet(110, devices: 50...60, &generator)
        let whole = part(hosts)
        #expect(whole.survey.constants().pairStep == 16 << 20)
        let few = part(hosts.prefix(20))
        #expect(few.survey.constants().pairStep == nil)
        let found = try merged([few, part(hosts[20..<24]), part(hosts[24...])], &generator)
        #expect(bytes(found) == bytes(whole))
        #expect(summary(found.survey) == summary(whole.survey))
        let halves = try merged([part(hosts.prefix(55)), part(hosts[55...])], &generator)
        #expect(bytes(halves) == bytes(whole))
    }

    /// Hosts are counted, so that a part that is merged twice counts twice.
    @Test func countsAdd() throws {
        var generator = SeededGenerator.forTest("countsAdd", fallback: 93)
        let hosts = try fleet(9, devices: 1...3, &generator)
        var twice = part(hosts)
        try twice.merge(part(hosts))
        #expect(twice.survey.platformCount == 18)
        #expect(bytes(twice) == bytes(part(hosts + hosts)))
        var none = part([])
        try none.merge(part(hosts))
        #expect(bytes(none) == bytes(part(hosts)))
    }

    @Test func hostsOfOneKindAreListedOnce() throws {
        // The third of them is in nobody's way.
        let platforms = try ["0x8000000", "0xa0000000", "0x40000000"].map { bus in
            try Self.platform(
                #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"pci_host","smmus":["s"],"#
                    + #""pci_windows":[{"bus":"\#(bus)","size":"0x100000"}]}]}"#)
        }
        let kinds = part((10..<43).reversed().map { ("m\($0)", platforms[$0 % 3]) }).survey.worstHosts
        #expect(kinds.map(\.conflicts) == [2, 1] && kinds.map(\.hosts) == [11, 11])
        #expect(kinds.map(\.host) == ["m12", "m10"] && kinds.map(\.devices) == [1, 1])
    }

    @Test func otherQuestionsAreRefused() throws {
        var own = part([])
        func refusal(_ change: (inout SurveyQuestion) -> Void, constants: [SurveyPolicy] = []) throws
            -> String
        {
            var question = SurveyQuestion(constants: constants)
            change(&question)
            let other = try SurveyPart(reading: bytes(part([], question)), engine: Self.engine)
            do throws(SurveyPartFault) {
                try own.merge(other)
            } catch {
                return error.sentence
            }
            return "merged"
        }
        let start = "it answers another question than the parts before it: "
        #expect(try refusal { _ in } == "merged")
        #expect(
            try refusal { $0.apertureBits = 40 } == start
                + #"{"aperture_bits":40} where they have {"aperture_bits":48}"#)
        #expect(
            try refusal { $0.isActiveOnly = false } == start
                + #"{"active_only":false} where they have {"active_only":true}"#)
        #expect(
            try refusal { $0.assumption = .software } == start + #"{"assume":"software"} where they have {}"#)
        #expect(
            try refusal { $0.preservesPCIConfiguration = false } == start
                + #"{"preserve_config":false} where they have {}"#)
        #expect(try refusal { $0.iommuRegions = [] } == start + #"{"iommu_regions":[]} where they have {}"#)
        let more = try refusal({ _ in }, constants: [.constant(0xe00_0000)])
        #expect(
            more.hasPrefix(start + #"{"policies":["fixed","second""#)
                && more.contains(#""constant_0xe000000"]}"#))
    }
}
