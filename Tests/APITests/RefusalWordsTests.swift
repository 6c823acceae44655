// Refusals as clients see them: a page for every code of a mistake, the operation that a refusal counts for,
// the way to a page with a slash after its name, and sizes in every notation.

import Foundation
import HTTP
import TestSupport
import Testing

@testable import API

@Suite struct RefusalWordsTests {
    private static let folders = ["API", "JSON", "Ingestion"]
    /// Where the sources note a mistake, its code is the first such literal; these are names of parameters.
    private static let names: Set = ["below", "device"]

    /// Codes that the sources note, as literals.
    private static func notedCodes() throws -> Set<String> {
        let noting = try Regex(#"(?:[ .(]add\(|\.code\()[^;]{0,120}?"([a-z]+(?:-[a-z0-9]+)*)","#)
            .dotMatchesNewlines()
        let stated = try Regex(#"(?:pointer: [^\n]+,|pointer,)\s*code: "([a-z]+(?:-[a-z0-9]+)*)""#)
        let listed = try Regex(#"case [^\n]*: "([a-z]+(?:-[a-z0-9]+)*)"\n"#)
        var codes: Set<String> = []
        for folder in folders {
            let place = SharedShelf.packageRoot.appendingPathComponent("Sources/\(folder)")
            let files = FileManager.default.enumerator(at: place, includingPropertiesForKeys: nil)
            while let file = files?.nextObject() as? URL {
                guard file.pathExtension == "swift" else { continue }
                let text = try String(contentsOf: file, encoding: .utf8)
                let found =
                    text.matches(of: noting) + text.matches(of: stated)
                    + (file.lastPathComponent == "Scalar.swift" ? text.matches(of: listed) : [])
                for match in found { codes.insert(String(match.output[1].substring ?? "")) }
            }
        }
        return codes.subtracting(names)
    }

    @Test func everyCodeHasAPage() throws {
        let noted = try Self.notedCodes()
        let known = Set(FieldCodes.all.keys).union(ProblemKind.allCases.map(\.rawValue))
        #expect(noted.count > 30 && noted.subtracting(known) == [], "\(noted.subtracting(known))")
        // And no page is about a code that nothing has; a query's faults have one of their own.
        #expect(Set(FieldCodes.all.keys).subtracting(noted) == ["invalid-value"])
        let client = ServiceClient()
        for code in FieldCodes.all.keys {
            let page = client.get("/problems/\(code)")
            #expect(page.status == 200 && page.text.contains("<code>\(code)</code>"), "\(code)")
        }
        #expect(client.get("/problems/no-such-code").status == 404)
    }

    private func count(_ client: ServiceClient, _ operation: String, _ status: Int) -> Bool {
        client.get("/metrics").text.contains(
            "iovad_requests_total{operation=\"\(operation)\",status=\"\(status)\"} 1\n")
    }

    @Test func refusalsCountForTheirOperation() {
        let client = ServiceClient()
        let form = "application/x-www-form-urlencoded"
        #expect(client.ask(.post, "/v1/decisions", [], type: form).status == 415)
        #expect(count(client, "decide", 415))
        #expect(client.ask(.put, "/v1/decisions").status == 405 && count(client, "decide", 405))
        #expect(client.ask(.post, "/v1/platforms/x").status == 405 && count(client, "readPlatform", 405))
        #expect(client.get("/v1/platforms/x").status == 404 && count(client, "readPlatform", 404))
        #expect(client.get("/v1/platforms?x=1").status == 400 && count(client, "listPlatforms", 400))
        // Nothing has this path.
        #expect(client.get("/v1/nothing").status == 404 && count(client, "none", 404))
    }

    @Test func slashesBehindPages() {
        let page = Site.File(body: Array("p".utf8), mediaType: "text/html")
        let files = ["/docs/index.html": page, "/docs/limits.html": page]
        let client = ServiceClient(Service.Configuration(version: "test", site: Site(files: files)))
        for (path, place) in [
            ("/docs/", "/docs"), ("/docs/limits/", "/docs/limits"), ("/docs/?a=b", "/docs?a=b"),
        ] {
            let answer = client.get(path)
            #expect(answer.status == 308 && answer.response.headers["Location"] == place, "\(answer.text)")
            #expect(client.get(place).status == (place.contains("?") ? 400 : 200))
        }
        for path in ["/docs//", "//docs/", "/nothing/", "/v1/", "/docs/../docs/", "//evil.example/docs/"] {
            #expect(client.get(path).status == 404, "\(path)")
        }
        #expect(client.ask(.post, "/docs/").status == 404)
    }

    /// Bodies and queries read the same texts.
    @Test(arguments: [
        "65536", "64K", "64k", "64KiB", "64Ki", "64KB", "0x10000", "64%20KiB", "65536B", "0.0625M",
    ])
    func sizes(text: String) {
        let client = ServiceClient()
        func windows(_ text: String, page: String) -> ServiceClient.Answer {
            let query = "device=/pcie@10000000&page_size=\(page)&size=\(text)&alignment=\(text)&below=\(text)"
            return client.get("/v1/platforms/example-qemu-virt/available-windows?\(query)")
        }
        let found = windows(text, page: "64K")
        #expect(
            found.status == 200 && found.text == windows("0x10000", page: "0x10000").text, "\(found.text)")
        let plain = text.replacingOccurrences(of: "%20", with: " ")
        let body = """
            {"hosts":[{"reserved_regions":[{"start":"0x8000000","size":"\(plain)","type":"msi"}]}],
             "vm":{"vmm":"qemu-virt","ram":"1G","maxmem":"2.0 GiB"},"page_size":"64K",
             "window":{"size":"\(plain)","alignment":"\(plain)"}}
            """
        let placed = client.post("/v1/placements", json: body)
        #expect(placed.status == 200 && placed.json["size"] as? String == "0x10000", "\(placed.text)")
    }

    @Test(arguments: [
        ("x", "is not a size; send bytes like 0x40000000 or a size like 64G."),
        ("0.3K", "is no whole number of bytes; send a size like 1536M or 1.5G."),
        ("16E", "is 2^64 bytes or more; send a smaller size."),
    ])
    func wrongSizes(text: String, words: String) {
        let client = ServiceClient()
        let sentence = "\"\(text)\" \(words)"
        let body = #"{"hosts":[],"vm":{"vmm":"qemu-virt","ram":"\#(text)"}}"#
        let errors = client.post("/v1/placements", json: body).list("errors")
        let ofRAM = errors.first { $0["pointer"] as? String == "/vm/ram" }
        #expect(
            ofRAM?["code"] as? String == "not-a-size" && ofRAM?["detail"] as? String == sentence, "\(errors)")
        let asked = client.get("/v1/vmms/qemu-virt?ram=\(text)").list("errors")
        #expect(asked.first?["detail"] as? String == sentence, "\(asked)")
    }
}
