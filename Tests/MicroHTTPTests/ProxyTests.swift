// The server with a proxy in front: nginx and HAProxy as they come, and as lenient as they can be made. The
// proxy marks every request that it forwards; what the service sees without a mark of its own would be a
// request that the proxy took for something else.

import Foundation
import HTTP
import TestSupport
import Testing

@testable import MicroHTTP

enum Proxy: String, Sendable {
    case nginx
    case lenientNginx = "nginx, lenient"
    case haproxy
    case lenientHAProxy = "haproxy, lenient"

    var program: String {
        switch self {
        case .nginx, .lenientNginx: "/usr/sbin/nginx"
        case .haproxy, .lenientHAProxy: "/usr/sbin/haproxy"
        }
    }

    var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

    func arguments(folder: String) -> [String] {
        switch self {
        case .nginx, .lenientNginx:
            ["-p", folder, "-e", "\(folder)/error.log", "-c", "\(folder)/configuration"]
        case .haproxy, .lenientHAProxy: ["-db", "-f", "\(folder)/configuration"]
        }
    }

    func configuration(folder: String, server: String) -> String {
        switch self {
        case .nginx, .lenientNginx:
            let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            let lenient = "ignore_invalid_headers off; underscores_in_headers on; merge_slashes off;"
            return """
                daemon off; master_process off; pid \(folder)/pid;
                events { worker_connections 64; }
                http {
                  access_log off; large_client_header_buffers 4 32k;
                  \(paths.map { "\($0)_temp_path \(folder)/\($0);" }.joined(separator: " "))
                  \(self == .lenientNginx ? lenient : "")
                  upstream service { server unix:\(server); keepalive 4; }
                  server {
                    listen unix:\(folder)/front;
                    location / {
                      proxy_ignore_client_abort on;
                      proxy_pass http://service; proxy_http_version 1.1; proxy_request_buffering off;
                      proxy_set_header Connection ""; proxy_set_header X-Mark $request_id;
                    }
                  }
                }

                """
        case .haproxy, .lenientHAProxy:
            return """
                defaults
                  mode http
                  timeout connect 2s
                  timeout client 2s
                  timeout server 2s
                  http-reuse always
                  \(self == .lenientHAProxy ? "option accept-invalid-http-request" : "")
                frontend front
                  bind unix@\(folder)/front
                  http-request set-header X-Mark %[uuid()]
                  default_backend service
                backend service
                  server service unix@\(server)

                """
        }
    }
}

@Suite(.serialized) struct ProxyTests {
    @Test(
        .enabled(if: Proxy.nginx.isInstalled, "nginx is not installed: apt-get install nginx-light"),
        arguments: [Proxy.nginx, .lenientNginx])
    func noRequestIsTwoBehindNginx(proxy: Proxy) throws { try noRequestIsTwo(proxy) }

    @Test(
        .enabled(if: Proxy.haproxy.isInstalled, "HAProxy is not installed: apt-get install haproxy"),
        arguments: [Proxy.haproxy, .lenientHAProxy])
    func noRequestIsTwoBehindHAProxy(proxy: Proxy) throws { try noRequestIsTwo(proxy) }

    private func noRequestIsTwo(_ proxy: Proxy) throws {
        let server = try TestServer(.unix)
        guard case .unix(let path) = server.endpoint else {
            Issue.record("the server listens at \(server.endpoint), and not at a path")
            return
        }
        let folder = "/tmp/iovad-proxy-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let text = proxy.configuration(folder: folder, server: path)
        try text.write(toFile: "\(folder)/configuration", atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: proxy.program)
        process.arguments = proxy.arguments(folder: folder)
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        defer {
            // Other signals are blocked on a test's threads, and so in their children.
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        var isUp = false
        for _ in 0..<200 where !isUp {
            isUp = (try? RawClient(.unix("\(folder)/front"))) != nil
            if !isUp { usleep(20_000) }
        }
        try #require(isUp, "\(proxy.rawValue) does not listen")
        var answers = 0
        for head in RawHead.all {
            let client = try RawClient(.unix("\(folder)/front"))
            try? client.send(head.bytes + RawHeadTests.second)
            client.endSending()
            answers += RawHead.statuses((try? client.readToEnd()) ?? "").count
        }
        #expect(server.settles())
        // What the service was asked; what was refused on its head is no request to it.
        let marks = server.tally.all.filter { $0.status == 200 }.map { $0.head.headers.all("X-Mark") }
        #expect(marks.count > 20 && marks.count <= answers, "\(marks.count) requests, \(answers) answers")
        #expect(marks.allSatisfy { $0.count == 1 })
        #expect(Set(marks.flatMap { $0 }).count == marks.count)
    }
}
