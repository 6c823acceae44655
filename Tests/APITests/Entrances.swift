// The entrances of the service, each as one function of the same question: what one machine's free addresses
// are, and which window fits there. The tests compare what they say; nothing is decided here.

import API
import Foundation
import HTTP
import TestSupport
import Testing

/// One question about a window, put to every entrance.
struct WindowQuestion: CustomTestStringConvertible {
    /// How the free addresses are told.
    enum Telling: String { case ranges, regions }

    var name: String
    var free: [ClosedRange<UInt64>]
    var size: UInt64
    var telling: Telling = .regions
    var apertureBits = 48

    var testDescription: String { "\(name), \(hex(size)) bytes, told by \(telling)" }
}

func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

/// Picks as all entrances spell them.
struct Picks: Equatable, CustomStringConvertible {
    var nearest: String?
    var lowest: String?
    var highestBelow4G: String?

    var description: String {
        [nearest, lowest, highestBelow4G].map { $0 ?? "none" }.joined(separator: " / ")
    }
}

extension WindowQuestion {
    static let preferences = ["nearest_default", "lowest", "highest_below_4g"]
    private static let alignment: UInt64 = 0x10_0000

    private func json(_ range: ClosedRange<UInt64>, _ more: String = "") -> String {
        #"{"start":"\#(hex(range.lowerBound))","last":"\#(hex(range.upperBound))"\#(more)}"#
    }

    private var end: UInt64 { apertureBits == 64 ? .max : (1 << UInt64(apertureBits)) - 1 }

    /// `"iova_ranges"` or `"reserved_regions"`.
    var told: String {
        switch telling {
        case .ranges: return #""iova_ranges":[\#(free.map { json($0) }.joined(separator: ","))]"#
        case .regions:
            var holes: [String] = []
            var next: UInt64 = 0
            for range in free {
                if range.lowerBound > next { holes.append(json(next...range.lowerBound - 1)) }
                next = range.upperBound + 1
            }
            if next <= end { holes.append(json(next...end)) }
            return #""reserved_regions":[\#(holes.joined(separator: ","))]"#
        }
    }

    /// Every aligned start that fits, as one range of starts for each free range.
    private var starts: [ClosedRange<UInt64>] {
        free.compactMap { range in
            let mask = Self.alignment - 1
            let (sum, overflow) = range.lowerBound.addingReportingOverflow(mask)
            guard !overflow, range.upperBound - range.lowerBound >= size - 1 else { return nil }
            let lowest = sum & ~mask
            let highest = (range.upperBound - (size - 1)) & ~mask
            return lowest <= highest ? lowest...highest : nil
        }
    }

    /// What is right, tried by hand: bounds that the question brings are the caller's.
    func expected(below: UInt64? = nil) -> Picks {
        let all = starts.compactMap { starts -> ClosedRange<UInt64>? in
            guard let below else { return starts }
            let last = below - size & ~(Self.alignment - 1)
            return starts.lowerBound <= last ? starts.lowerBound...min(last, starts.upperBound) : nil
        }
        let target: UInt64 = 0x800_0000
        func distance(_ start: UInt64) -> UInt64 { start > target ? start - target : target - start }
        let nearest = all.map { min(max(target, $0.lowerBound), $0.upperBound) }
            .min { (distance($0), $1) < (distance($1), $0) }
        let low = starts.filter { $0.lowerBound + (size - 1) <= 0xffff_ffff }
            .map { min($0.upperBound, (0x1_0000_0000 - size) & ~(Self.alignment - 1)) }
        return Picks(
            nearest: nearest.map(hex), lowest: all.first.map { hex($0.lowerBound) },
            highestBelow4G: low.last.map(hex))
    }

    /// Ranges that hold the window at every aligned base, as "start-last".
    var expectedPlaces: [String] {
        starts.map { "\(hex($0.lowerBound))-\(hex($0.upperBound + (size - 1)))" }
    }

    private func source(_ preference: String) -> String {
        #"{"kind":"dynamic","prefer":"\#(preference)","size":"\#(hex(size))"}"#
    }

    private func picks(_ window: (String) -> String?) -> Picks {
        let found = Self.preferences.map(window)
        return Picks(nearest: found[0], lowest: found[1], highestBelow4G: found[2])
    }

    private static func start(_ answer: [String: Any]) -> String? {
        (answer["window"] as? [String: Any])?["start"] as? String
    }

    // MARK: Entrances

    private func decisionBody(_ preference: String, _ consumer: String) -> String {
        #"{\#(told),"consumer":"\#(consumer)","aperture_bits":\#(apertureBits),"window_source":\#(source(preference))}"#
    }

    func decisions(_ client: ServiceClient, _ consumer: String) -> Picks {
        picks { Self.start(client.decide(decisionBody($0, consumer)).json) }
    }

    func offlineDecisions() throws -> Picks {
        let answers = try Self.preferences.map {
            try Offline.run("decide", input: decisionBody($0, "vfio_type1"))
        }
        return Picks(
            nearest: Self.start(answers[0]), lowest: Self.start(answers[1]),
            highestBelow4G: Self.start(answers[2]))
    }

