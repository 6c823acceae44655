// One headless Chromium under chromedriver, with the verbs that tests speak in, over the WebDriver protocol
// (W3C): JSON over HTTP to chromedriver on loopback. Debian's packages are chromium and chromium-driver;
// `make test` installs them. Where they are missing, the tests are skipped and say so.

import Foundation
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: Browser.isPresent, "chromium and chromium-driver are not installed"))
struct BrowserSuite {}

final class Browser {
    static let driverPath = "/usr/bin/chromedriver"
    static let chromiumPath = "/usr/bin/chromium"

    static let isPresent: Bool = {
        let found = [driverPath, chromiumPath].allSatisfy(FileManager.default.isExecutableFile(atPath:))
        if !found { print("SKIPPED browser tests: apt-get install chromium chromium-driver") }
        return found
    }()

    private let process: ChildProcess
    let driver: WebDriver
    private let session: String
    /// Folders of files that were chosen.
    private var chosen: [URL] = []

    init(width: Int = 1280, height: Int = 900) throws {
        process = try ChildProcess(Self.driverPath, ["--port=0"])
        driver = WebDriver(port: try process.number(after: "successfully on port "))
        let options: [String: Any] = [
            "binary": Self.chromiumPath,
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--hide-scrollbars", "--force-prefers-reduced-motion", "--window-size=\(width),\(height)",
            ],
        ]
        let wanted: [String: Any] = ["goog:loggingPrefs": ["browser": "ALL"], "goog:chromeOptions": options]
        let value = try driver.send("POST", "/session", ["capabilities": ["alwaysMatch": wanted]])
        guard let id = (value as? [String: Any])?["sessionId"] as? String else {
            throw WebDriver.Failure(command: "new session", message: "\(value)")
        }
        session = "/session/\(id)"
    }

    deinit {
        _ = try? driver.send("DELETE", session)
        // It inherits a signal mask that blocks SIGTERM from the thread that starts it.
        process.kill()
        for folder in chosen { try? FileManager.default.removeItem(at: folder) }
    }

    // MARK: Pages

    func open(_ url: String) throws { try driver.send("POST", "\(session)/url", ["url": url]) }

    /// Opens a view of the dashboard and waits until its first content is there.
    func openView(_ server: IovadServer, _ hash: String = "#/space") throws {
        try open("about:blank")
        try open("\(server.origin)/\(hash)")
        let view = hash.dropFirst(2).prefix { $0 != "?" }
        try wait("the view \(view)") {
            try self.script("return document.documentElement.dataset.ready") as? String == String(view)
        }
    }

    /// Waits until the page has not changed for half a second.
    func settle() throws {
        var last = ""
        var quiet = 0
        try wait("the page to settle") {
            let now = try self.string("return document.body.outerHTML")
            quiet = now == last ? quiet + 1 : 0
            last = now
            usleep(50_000)
            return quiet >= 8
        }
    }

    @discardableResult
    func script(_ code: String, _ arguments: Any...) throws -> Any {
        try driver.send("POST", "\(session)/execute/sync", ["script": code, "args": arguments])
    }

    func string(_ code: String, _ arguments: Any...) throws -> String {
        let value = try driver.send("POST", "\(session)/execute/sync", ["script": code, "args": arguments])
        return value as? String ?? "\(value)"
    }

    /// A command of Chromium's own protocol.
    @discardableResult
    func devTools(_ command: String, _ parameters: [String: Any] = [:]) throws -> [String: Any] {
        let value = try driver.send(
            "POST", "\(session)/goog/cdp/execute", ["cmd": command, "params": parameters])
        return value as? [String: Any] ?? [:]
    }

    /// Messages of the console since the last call, at the given levels.
    func console(_ levels: Set<String> = ["SEVERE"]) throws -> [String] {
        let entries = try driver.send("POST", "\(session)/se/log", ["type": "browser"]) as? [[String: Any]]
        return (entries ?? []).filter { levels.contains($0["level"] as? String ?? "") }
            .map { $0["message"] as? String ?? "" }
    }

    // MARK: Elements

    /// The first element that a CSS selector finds.
    func find(_ selector: String) throws -> String {
        let value = try driver.send(
            "POST", "\(session)/element", ["using": "css selector", "value": selector])
        return (value as? [String: String])?[WebDriver.elementKey] ?? ""
    }

    func click(_ selector: String) throws {
        let element = try find(selector)
        try script(
            "arguments[0].scrollIntoView({block: 'center'})", [WebDriver.elementKey: element])
        try driver.send("POST", "\(session)/element/\(element)/click", [:])
    }

    /// Presses the button whose text begins so, the first below `selector`.
    func press(button text: String, in selector: String = "body") throws {
        try script(
            """
            [...document.querySelectorAll(`${arguments[1]} button`)]
              .find((one) => one.textContent.startsWith(arguments[0])).click();
            """, text, selector)
    }

    /// Types into an element, after emptying it.
    func type(_ selector: String, _ text: String, clear: Bool = true) throws {
        let element = try find(selector)
        if clear { try driver.send("POST", "\(session)/element/\(element)/clear", [:]) }
        try driver.send("POST", "\(session)/element/\(element)/value", ["text": text])
    }

    /// Keys to whatever has the focus; special keys are the code points of WebDriver.
    func press(_ keys: String) throws {
        let actions = keys.flatMap { key -> [[String: Any]] in
            [["type": "keyDown", "value": String(key)], ["type": "keyUp", "value": String(key)]]
        }
        try driver.send(
            "POST", "\(session)/actions", ["actions": [["type": "key", "id": "keys", "actions": actions]]])
    }

    /// Keys while others are held, as for Ctrl+Enter.
    func press(_ keys: String, holding held: String) throws {
        func actions(_ type: String, _ keys: some Sequence<Character>) -> [[String: Any]] {
            keys.map { ["type": type, "value": String($0)] }
        }
        let all =
            actions("keyDown", held) + keys.flatMap { actions("keyDown", [$0]) + actions("keyUp", [$0]) }
            + actions("keyUp", held.reversed())
        try driver.send(
            "POST", "\(session)/actions", ["actions": [["type": "key", "id": "keys", "actions": all]]])
    }

    /// Chooses a file with these bytes in a file input, as its dialogue would.
    func choose(_ bytes: [UInt8], named name: String, in selector: String) throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("iovad-chosen-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        chosen.append(folder)
        let file = folder.appendingPathComponent(name)
        try Data(bytes).write(to: file)
        try driver.send(
            "POST", "\(session)/element/\(try find(selector))/value", ["text": file.path])
    }

    /// What people see of an element: nothing of what is folded.
    func visibleText(_ selector: String) throws -> String {
        try string("return document.querySelector(arguments[0])?.innerText ?? ''", selector)
    }

    func text(_ selector: String) throws -> String {
        try string("return document.querySelector(arguments[0])?.textContent ?? ''", selector)
    }

    func count(_ selector: String) throws -> Int {
        try script("return document.querySelectorAll(arguments[0]).length", selector) as? Int ?? -1
    }

    // MARK: Waiting

    /// Waits until `condition` holds; throws with `what` and the page's text when it never does.
    func wait(_ what: String, seconds: Double = 15, _ condition: () throws -> Bool) throws {
        let end = Date().addingTimeInterval(seconds)
        while Date() < end {
            if (try? condition()) == true { return }
            usleep(25_000)
        }
        let page = (try? string("return document.body.innerText.slice(0, 3000)")) ?? ""
        throw WebDriver.Failure(command: "wait for \(what)", message: page)
    }

    func wait(for selector: String, contains text: String, seconds: Double = 15) throws {
        try wait("\"\(text)\" in \(selector)", seconds: seconds) { try self.text(selector).contains(text) }
    }

    // MARK: Answers that come late

    /// Keeps the next answer to a request of this method and path from the page until `releaseAnswer`.
    func holdAnswer(_ method: String, _ path: String) throws {
        try script(
            """
            const [method, path] = arguments;
            const ask = window.fetch;
            window.isHeld = false;
            const gate = new Promise((resolve) => { window.releaseAnswer = resolve; });
            window.fetch = async (target, options) => {
              const answer = await ask(target, options);
              const { pathname } = new URL(target, location);
              if (pathname !== path || (options?.method ?? 'GET') !== method) return answer;
              window.fetch = ask;
              window.isHeld = true;
              await gate;
              return answer;
            };
            """, method, path)
    }

    func waitForHeldAnswer() throws {
        try wait("an answer to hold") { try self.script("return window.isHeld") as? Bool == true }
    }

    /// Gives the answer, and waits until the page has done what it does with it.
    func releaseAnswer() throws {
        try script("window.releaseAnswer()")
        try settle()
    }

    // MARK: Windows

    func newTab() throws -> String {
        let value = try driver.send("POST", "\(session)/window/new", ["type": "tab"]) as? [String: Any]
        return value?["handle"] as? String ?? ""
    }

    var tab: String {
        get throws { try driver.send("GET", "\(session)/window") as? String ?? "" }
    }

    func turn(to tab: String) throws { try driver.send("POST", "\(session)/window", ["handle": tab]) }

    /// Drops a file with these bytes on the page, as a file manager would.
    func drop(_ bytes: [UInt8], named name: String) throws { try drop([(name, bytes)]) }

    /// Drops several files at once.
    func drop(_ files: [(name: String, bytes: [UInt8])]) throws {
        let encoded = files.map { [$0.name, Data($0.bytes).base64EncodedString()] }
        try script(
            """
            const data = new DataTransfer();
            for (const [name, text] of arguments[0]) {
              const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
              data.items.add(new File([bytes], name));
            }
            for (const name of ['dragover', 'drop'])
              document.body.dispatchEvent(
                new DragEvent(name, {dataTransfer: data, bubbles: true, cancelable: true}));
            """, encoded)
    }
}

struct WebDriver {
    struct Failure: Error, CustomStringConvertible {
        var command: String
        var message: String
        var description: String { "\(command): \(message)" }
    }

    /// The member under which WebDriver names an element.
    static let elementKey = "element-6066-11e4-a52e-4f735466cecf"

    let port: UInt16

    /// Sends one command and gives the answer's `value`.
    @discardableResult
    func send(_ method: String, _ path: String, _ body: [String: Any]? = nil) throws -> Any {
        let payload = try body.map { [UInt8](try JSONSerialization.data(withJSONObject: $0)) } ?? []
        let client = try RawClient(.tcp(port), timeoutSeconds: 60)
        try client.send(
            "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(payload.count)\r\n\r\n")
        try client.send(payload)
        guard let answer = try client.read() else {
            throw Failure(command: path, message: "no answer from chromedriver")
        }
        let object = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any] ?? [:]
        let value = object["value"] ?? NSNull()
        guard answer.status == 200 else {
            let message = (value as? [String: Any])?["message"] as? String ?? answer.text
            throw Failure(command: "\(method) \(path)", message: message)
        }
        return value
    }
}
