// A question and its answer as a service with Codable declares them, under the names of the wire. Members that an answer has and that are not
// here are left out, so that this does a little less than the product.

struct AddressRange: Codable {
    var start: String
    var last: String?
    var size: String?
    var type: String?
}

struct Question: Codable {
    var platform: String?
    var device: String?
    var consumer: String?
    var window_source: String?
    var reserved_regions: [AddressRange]?
    var doorbells: [String]?
}

struct Answer: Codable {
    struct Doorbell: Codable {
        var physical: String
        var iova: String
        var page: String
    }

    struct Blocker: Codable {
        var kind: String
        var range: AddressRange?
        var provenance: String?
    }

    struct Warning: Codable {
        var code: String
        var detail: String
        var range: AddressRange?
    }

    struct Model: Codable {
        var kernel: String
        var engine: String
    }

    var kind: String
    var outcome: String
    var window: AddressRange?
    var doorbells: [Doorbell]?
    var reachable: Bool?
    var blockers: [Blocker]?
    var because: String?
    var warnings: [Warning]?
    var changes: [String]?
    var iova_ranges: [AddressRange]?
    var iova_ranges_total: Int?
    var model: Model?
}