    func comparison(_ client: ServiceClient) -> Picks {
        let policies = Self.preferences.map { #"{"name":"\#($0)","window_source":\#(source($0))}"# }
        let answer = client.post(
            "/v1/comparisons",
            json: #"{\#(told),"consumer":"vfio_type1","aperture_bits":\#(apertureBits),"#
                + #""policies":[\#(policies.joined(separator: ","))]}"#)
        let items = answer.list("items")
        return picks { name in
            items.first { $0["policy"] as? String == name }.flatMap(Self.start)
        }
    }

    /// Stores the machine as platform "p" with the device "d".
    func upload(_ client: ServiceClient) -> Int {
        let body =
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"pci_function","smmus":["s"],\#(told)}]}"#
        return client.ask(.put, "/v1/platforms/p", Array(body.utf8), type: "application/json").status
    }

    func views(_ client: ServiceClient) -> (picks: Picks, places: [String]) {
        let target =
            "/v1/platforms/p/available-windows?device=d&size=\(hex(size))&aperture_bits=\(apertureBits)"
        let all = client.get(target)
        let low = client.get(target + "&below=0x100000000").object("picks")
        let picks = all.object("picks")
        return (
            Picks(
                nearest: picks["nearest_default"] as? String, lowest: picks["lowest"] as? String,
                highestBelow4G: low["highest"] as? String),
            Self.places(all.list("items"))
        )
    }

    static func places(_ items: [[String: Any]]) -> [String] {
        items.map { "\($0["start"] as? String ?? "")-\($0["last"] as? String ?? "")" }
    }

    private func host(stored: Bool) -> String {
        let bits = telling == .ranges && !stored ? "" : #","aperture_bits":\#(apertureBits)"#
        return stored ? #"{"name":"h","platform":"p"\#(bits)}"# : #"{"name":"h",\#(told)\#(bits)}"#
    }

    private func placementBody(stored: Bool, only32Bit: Bool) -> String {
        #"{"hosts":[\#(host(stored: stored))],"vm":{"memory_map":[]},"#
            + #""window":{"size":"\#(hex(size))","msi_32bit_only":\#(only32Bit)}}"#
    }

    func placement(
        _ client: ServiceClient, stored: Bool, only32Bit: Bool = false
    ) -> (picks: Picks, places: [String]) {
        let answer = client.post(
            "/v1/placements", json: placementBody(stored: stored, only32Bit: only32Bit))
        return Self.placement(answer.json)
    }

    func offlinePlacement() throws -> (picks: Picks, places: [String]) {
        Self.placement(try Offline.run("place", input: placementBody(stored: false, only32Bit: false)))
    }

    private static func placement(_ answer: [String: Any]) -> (picks: Picks, places: [String]) {
        let picks = answer["picks"] as? [String: Any] ?? [:]
        return (
            Picks(
                nearest: picks["nearest_default"] as? String, lowest: picks["lowest"] as? String,
                highestBelow4G: picks["highest_below_4g"] as? String),
            places(answer["candidates"] as? [[String: Any]] ?? [])
        )
    }

    /// Constants lie below 4 GiB and have 1 MiB.
    func survey(_ client: ServiceClient, stored: Bool) -> Picks {
        let answer = client.ask(
            .post, "/v1/surveys", Array(#"{"hosts":[\#(host(stored: stored))]}"#.utf8),
            type: "application/json", headers: [.init("Accept", "application/x-ndjson")]
        ).drained().answer
        let line = answer.text.split(separator: "\n").first ?? ""
        let row = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        let cells = row?["policies"] as? [String: [String: Any]] ?? [:]
        func base(_ policy: String) -> String? { cells[policy]?["base"] as? String }
        return Picks(
            nearest: base("nearest_default"), lowest: base("lowest_below_4g"),
            highestBelow4G: base("highest_below_4g"))
    }

    /// Where a doorbell of the attached device goes: the window's first page.
    func session(_ client: ServiceClient, _ consumer: String) -> Picks {
        picks { preference in
            let session = client.post("/v1/sessions", json: "{}").response.headers["Location"] ?? ""
            let domain = client.post(
                session + "/domains",
                json:
                    #"{"id":"d0","consumer":"\#(consumer)","aperture":{"start":"0x0","last":"\#(hex(end))"},"#
                    + #""window_source":\#(source(preference)),"devices":[{"platform":"p","device":"d"}]}"#)
            guard domain.status == 201 else { return "domain: \(domain.text)" }
            let mapped = client.post(
                session + "/domains/d0/doorbells", json: #"{"physical":"0x8090040","device":"d"}"#)
            return mapped.json["page"] as? String == "0x8090000" ? nil : mapped.json["page"] as? String
        }
    }
}

/// The command line: the executable itself, with a request on standard input.
enum Offline {
    private static let executable =
        Bundle.allBundles.map(\.bundleURL)
        .first { $0.pathExtension == "xctest" }?.deletingLastPathComponent()
        .appendingPathComponent("iovad")
        ?? URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appendingPathComponent("iovad")

    static func run(_ command: String, input: String) throws -> [String: Any] {
        let process = Process()
        process.executableURL = executable
        process.arguments = [command, "--json", "-"]
        let (stdin, stdout) = (Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        try process.run()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let output = stdout.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return try JSONSerialization.jsonObject(with: output) as? [String: Any] ?? [:]
    }
}
