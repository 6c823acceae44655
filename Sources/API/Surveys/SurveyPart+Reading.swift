// Reads a part of a survey that was written down. It may come from anywhere, so that every count is held
// against those that it cannot pass, and the digest against the bytes: what is wrong is said with its place,
// and nothing of a part that is refused is counted.

import AddressSpaces
import Fleet
import JSON
import LinuxReleases
import MSIWindows
import Machines

extension SurveyPart {
    /// The part in a file.
    ///
    /// - Parameter engine: the version that reads it, which must be the one that wrote it.
    package init(reading bytes: [UInt8], engine: String) throws(SurveyPartFault) {
        let limits = JSONLimits(
            bytesMax: Self.bytesMax, depthMax: Limits.jsonDepthMax, valuesMax: Self.bytesMax / 2)
        guard bytes.count <= Self.bytesMax else {
            throw SurveyPartFault("it has \(bytes.count) bytes, and a part has at most \(Self.bytesMax)")
        }
        let document: JSONDocument
        do {
            document = try JSONDocument(parsing: bytes, limits: limits)
        } catch {
            throw SurveyPartFault(
                "it is no whole part of a survey: line \(error.line), column \(error.column): the JSON cannot be read; "
                    + "write it again")
        }
        try Self.check(document.root, engine: engine)
        try Self.checkDigest(of: bytes, document.root)
        let problems = ProblemList(limit: 1)
        let part = SurveyPart(document.root, problems)
        if let problem = problems.problems.first {
            let place = problem.pointer.isEmpty ? "" : "\(problem.pointer): "
            throw SurveyPartFault("\(place)\(problem.detail)")
        }
        guard let part else { throw SurveyPartFault("it is no part of a survey") }
        self = part
    }

    /// What the bytes are, and of which version.
    private static func check(_ root: JSONNode, engine: String) throws(SurveyPartFault) {
        let ignored = ProblemList(limit: 1)
        func text(_ name: String) -> String? {
            root.member(name)?.string(bytesMax: Limits.nameBytesMax, ignored)
        }
        guard root.kind == .object, text("kind") == kind else {
            let isSurvey = root.kind == .object && text("kind") == "survey"
            throw SurveyPartFault(
                isSurvey
                    ? "it is a survey, no part of one: iovad survey --partial writes parts"
                    : "it is no part of a survey: iovad survey --partial writes parts")
        }
        let number = root.member("format")?.int(in: 0...Int(Int32.max), ignored)
        guard number == format else {
            throw SurveyPartFault(
                "its format is \(number.map(String.init) ?? "not told"), and this version reads format \(format): write the part "
                    + "with this version")
        }
        guard let written = text("engine"), written == engine else {
            throw SurveyPartFault(
                "version \(text("engine").map { Excerpt.of($0) } ?? "unknown") wrote it, and this is \(engine), which may decide "
                    + "otherwise: survey its hosts again")
        }
    }

    private static let digestKey = Array(#","digest":"#.utf8)

    private static func checkDigest(of bytes: [UInt8], _ root: JSONNode) throws(SurveyPartFault) {
        guard let told = root.member("digest")?.u64(ProblemList(limit: 1)) else {
            throw SurveyPartFault("/digest: it has none, so that nobody knows whether it is whole")
        }
        var end = bytes.count - digestKey.count
        while end > 0, !bytes[end...].starts(with: digestKey) { end -= 1 }
        let found = bytes.withUnsafeBytes {
            WordDigest.of(UnsafeRawBufferPointer(rebasing: $0[..<max(end, 0)]))
        }
        guard found == told else {
            throw SurveyPartFault(
                "/digest: the bytes before it are not those that were written (their digest is \(HexLiteral.text(found)), not "
                    + "\(HexLiteral.text(told))): copy the part again")
        }
    }

    private init?(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return nil }
        for name in ["kind", "format", "engine", "digest"] as [StaticString] { _ = reader.optional(name) }
        let own = reader.required("question").map { SurveyQuestion($0, problems) }
        guard let own, problems.isEmpty else { return nil }
        let empty = own.survey
        let most = Survey.countMax / empty.policies.count
        let platforms = reader.required("platforms")?.int(in: 0...Survey.countMax, problems)
        let with = reader.required("platforms_with_devices")?.int(in: 0...(platforms ?? 0), problems)
        let devices = reader.required("devices")?.int(in: 0...most, problems)
        guard let platforms, let with, let devices else { return nil }
        let part = PartReader(survey: empty, platforms: platforms, devices: devices, problems: problems)
        let facts = part.facts(&reader)
        let hazards = part.hazards(reader.required("soft_hazards"))
        let worst = part.worst(reader.required("worst_hosts"))
        let count = part.count(reader.required("count"))
        let reported = part.reported(reader.optional("if_iommu_reports_msi"))
        reader.finish()
        guard problems.isEmpty, let count else { return nil }
        var counts = Survey.Counts(count: count)
        (counts.platforms, counts.platformsWithDevices, counts.devices) = (platforms, with, devices)
        (counts.hazards, counts.facts, counts.worst) = (hazards, facts, worst)
        counts.reported = reported
        self.init(own, empty.counting(counts))
    }
}

