// POST /v1/surveys: policy x platform matrix. As JSON the summary with its conflicts; as NDJSON a stream of a
// line for every device, and the summary as the last line. GET /v1/atlas: the survey of Debian's arm64 device
// trees, which `make atlas` computes and the build embeds.

import AddressSpaces
import Fleet
import HTTP
import JSON
import MSIWindows
import Machines

extension Route {
    static let surveys: [Route] = [
        .post(
            "survey", "/v1/surveys", scope: .read, produces: [MediaType.json, MediaType.ndjson], lane: .heavy,
            Service.survey),
        .get("atlas", "/v1/atlas", Service.atlas),
    ]
}

extension Service {
    func survey(_ context: RequestContext) throws(Problem) -> Response {
        let document = try document(context)
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        let request = SurveyRequest(document.root, problems)
        let entries = entries(request, problems)
        checkSize(request, entries, problems)
        let subjects =
            entries.map {
                SurveySubject(
                    name: $0.id, machine: machine($0.platform, of: $0),
                    stated: request.stated.adopting($0.platform.host))
            } + request.hosts.compactMap { subject($0, request.stated, problems) }
        guard problems.isEmpty else { throw .semantic(problems) }
        var survey = Survey(
            policies: request.policies, conditions: request.conditions, isActiveOnly: request.isActiveOnly)
        let version = configuration.version
        guard context.plan.produces != MediaType.ndjson else {
            return Response(
                status: 200, headers: HeaderFields([.init("Content-Type", MediaType.ndjson)]),
                stream: SurveyLines(survey, subjects, engine: version))
        }
        for subject in subjects {
            try context.checkpoint()
            survey.add(subject) { _ in }
        }
        return json { $0.summary(of: survey, survey.constants(), engine: version) }
    }

    /// The platforms that are named or those of the pool, or all.
    private func entries(_ request: SurveyRequest, _ problems: ProblemList) -> [PlatformEntry] {
        if let pool = request.pool { return platforms.members(ofPool: pool, problems) }
        guard let ids = request.platforms else {
            return request.hosts.isEmpty ? platforms.page(after: nil, limit: .max).entries : []
        }
        return ids.enumerated().compactMap { index, id in
            platforms.entry(id, at: "/platforms/\(index)", problems)
        }
    }

    /// Bounds the work before any is done.
    private func checkSize(
        _ request: SurveyRequest, _ entries: [PlatformEntry], _ problems: ProblemList
    ) {
        var devices = entries.reduce(0) { $0 + $1.platform.devices.count }
        var ranges = entries.reduce(0) { $0 + $1.platform.devices.costRanges(with: 0) }
        for host in request.hosts {
            guard case .platform(let id, let names) = host.source, let entry = platforms.entry(id) else {
                devices += 1
                ranges += host.source.reportedRanges
                continue
            }
            let chosen = names?.compactMap { entry.device($0) } ?? entry.platform.devices
            devices += chosen.count
            ranges += chosen.costRanges(with: host.regionsOfEach)
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
    private func subject(
        _ host: PlacementRequest.Host, _ stated: StatedConditions, _ problems: ProblemList
    ) -> SurveySubject? {
        switch host.source {
        case .platform(let id, let names):
            guard let entry = platforms.entry(id, at: "\(host.pointer)/platform", problems) else {
                return nil
            }
            var platform = entry.platform
            if let names {
                guard let devices = entry.devices(names, at: "\(host.pointer)/devices", problems) else {
                    return nil
                }
                platform.devices = devices
            }
            var stated = stated.of(host).adopting(platform.host)
            stated.conditions.iommuRegions = host.iommuRegions
            return SurveySubject(
                name: host.name, machine: machine(platform, of: entry), stated: stated,
                aperture: host.aperture)
        case .reported(let regions, let ranges):
            var device = Device(
                id: "reported", kind: .group, firmwareRegions: (regions ?? []).withoutDriverWindowNamedMSI())
            device.reportedRegions = regions?.tellingMSIsApart()
            return SurveySubject(
                name: host.name,
                machine: .reported(device, usable: ranges.map { UsableRanges($0, beside: regions ?? []) }),
                stated: stated.of(host), aperture: host.aperture)
        }
    }

    /// A stored platform, or some of its devices.
    private func machine(_ platform: Platform, of entry: PlatformEntry) -> SurveySubject.Machine {
        let platforms = platforms
        return .platform(platform) { platforms.prepared($0, on: entry, .whole, under: $1) }
    }
}

extension Service {
    private static let atlasBytes = PackageResources.atlas_json
    private static let atlasTag = EntityTag.of(atlasBytes)

    func atlas(_ context: RequestContext) -> Response {
        let headers = HeaderFields([.init("ETag", Self.atlasTag), .init("Cache-Control", "no-cache")])
        if context.alreadyHas(Self.atlasTag) { return Response(status: 304, headers: headers) }
        var response = Response(status: 200, headers: headers, body: Self.atlasBytes)
        response.headers.set("Content-Type", MediaType.json)
        return response
    }
}

/// A machine and the name under which it is surveyed.
struct SurveySubject: Sendable {
    enum Machine: Sendable {
        case platform(Platform, prepare: @Sendable (Device, Conditions) -> PreparedDevice)
        /// A host known by one device that stands for what it reports.
        case reported(Device, usable: UsableRanges?)

        var deviceCount: Int {
            switch self {
            case .platform(let platform, _): platform.devices.count
            case .reported: 1
            }
        }
    }

    var name: String
    var machine: Machine
    /// The request's conditions, with what the machine's host said.
    var stated: StatedConditions
    /// What its SMMUs translate; nil for the survey's own aperture.
    var aperture: IOVARange?
}

extension Survey {
    /// Adds a machine; `row` gets every row in order.
    mutating func add(_ subject: SurveySubject, row: (SurveyRow) -> Void) {
        note(HostStatement(subject.stated), of: subject.name)
        switch subject.machine {
        case .platform(let platform, let prepare):
            add(
                subject.name, platform, under: subject.stated.conditions, aperture: subject.aperture,
                prepare: prepare, row: row)
        case .reported(let device, let usable):
            add(
                host: subject.name, device, usable: usable, under: subject.stated.conditions,
                aperture: subject.aperture, row: row)
        }
    }
}
