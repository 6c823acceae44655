// Tokens with names and scopes: what each route needs, what is answered without it, and whose a platform or a
// session is.

import API
import HTTP
import OpenAPI
import Testing

@Suite struct AccessTests {
    private static let file = """
        # name  scopes  token
        reader read  reader-0123456789
        anna\tread,write anna-0123456789abc
        bert read,write bert-0123456789abc

        boss read,write,operate boss-0123456789abc
        meter operate meter-0123456789ab
        """
    private let client: ServiceClient

    init() throws {
        let tokens = try AccessTokens(parsing: Array(Self.file.utf8))
        client = ServiceClient(Service.Configuration(version: "test", tokens: tokens))
    }

    private static func secret(_ name: String) -> String {
        Self.file.split(separator: "\n").first { $0.hasPrefix(name) }
            .flatMap { $0.split { " \t".contains($0) }.last }.map(String.init) ?? name
    }

    private func ask(
        _ method: Method, _ target: String, as name: String, json: String = ""
    ) -> ServiceClient.Answer {
        client.ask(
            method, target, Array(json.utf8), type: json.isEmpty ? nil : MediaType.json,
            headers: [.init("Authorization", "Bearer \(Self.secret(name))")])
    }

    @Test func oldFilesAreOneTokenWithEveryScope() throws {
        let tokens = try AccessTokens(parsing: Array("0123456789abcdef\nignored, as ever\n".utf8))
        let guarded = ServiceClient(Service.Configuration(version: "test", tokens: tokens))
        #expect(guarded.get("/livez").status == 200)
        let none = guarded.get("/v1")
        #expect(none.status == 401)
        #expect(none.response.headers["WWW-Authenticate"] == #"Bearer realm="iovad""#)
        for wrong in ["Bearer 0123456789abcdeX", "Bearer", "bearer 0123456789abcdef0", "Bearer ignored,"] {
            let answer = guarded.get("/v1", headers: [.init("Authorization", wrong)])
            #expect(answer.status == 401, "\(wrong)")
            #expect(
                answer.response.headers["WWW-Authenticate"] == #"Bearer realm="iovad", error="invalid_token""#
            )
        }
        let basic = guarded.get("/v1", headers: [.init("Authorization", "Basic 0123456789abcdef")])
        #expect(basic.status == 401 && basic.response.headers["WWW-Authenticate"] == #"Bearer realm="iovad""#)
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR "] {
            let fields: [HeaderFields.Field] = [.init("Authorization", "\(scheme) 0123456789abcdef")]
            #expect(guarded.get("/v1", headers: fields).status == 200, "\(scheme)")
            #expect(guarded.get("/metrics", headers: fields).status == 200)
        }
        let made = guarded.ask(
            .post, "/v1/sessions?id=s", Array("{}".utf8), type: MediaType.json,
            headers: [.init("Authorization", "Bearer 0123456789abcdef")])
        #expect(made.status == 201 && made.json["owner"] == nil)
    }

    /// Each route is refused to a token without the scope of its row, and not to one that has it alone.
    @Test(arguments: Operation.allCases) func everyRouteNeedsItsScope(operation: Operation) throws {
        let secrets = Scope.allCases.map { "\($0)-0123456789abcdef" }
        let lines = zip(Scope.allCases, secrets).map { "\($0) \($0.rawValue) \($1)" }
        let tokens = try AccessTokens(parsing: Array(lines.joined(separator: "\n").utf8))
        let client = ServiceClient(Service.Configuration(version: "test", tokens: tokens))
        let good = ContractFixture.good(operation)
        func ask(_ fields: [HeaderFields.Field]) -> ServiceClient.Answer {
            client.ask(good.method, good.target, good.body, type: good.type, headers: good.headers + fields)
        }
        #expect((ask([]).status == 401) == (operation.route.scope != nil))
        for (scope, secret) in zip(Scope.allCases, secrets) {
            let answer = ask([.init("Authorization", "Bearer \(secret)")])
            #expect(answer.status != 401)
            guard let needed = operation.route.scope, needed != scope else {
                #expect(answer.status != 403, "\(operation)")
                continue
            }
            #expect(answer.status == 403, "\(operation) with \(scope)")
            #expect(
                answer.response.headers["WWW-Authenticate"]
                    == #"Bearer realm="iovad", error="insufficient_scope", scope="\#(needed.rawValue)""#)
        }
    }

    /// What the contract says of each route is what its row says.
    @Test(arguments: Route.all) func contractSaysWhichScope(route: Route) throws {
        let root = Contract.document.root
        let path = route.path.replacing("~", with: "~0").replacing("/", with: "~1")
        let pointer = "/paths/\(path)/\(route.method.name.lowercased())/security"
        let own = root.value(at: pointer) ?? root.value(at: "/security")
        let choices = try #require(own?.array)
        #expect(choices.contains { $0.object?.isEmpty == true }, "without tokens, none is needed")
        let scopes = choices.compactMap { $0["bearer"]?.array }.flatMap { $0.compactMap(\.string) }
        #expect(scopes == (route.scope.map { [$0.rawValue] } ?? []), "\(route.id)")
    }

    @Test func whatATokenMadeIsItsOwn() {
        let machine = #"{"devices":[]}"#
        #expect(
            ask(.post, "/v1/platforms?id=p", as: "anna", json: machine).json["owner"] as? String == "anna")
        #expect(ask(.post, "/v1/sessions?id=s", as: "anna", json: "{}").json["owner"] as? String == "anna")
        #expect(ask(.get, "/v1/sessions/s", as: "reader").json["owner"] as? String == "anna")
        let listed = ask(.get, "/v1/platforms", as: "reader").list("items").first {
            $0["id"] as? String == "p"
        }
        #expect(listed?["owner"] as? String == "anna")
        let requests: [(HTTP.Method, String, String)] = [
            (.put, "/v1/platforms/p", machine), (.patch, "/v1/platforms/p", #"{"id":"p"}"#),
            (.delete, "/v1/platforms/p", ""),
            (.patch, "/v1/sessions/s", #"{"ttl_seconds":60}"#),
            (.post, "/v1/sessions/s/domains", #"{"id":"d"}"#),
            (.post, "/v1/sessions/s/domains/d/iovas", #"{"size":4096}"#),
            (.delete, "/v1/sessions/s/domains/d", ""), (.delete, "/v1/sessions/s", ""),
        ]
        for name in ["bert", "anna"] {
            for (method, target, body) in requests {
                // A stranger is refused, whether or not the domain is there.
                let answer = ask(method, target, as: name, json: body)
                #expect((answer.status == 403) == (name == "bert"), "\(name) \(method) \(target)")
                if name == "bert" {
                    #expect(answer.text.contains("belongs to the token anna"), "\(answer.text)")
                } else {
                    #expect((200...204).contains(answer.status), "\(answer.text)")
                }
                if name == "anna", method == .delete, target == "/v1/platforms/p" {
                    _ = ask(.put, "/v1/platforms/p", as: "anna", json: machine)
                }
            }
        }
        #expect(ask(.delete, "/v1/platforms/p", as: "boss").status == 204)
    }

    /// Whose it is counts before what it is: a stranger learns no entity tag.
    @Test func conditionsAreOfTheOwner() {
        let machine = #"{"devices":[]}"#
        #expect(ask(.put, "/v1/platforms/p", as: "anna", json: machine).status == 201)
        for condition in [("If-Match", "\"0\""), ("If-Match", "*"), ("If-None-Match", "*")] {
            for (method, body) in [(HTTP.Method.put, machine), (.delete, "")] {
                let answer = client.ask(
                    method, "/v1/platforms/p", Array(body.utf8), type: body.isEmpty ? nil : MediaType.json,
                    headers: [
                        .init("Authorization", "Bearer \(Self.secret("bert"))"),
                        .init(condition.0, condition.1),
                    ])
                #expect(answer.status == 403, "\(condition) \(answer.text)")
                #expect(answer.response.headers["ETag"] == nil)
            }
        }
        // Also of what is nobody's to change.
        let kept = client.ask(
            .delete, "/v1/platforms/example-qemu-virt",
            headers: [
                .init("Authorization", "Bearer \(Self.secret("bert"))"), .init("If-Match", "\"0\""),
            ])
        #expect(kept.status == 409, "\(kept.text)")
    }

    /// A tag is of all that is answered: the owner is a part of it.
    @Test func tagsAreOfTheOwnerToo() {
        let machine = #"{"devices":[]}"#
        let tags = ["anna", "boss", "boss"].map {
            let target = "/v1/platforms/p"
            if $0 == "boss" { _ = ask(.delete, target, as: "boss") }
            let writer = $0 == "boss" ? "bert" : $0
            return ask(.put, target, as: writer, json: machine).response.headers["ETag"]
        }
        #expect(tags[0] != nil && tags[0] != tags[1] && tags[1] == tags[2], "\(tags)")
    }

    @Test(arguments: [
        ("short", "fewer than 16"), ("", "fewer than 16"),
        ("0123456789abc\u{e4}def", "not allowed in a header"),
        ("# only a comment\n", "has no token"), ("a read\n", "line 1 must be a name, scopes and a token"),
        ("a read,see 0123456789abcdef", "line 1: the scopes are read, write, operate"),
        ("a read, 0123456789abcdef", "line 1: the scopes are"),
        ("# x\na read 0123", "line 2: the token has fewer"),
        ("a/b read 0123456789abcdef", "line 1: a name has"),
        ("a read 0123456789abcdef\na read 0123456789abcdeg", "line 2 repeats"),
        ("a read 0123456789abcdef\nb read 0123456789abcdef", "line 2 repeats"),
        (
            (0...256).map { "n\($0) read token-0123456789-\($0)" }.joined(separator: "\n"),
            "more than 256 tokens"
        ),
    ])
    func mistakesOfFiles(file: String, reason: String) {
        do {
            _ = try AccessTokens(parsing: Array(file.utf8))
            Issue.record("\(file) was read")
        } catch {
            #expect(error.reason.contains(reason), "\(error.reason)")
        }
    }

    /// A key is of the token that sent it: nobody is given what another's request made, or refused its key.
    @Test func keysAreTheirTokens() {
        func post(_ target: String, as name: String, _ json: String) -> ServiceClient.Answer {
            client.ask(
                .post, target, Array(json.utf8), type: MediaType.json,
                headers: [
                    .init("Authorization", "Bearer \(Self.secret(name))"), .init("Idempotency-Key", "1"),
                ])
        }
        let made = post("/v1/sessions", as: "anna", "{}")
        let id = made.json["id"] as? String
        #expect(made.status == 201 && made.json["owner"] as? String == "anna", "\(made.text)")
        #expect(post("/v1/sessions", as: "anna", "{}").text == made.text)
        let other = post("/v1/sessions", as: "bert", "{}")
        #expect(other.status == 201 && other.json["owner"] as? String == "bert", "\(other.text)")
        #expect(other.json["id"] as? String != id)
        let target = "/v1/sessions/\(id ?? "")/domains"
        let domain = #"{"id":"d","consumer":"dma_api"}"#
        #expect(post(target, as: "anna", domain).status == 201)
        #expect(post(target, as: "bert", domain).status == 403)
        #expect(post(target, as: "bert", #"{"id":"e","consumer":"dma_api"}"#).status == 403)
        #expect(post(target, as: "anna", domain).status == 201)
    }

    /// Comments and line ends of other systems are no tokens.
    @Test func firstLinesThatAreNoTokens() throws {
        for head in ["#------------------------", "#tokens", "# a", "", "\r"] {
            let file = "\(head)\nalice read alice-secret-alice-secret\r\n"
            let tokens = try AccessTokens(parsing: Array(file.utf8))
            let client = ServiceClient(Service.Configuration(version: "test", tokens: tokens))
            func status(_ secret: String) -> Int {
                client.get("/v1", headers: [.init("Authorization", "Bearer \(secret)")]).status
            }
            #expect(status("alice-secret-alice-secret") == 200, "\(head)")
            #expect(status(head) == 401, "\(head)")
        }
        let fault = Array("a read aaaaaaaaaaaaaaaa\r\nb read\r\n".utf8)
        #expect { try AccessTokens(parsing: fault) } throws: {
            ($0 as? AccessTokens.Fault)?.reason.hasPrefix("line 2 ") == true
        }
    }

    @Test func tokensAreReplacedAtOnce() {
        client.service.accept(AccessTokens(single: "another-0123456789"))
        #expect(ask(.get, "/v1", as: "boss").status == 401)
        #expect(ask(.get, "/v1", as: "another-0123456789").status == 200)
    }
}
