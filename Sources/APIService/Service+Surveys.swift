// POST /v1/surveys: policy x platform matrix. As JSON the summary with its conflicts; as NDJSON a line for
// every device, and the summary as the last line.

import APIContract
import AddressSpaces
import FleetQueries
import HTTPMessages
import MSIWindows
import Platforms
import SMMUModel
import WireJSON

extension Service {
    func survey(_ context: RequestContext) throws(Problem) -> Response {
        let document = try document(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let request = SurveyRequest(document.root, problems)
        let entries = entries(request, problems)
        checkSize(request, entries, problems)
        guard problems.isEmpty else { throw .semantic(problems) }
        let isLines = context.plan.produces == MediaType.ndjson
        var survey = Survey(
            policies: request.policies, conditions: request.conditions, isActiveOnly: request.isActiveOnly)
        var lines: [UInt8] = []
        let policies = survey.policies
        for entry in entries {
            survey.add(entry.id, entry.platform) { row in lines.append(row, policies, if: isLines) }
        }
        for host in request.hosts { add(host, to: &survey, policies, &lines, isLines, problems) }
        guard problems.isEmpty else { throw .semantic(problems) }
        return answer(survey, lines: isLines ? lines : nil)
    }

    private func answer(_ survey: Survey, lines: [UInt8]?) -> Response {
        let constants = survey.constants()
        let summary = json(200) { writer in
            writer.surveyMembers(survey, constants)
            writer.model(survey.conditions.kernel, engine: configuration.version)
        }
        guard let lines else { return summary }
        return Response(
            status: 200, headers: HeaderFields([.init("Content-Type", MediaType.ndjson)]),
            body: lines + summary.body + [0x0a])
    }

    /// The platforms that are named, or all.
    private func entries(_ request: SurveyRequest, _ problems: ProblemList) -> [PlatformEntry] {
        guard let ids = request.platforms else {
            return request.hosts.isEmpty ? platforms.page(after: nil, limit: .max).entries : []
        }
        return ids.enumerated().compactMap { index, id in
            let entry = platforms.entry(id)
            if entry == nil {
                problems.add(
                    "/platforms/\(index)", "unknown-platform",
                    "No platform \"\(shown(id))\"; GET /v1/platforms lists them.")
            }
            return entry
        }
    }

    /// Bounds the work before any is done.
    private func checkSize(
        _ request: SurveyRequest, _ entries: [PlatformEntry], _ problems: ProblemList
    ) {
        var devices = entries.reduce(0) { $0 + $1.platform.devices.count }
        var ranges = entries.reduce(0) { $0 + $1.platform.devices.reduce(0) { $0 + $1.costRanges } }
        for host in request.hosts {
            guard case .platform(let id, let names) = host.source, let entry = platforms.entry(id) else {
                devices += 1
                continue
            }
            let chosen = names?.compactMap { entry.device($0) } ?? entry.platform.devices
            devices += chosen.count
            ranges += chosen.reduce(0) { $0 + $1.costRanges }
        }
        let limits = [
            (devices, Limits.surveyDevicesMax, "devices"),
            (devices * request.policies.count, Limits.surveyCellsMax, "devices times policies"),
            (ranges, Limits.placementObstaclesMax, "ranges of devices"),
        ]
        for (count, most, what) in limits where count > most {
            problems.add("", "too-many", "\(count) \(what); a survey takes at most \(most).")
        }
    }

    /// A host by name: a platform with some of its devices, or a group with what it reports.
    private func add(
        _ host: PlacementRequest.Host, to survey: inout Survey, _ policies: [SurveyPolicy],
        _ lines: inout [UInt8], _ isLines: Bool, _ problems: ProblemList
    ) {
        switch host.source {
        case .platform(let id, let names):
            guard let entry = platforms.entry(id) else {
                problems.add(
                    "\(host.pointer)/platform", "unknown-platform",
                    "No platform \"\(shown(id))\"; GET /v1/platforms lists them.")
                return
            }
            var platform = entry.platform
            if let names {
                platform.devices = names.compactMap { entry.device($0) }
                if platform.devices.count < names.count {
                    problems.add(
                        "\(host.pointer)/devices", "unknown-device",
                        "Not every device is on \(entry.id); GET /v1/platforms/\(entry.id)/devices lists them."
                    )
                }
            }
            survey.add(host.name, platform, aperture: host.aperture) { row in
                lines.append(row, policies, if: isLines)
            }
        case .reported(let regions, let ranges):
            let device = Device(id: "reported", kind: .group, firmwareRegions: hard(regions ?? []))
            survey.add(host: host.name, device, usable: ranges, aperture: host.aperture) { row in
                lines.append(row, policies, if: isLines)
            }
        }
    }

    /// Regions without the driver's own window, which sysfs prints as "msi".
    private func hard(_ regions: [ReservedRegion]) -> [ReservedRegion] {
        regions.filter { region in
            region.kind != .softwareMSI
                && !(region.kind == .msi && region.start == WindowSource.mainlineBase
                    && region.length == WindowSource.mainlineSize)
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ row: SurveyRow, _ policies: [SurveyPolicy], if wanted: Bool) {
        guard wanted else { return }
        var writer = JSONWriter(reservingBytes: 512)
        writer.surveyRow(row, policies)
        self += writer.bytes
        append(0x0a)
    }
}

extension Device {
    /// Ranges that a survey or a placement looks at, with a share for the device itself.
    var costRanges: Int { 8 + firmwareRegions.count + pciWindows.count + inboundWindows.count }
}
