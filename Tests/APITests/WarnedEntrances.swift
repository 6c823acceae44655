// Every entrance that answers about a device of a stored platform, with the codes of its warnings: what is
// not known of a device is told wherever somebody may ask.

import HTTP
import TestSupport
import Testing

extension ServiceClient {
    private func codes(_ warnings: Any?) -> [String] {
        (warnings as? [[String: Any]] ?? []).compactMap { $0["code"] as? String }
    }

    /// Warnings of each entrance about a device of platform `w`.
    func warnings(of device: String) -> [(entrance: String, codes: [String], text: String)] {
        var found: [(String, [String], String)] = []
        func add(_ entrance: String, _ answer: ServiceClient.Answer, _ warnings: Any?) {
            found.append((entrance, codes(warnings), answer.text))
        }
        let subject = #""platform":"w","device":"\#(device)""#
        for consumer in ["vfio_type1", "iommufd", "dma_api"] {
            let answer = post("/v1/decisions", json: #"{\#(subject),"consumer":"\#(consumer)"}"#)
            add(consumer, answer, answer.json["warnings"])
        }
        let compared = post("/v1/comparisons", json: #"{\#(subject),"policies":["mainline_fixed"]}"#)
        add("comparison", compared, compared.list("items").first?["warnings"])
        let guest =
            #"{"hosts":[{"platform":"w","devices":["\#(device)"]}],"vm":{"vmm":"qemu-virt","ram":"0x40000000"}}"#
        let placed = post("/v1/placements", json: guest)
        add("placement", placed, placed.json["warnings"])
        let survey = post("/v1/surveys", json: #"{"platforms":["w"]}"#)
        add("survey", survey, survey.json["warnings"])
        let failure = "QEMU: vfio_dma_map(0x5, 0x8000000, 0x1000, 0x7f) = -22 (Invalid argument)"
        let maps = post("/v1/map-failures", json: #"{"text":"\#(failure)",\#(subject)}"#)
        add("map failure", maps, maps.json["warnings"])
        let fault =
            "arm-smmu-v3 arm-smmu-v3.0.auto: event: F_TRANSLATION client: \(device) sid: 0x80 ssid: 0x0 "
            + "iova: 0x8000040 ipa: 0x0"
        let faults = post("/v1/fault-explanations", json: #"{"platform":"w","text":"\#(fault)"}"#)
        add("fault", faults, faults.list("items").first?["warnings"])
        _ = ask(.delete, "/v1/sessions/w")
        #expect(post("/v1/sessions", json: #"{"id":"w"}"#).status == 201)
        let made = post("/v1/sessions/w/domains", json: #"{"id":"a","devices":[{\#(subject)}]}"#)
        add("domain", made, made.json["warnings"])
        let state = get("/v1/sessions/w/state").drained().answer.text
        #expect(post("/v1/sessions?id=again", json: state).status == 201, "\(state)")
        let again = get("/v1/sessions/again/domains/a")
        add("imported domain", again, again.json["warnings"])
        _ = ask(.delete, "/v1/sessions/again")
        return found
    }

    func views(of device: String) -> [ServiceClient.Answer] {
        [
            "devices/\(device)", "reserved-regions?device=\(device)&view=dma",
            "available-windows?device=\(device)",
        ].map { get("/v1/platforms/w/" + $0) }
    }
}