/// Reads the members of a part under the bounds that its totals set.
private struct PartReader {
    let survey: Survey
    let platforms: Int
    let devices: Int
    let problems: ProblemList

    private static let textBytesMax = 1 << 16

    private func list<Element>(
        _ node: JSONNode?, max: Int, _ read: (JSONNode) -> Element?
    ) -> [Element] {
        node?.elements(countMax: max, problems)?.compactMap(read) ?? []
    }

    private func text(_ node: JSONNode?) -> String? { node?.string(bytesMax: Self.textBytesMax, problems) }

    private func int(_ node: JSONNode?, in bounds: ClosedRange<Int>) -> Int? {
        node?.int(in: bounds, problems)
    }

    private func refuse(_ node: JSONNode?, _ detail: String) {
        if let node { problems.add(node.pointer, "inconsistent", detail) }
    }

    // MARK: What is known of hosts

    func facts(_ reader: inout ObjectReader) -> SurveyedFacts {
        let kernel = reader.optional("kernel").flatMap(kernel)
        let warnings = list(reader.required("warnings"), max: Placement.hostRemarksMax, warning)
        let told = list(reader.required("hosts"), max: Survey.conflictsMax, told)
        var unread = UnreadInputs()
        if let node = reader.required("unread"), var inner = ObjectReader(node, problems) {
            let count = int(inner.required("count"), in: 0...Survey.countMax) ?? 0
            let lines = list(inner.required("lines"), max: min(count, Survey.unreadMax)) { text($0) }
            inner.finish()
            unread = UnreadInputs(count: count, lines: lines)
        }
        return SurveyedFacts(warnings: warnings, told: told, kernel: kernel, unread: unread)
    }

