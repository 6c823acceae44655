// The type of a collected group, as sysfs prints it and as people edit it.

import HTTP
import TestSupport
import Testing

@testable import API

@Suite struct GroupTypeTests {
    @Test(
        arguments: [
            (#""identity\n""#, "identity", nil), (#"" identity ""#, "identity", nil),
            (#""DMA-FQ\n""#, "window", nil),
            (#""""#, "window", nil), ("null", "window", nil),
            (#""blocked""#, "none", "group-type-not-of-kernel-drivers"),
            (#""unmanaged""#, "refused", "group-type-not-of-kernel-drivers"),
            (#""Identity""#, "window", "group-type-unknown"),
            (#""auto""#, "window", "group-type-unknown"),
        ] as [(String, String, String?)])
    func typesAreReadOrTold(type: String, outcome: String, code: String?) {
        let client = ServiceClient()
        let body = """
            {"collected":{"format":1,"kernel_release":"6.12.1","groups":[{"id":"4","type":\(type),"devices":\
            ["0000:00:10.0"],"reserved_regions":"0x0000000008000000 0x00000000080fffff msi\\n"}]}}
            """
        let upload = client.ask(.post, "/v1/platforms?id=h", Array(body.utf8), type: "application/json")
        #expect(upload.status == 201, "\(upload.text)")
        let codes = upload.list("findings").compactMap { $0["code"] as? String }
        #expect(codes.filter { $0.hasPrefix("group-type") } == [code].compactMap { $0 }, "\(upload.text)")
        let ask = #"{"platform":"h","device":"0000:00:10.0","consumer":"dma_api","doorbells":["0x8090040"]}"#
        let answer = client.decide(ask)
        #expect(answer.json["outcome"] as? String == outcome, "\(answer.text)")
    }

    /// Kernel drivers have no DMA in such groups; VFIO and iommufd are answered as ever.
    @Test(arguments: [("blocked", "none", "ENOSPC"), ("unmanaged", "refused", "EBUSY")])
    func everyEntranceSaysThatKernelDriversAreOut(type: String, outcome: String, errno: String) throws {
        let client = ServiceClient()
        let body =
            #"{"collected":{"format":1,"kernel_release":"7.3.1","groups":[{"id":"4","type":"\#(type)","#
            + #""devices":["0000:00:10.0"],"reserved_regions":"0x0000000008000000 0x00000000080fffff msi\n"}]}}"#
        #expect(client.ask(.put, "/v1/platforms/h", Array(body.utf8), type: "application/json").status == 201)
        let subject = #""platform":"h","device":"0000:00:10.0""#
        let ask = #"{\#(subject),"consumer":"dma_api","doorbells":["0x8090040"]}"#
        let inline =
            #"{"reserved_regions":[],"consumer":"dma_api","default_domain":"\#(type)","doorbells":["0x8090040"]}"#
        let compared = client.post("/v1/comparisons", json: ask.replacing("}", with: #","kernels":["7.3"]}"#))
        let view = client.get("/v1/platforms/h/reserved-regions?device=0000:00:10.0&view=dma")
        for answer in [
            client.decide(ask).json, client.decide(inline).json, try Offline.run("decide", input: inline),
            compared.list("items").first ?? [:], view.object("no_dma_domain"),
        ] {
            #expect(answer["outcome"] as? String == outcome, "\(answer)")
            #expect(answer["errno"] as? String == errno && answer["reachable"] as? Bool == false, "\(answer)")
            #expect((answer["doorbells"] as? [Any])?.isEmpty == true && answer["window"] == nil, "\(answer)")
            let codes = (answer["warnings"] as? [[String: Any]] ?? []).compactMap { $0["code"] as? String }
            #expect(codes == ["no_kernel_dma"], "\(answer)")
        }
        let old = client.decide(ask.replacing("}", with: #","kernel":"6.12"}"#))
        #expect(old.json["errno"] as? String == (type == "blocked" ? nil : errno), "\(old.text)")
        for consumer in ["vfio_type1", "iommufd"] {
            let answer = client.decide(#"{\#(subject),"consumer":"\#(consumer)","doorbells":["0x8090040"]}"#)
            #expect(answer.list("doorbells").first?["iova"] as? String == "0x8000040", "\(answer.text)")
        }
        _ = client.post("/v1/sessions", json: #"{"id":"s"}"#)
        let made = client.post(
            "/v1/sessions/s/domains", json: #"{"id":"d","consumer":"dma_api","devices":[{\#(subject)}]}"#)
        #expect(
            made.json["default_domain"] as? String == type && made.text.contains("no_kernel_dma"),
            "\(made.text)")
        let mapped = client.post(
            "/v1/sessions/s/domains/d/doorbells", json: #"{"physical":"0x8090040","device":"0000:00:10.0"}"#)
        #expect(mapped.status == 422 && mapped.json["iova"] == nil, "\(mapped.text)")
    }
}
