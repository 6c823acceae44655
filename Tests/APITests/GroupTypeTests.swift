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
            (#""blocked""#, "window", "group-type-not-modelled"),
            (#""unmanaged""#, "window", "group-type-not-modelled"),
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
}