    private func kernel(_ node: JSONNode) -> KernelProfile? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let releases = KernelRelease.allCases.map { (word: $0.rawValue, value: $0) }
        let release = reader.required("release")?.choice(releases, problems)
        let stated = reader.required("stated")
        reader.finish()
        guard let release, let stated else { return nil }
        guard stated.kind != .null, let text = text(stated) else { return KernelProfile(release) }
        let kernel = KernelProfile(releaseString: text) ?? KernelProfile(unnumbered: text)
        if kernel.release != release { refuse(stated, "It does not select the release \(release.rawValue).") }
        return kernel
    }

    private func warning(_ node: JSONNode) -> Placement.Warning? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let codes = Placement.Warning.Code.allCases.map { (word: $0.rawValue, value: $0) }
        let severities = Placement.Warning.Severity.allCases.map { (word: $0.rawValue, value: $0) }
        let code = reader.required("code")?.choice(codes, problems)
        let severity = reader.required("severity")?.choice(severities, problems)
        let detail = text(reader.required("detail"))
        let range = reader.optional("range").flatMap { node -> IOVARange? in
            guard var inner = ObjectReader(node, problems) else { return nil }
            // Written with its size as well.
            let start = inner.required("start")?.u64(problems)
            let last = inner.required("last")
            _ = inner.optional("size")
            inner.finish()
            guard let start, let last, let end = last.u64(problems) else { return nil }
            guard start <= end else {
                refuse(last, "The range ends before it starts.")
                return nil
            }
            return IOVARange(proven: start, end)
        }
        let host = reader.optional("host").flatMap(text)
        reader.finish()
        guard let code, let severity, let detail else { return nil }
        return .init(code: code, severity: severity, detail: detail, range: range, host: host)
    }

    private func told(_ node: JSONNode) -> ToldHost? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let host = text(reader.required("host"))
        let names = HostFact.Name.allCases.map { (word: $0.rawValue, value: $0) }
        let facts = list(reader.required("facts"), max: Limits.pageItemsMax) { node -> HostFact? in
            guard var inner = ObjectReader(node, problems) else { return nil }
            let name = inner.required("name")?.choice(names, problems)
            let value = text(inner.required("value"))
            let place = inner.optional("place").flatMap(text)
            inner.finish()
            guard let name, let value else { return nil }
            return HostFact(name, value, place: place)
        }
        reader.finish()
        return host.map { ToldHost($0, facts) }
    }

    func hazards(_ node: JSONNode?) -> [SoftHazard] {
        let hazards = list(node, max: survey.hazards.count) { node -> SoftHazard? in
            guard var reader = ObjectReader(node, problems) else { return nil }
            let base = reader.required("base")?.u64(problems)
            let ram = int(reader.required("ram"), in: 0...platforms)
            let mmio = int(reader.required("mmio"), in: 0...platforms)
            reader.finish()
            guard let base, let ram, let mmio else { return nil }
            return SoftHazard(base: base, ram: ram, mmio: mmio)
        }
        if hazards.map(\.base) != survey.hazards.map(\.base) {
            refuse(node, "These are not the constants of the question.")
        }
        return hazards
    }

    func worst(_ node: JSONNode?) -> [WorstHosts] {
        let most = devices.multipliedReportingOverflow(by: survey.policies.count).partialValue
        let kinds = list(node, max: Survey.worstHostsMax) { node -> WorstHosts? in
            guard var reader = ObjectReader(node, problems) else { return nil }
            let digest = reader.required("digest")?.u64(problems)
            let hosts = int(reader.required("hosts"), in: 1...max(platforms, 1))
            let name = text(reader.required("platform"))
            let devices = int(reader.required("devices"), in: 1...max(devices, 1))
            let conflicts = int(reader.required("conflicts"), in: 1...max(most, 1))
            reader.finish()
            guard let digest, let hosts, let name, let devices, let conflicts else { return nil }
            return WorstHosts(
                conflicts: conflicts, digest: digest, devices: devices, hosts: hosts, host: name)
        }
        if !zip(kinds, kinds.dropFirst()).allSatisfy({ $0 < $1 }) {
            refuse(node, "The kinds of hosts are not in their order, most conflicts first.")
        }
        return kinds
    }

    func reported(_ node: JSONNode?) -> Survey.Reported? {
        guard let node, var reader = ObjectReader(node, problems) else { return nil }
        let regions = reader.required("iommu_regions").flatMap {
            Condition.iommuRegions(.member($0), problems)
        }
        let count = count(reader.required("count"))
        reader.finish()
        guard let regions, let count else { return nil }
        return Survey.Reported(regions: regions, count: count)
    }

    // MARK: What was counted

    func count(_ node: JSONNode?) -> SurveyCount? {
        guard let node, var reader = ObjectReader(node, problems) else { return nil }
        let list = reader.required("policies")
        let nodes = list?.elements(countMax: survey.policies.count, problems) ?? []
        if let list, nodes.count != survey.policies.count {
            refuse(list, "The question has \(survey.policies.count) policies, and here are \(nodes.count).")
        }
        let tallies = zip(survey.policies, nodes).compactMap(tally)
        let conflicts = self.list(reader.required("conflicts"), max: Survey.conflictsMax, conflict)
        let total = tallies.reduce(0) { $0 + $1.conflicts }
        if conflicts.count != min(total, Survey.conflictsMax) {
            refuse(
                reader.optional("conflicts"),
                "\(conflicts.count) conflicts are listed, and the policies have \(total).")
        }
        let sweep = sweep(reader.required("constants"))
        reader.finish()
        guard problems.isEmpty, let sweep else { return nil }
        return SurveyCount(tallies: tallies, conflicts: conflicts, sweep: sweep)
    }

    private func tally(_ policy: SurveyPolicy, _ node: JSONNode) -> Survey.PolicyTally? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let fits = int(reader.required("fits"), in: 0...devices)
        let conflicts = int(reader.required("conflicts"), in: 0...devices)
        let conditional = int(reader.required("conditional"), in: 0...(conflicts ?? 0))
        let moved = int(reader.required("not_at_default"), in: 0...devices)
        let hosts = hosts(&reader, namesMax: Survey.tallyNamesMax)
        reader.finish()
        guard let fits, let conflicts, let conditional, let moved, let hosts else { return nil }
        if fits + conflicts != devices {
            refuse(node, "\(fits) devices fit and \(conflicts) conflict, of \(devices).")
        }
        return Survey.PolicyTally(
            policy: policy, fits: fits, conflicts: conflicts, conditional: conditional, moved: moved,
            hosts: hosts)
    }

    private func hosts(_ reader: inout ObjectReader, namesMax: Int) -> NamedHosts? {
        guard let count = int(reader.required("platforms"), in: 0...platforms) else { return nil }
        let node = reader.required("names")
        let names = list(node, max: min(namesMax, count)) { text($0) }
        let hosts = NamedHosts(namesMax: namesMax, count: count, names: names)
        if hosts.names != names || names.isEmpty != (count == 0) {
            refuse(node, "Names of the \(count) platforms are missing, or not each once and in order.")
        }
        return hosts
    }

    private func conflict(_ node: JSONNode) -> Survey.Conflict? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let platform = text(reader.required("platform"))
        let row = int(reader.required("row"), in: 0...max(devices - 1, 0))
        let device = text(reader.required("device"))
        let policy = int(reader.required("policy"), in: 0...survey.policies.count - 1)
        let base = reader.required("base")
        let number = base.flatMap { $0.kind == .null ? nil : $0.u64(problems) }
        let isConditional = reader.required("conditional")?.bool(problems)
        let reasons = list(reader.required("reasons"), max: Limits.pageItemsMax) { text($0) }
        reader.finish()
        guard let platform, let row, let device, let policy, let isConditional else { return nil }
        return Survey.Conflict(
            platform: platform, row: row, policyPlace: policy, device: device,
            policy: survey.policies[policy].name, base: number,
            reachability: isConditional ? .conditional : .no, reasons: reasons)
    }

    private func sweep(_ node: JSONNode?) -> ConstantSweep? {
        guard let node, var reader = ObjectReader(node, problems) else { return nil }
        let runs = hostRuns(reader.required("hosts"))
        let kindsNode = reader.optional("kinds")
        let kinds = list(kindsNode, max: ConstantSweep.kindsMax, kind)
        var total = 0
        for kind in kinds { total = total.addingReportingOverflow(kind.devices).partialValue }
        if kindsNode != nil, total != devices {
            refuse(kindsNode, "The kinds have \(total) devices, of \(devices).")
        }
        let sums = kindsNode == nil ? sums(&reader) : nil
        reader.finish()
        guard problems.isEmpty, kindsNode != nil || sums != nil else { return nil }
        guard let sweep = ConstantSweep(kinds: kinds, sums: sums, failingHosts: runs) else {
            refuse(kindsNode, "One kind is listed twice.")
            return nil
        }
        return sweep
    }

    private func kind(_ node: JSONNode) -> (places: WindowBases, devices: Int)? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let devices = int(reader.required("devices"), in: 1...max(devices, 1))
        let list = reader.required("places")
        let bounds = self.list(list, max: WindowBases.numbers.upperBound + 1) {
            int($0, in: WindowBases.numbers)
        }
        reader.finish()
        guard let devices, let list else { return nil }
        guard let places = WindowBases(bounds: bounds), bounds.count == list.count else {
            refuse(list, "The places are no ascending runs of bases, each with its first and last.")
            return nil
        }
        return (places, devices)
    }

    private func hostRuns(_ node: JSONNode?) -> [(numbers: ClosedRange<Int>, hosts: NamedHosts)] {
        var next = WindowBases.numbers.lowerBound
        return list(node, max: WindowBases.numbers.upperBound) { node in
            guard var reader = ObjectReader(node, problems) else { return nil }
            let bounds = min(next, WindowBases.numbers.upperBound)...WindowBases.numbers.upperBound
            let first = int(reader.required("first"), in: bounds)
            let last = int(reader.required("last"), in: (first ?? bounds.lowerBound)...bounds.upperBound)
            let hosts = hosts(&reader, namesMax: ConstantSweep.namesMax)
            reader.finish()
            guard let first, let last, let hosts else { return nil }
            next = last + 1
            return (first...last, hosts)
        }
    }

    private func sums(_ reader: inout ObjectReader) -> ConstantSums? {
        let basesNode = reader.required("bases")
        var (unfit, marks) = ([0], [UInt64(0)])
        for node in list(basesNode, max: WindowBases.numbers.upperBound, { $0 }) {
            let pair = list(node, max: 2) { $0 }
            guard pair.count == 2, let count = int(pair[0], in: 0...devices), let mark = pair[1].u64(problems)
            else {
                refuse(node, "A base has how many devices fail there, and the sum of their digests.")
                return nil
            }
            unfit.append(count)
            marks.append(mark)
        }
        let pairs = list(reader.required("pairs"), max: ConstantSums.pairCount) {
            int($0, in: 0...devices)
        }
        guard problems.isEmpty else { return nil }
        let sums = ConstantSums(unfit: unfit, marks: marks, pairs: pairs)
        if sums == nil { refuse(basesNode, "The sums of bases or pairs are not as many as there are.") }
        return sums
    }
}
