import Foundation

/// A registry in Python that does what no registry should: the repository's name says what. Its image is one layer with one
/// file, the same in every repository; a file tells what it was asked.
final class HostileRegistry {
  let server: LoopbackServer
  var host: String { "127.0.0.1:\(server.port)" }
  private let counts: URL
  let credentials = "alice:s3cret-canary"

  init(in folder: URL) throws {
    let script = folder.appending(path: "hostile-\(UUID().uuidString.prefix(8)).py")
    try Data(Self.program.utf8).write(to: script)
    counts = URL(filePath: script.path + ".counts")
    server = try LoopbackServer(
      "python3 \(script.path) $PORT '\(credentials)' \(counts.path)", log: script.path + ".log")
  }

  func ask(_ path: String) throws {
    let program = "import urllib.request as web; web.urlopen(\"http://\(host)\(path)\").read()"
    _ = try Shell("exec python3 -c '\(program)' </dev/null >/dev/null 2>&1").waitForExit()
  }

  /// What it counted: `blob`, `token`, `leak`, …
  func statistics() throws -> [String: Int] {
    try JSONDecoder().decode([String: Int].self, from: Data(contentsOf: counts))
  }

  static let program = #"""
    import base64, collections, gzip, hashlib, http.server, io, json, sys, tarfile, threading, time, urllib.parse

    port, credentials, file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    basic = "Basic " + base64.b64encode(credentials.encode()).decode()
    counts, lock = collections.Counter(), threading.Lock()

    def digest(data): return "sha256:" + hashlib.sha256(data).hexdigest()

    def tar():
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            entry = tarfile.TarInfo("file"); entry.size = 3000000
            archive.addfile(entry, io.BytesIO(b"0123456789" * 300000))
        return out.getvalue()

    layer = tar()
    def config(architecture):
        return json.dumps({"architecture": architecture, "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer)]}}).encode()
    configs = {name: config(name) for name in ("amd64", "arm64")}
    OCI = "application/vnd.oci.image."
    INDEX, MANIFEST = OCI + "index.v1+json", OCI + "manifest.v1+json"

    def descriptor(kind, data, **more): return dict(mediaType=kind, digest=digest(data), size=len(data), **more)
    def manifest(architecture="amd64", **more):
        return json.dumps(dict(schemaVersion=2, mediaType=MANIFEST,
            config=descriptor(OCI + "config.v1+json", configs[architecture]),
            layers=[descriptor(OCI + "layer.v1.tar", layer)], **more)).encode()
    def index(entries): return json.dumps(dict(schemaVersion=2, mediaType=INDEX, manifests=entries)).encode()

    images = {name: manifest(name) for name in configs}
    several = index(
        [descriptor(MANIFEST, b"attestation", platform={"architecture": "unknown", "os": "unknown"})]
        + [descriptor(MANIFEST, images[name], platform={"architecture": name, "os": "linux"}) for name in configs])
    both = [{"architecture": name, "os": "linux"} for name in configs]
    # A bill of materials, and a signature of it; both by the referrers API, one page each.
    def artifact(kind, content, subject):
        return json.dumps(dict(schemaVersion=2, mediaType=MANIFEST, artifactType=kind, subject=descriptor(MANIFEST, subject),
            config=descriptor(OCI.replace("image.", "empty.v1+json"), b"{}"), layers=[descriptor(kind, content)],
            annotations={"org.opencontainers.image.ref.name": "not:ours"})).encode()
    bill = artifact("application/spdx+json", b'{"spdxVersion":"SPDX-2.3"}', images["amd64"])
    signature = artifact("application/x-signature", b"signed", bill)
    stranger = artifact("application/x-stranger", b"strange", b"another image")
    contents = {digest(data): data for data in (b"{}", b'{"spdxVersion":"SPDX-2.3"}', b"signed")}

    bomb = []
    def gzipped():
        """A tar of 1.2 GB of zeros, made when it is asked for."""
        with lock:
            if not bomb:
                out, blob, zeros = hashlib.sha256(), io.BytesIO(), bytes(1 << 20)
                entry = tarfile.TarInfo("zeros"); entry.size = 1200 << 20
                with gzip.GzipFile(fileobj=blob, mode="wb", compresslevel=1, mtime=0) as zipped:
                    for part in [entry.tobuf()] + [zeros] * 1200 + [bytes(1024)]: out.update(part); zipped.write(part)
                config = json.dumps({"architecture": "amd64", "os": "linux",
                    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + out.hexdigest()]}}).encode()
                manifest = json.dumps(dict(schemaVersion=2, mediaType=MANIFEST, config=descriptor(OCI + "config.v1+json", config),
                    layers=[descriptor(OCI + "layer.v1.tar+gzip", blob.getvalue())])).encode()
                bomb.extend([manifest, config, blob.getvalue()])
        return bomb

    nested = index([descriptor(MANIFEST, several, platform=platform) for platform in both])
    known = {digest(data): (kind, data) for kind, data in
        [(MANIFEST, images["amd64"]), (MANIFEST, images["arm64"]), (INDEX, several), (MANIFEST, bill),
         (MANIFEST, signature), (MANIFEST, stranger)]}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def log_message(self, *words): pass
        def count(self, name):
            with lock:
                counts[name] += 1
                with open(file, "w") as out: json.dump(counts, out)
                return counts[name]

        def answer(self, data, kind="application/octet-stream", status=200, length=None, **headers):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data) if length is None else length))
            for name, value in headers.items(): self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD": self.wfile.write(data)

        def endless(self, kind, first=b""):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if self.command == "HEAD": return
            if first: self.wfile.write(b"%x\r\n" % len(first) + first + b"\r\n")
            while True: self.wfile.write(b"10000\r\n" + b" " * 65536 + b"\r\n")

        def do_HEAD(self): self.do_GET()
        def do_GET(self):
            try: self.serve()
            except (BrokenPipeError, ConnectionResetError): self.close_connection = True

        def serve(self):
            path = urllib.parse.urlparse(self.path)
            if path.path == "/token": return self.token(urllib.parse.parse_qs(path.query))
            if path.path.startswith("/elsewhere"):
                if "Authorization" in self.headers: self.count("leak")
                return self.answer(layer)
            parts = path.path.split("/")
            if len(parts) < 5: return self.answer(b"{}")
            mode, what, name = parts[2], parts[3], parts[4]
            if mode in ("token", "private", "elsewhere", "realmelsewhere") and not self.allowed(mode): return
            if mode == "realmfile":
                return self.answer(b"{}", status=401, Www_Authenticate='Bearer realm="file:///etc/passwd",service="x"')
            if mode == "bigchallenge":
                return self.answer(b"{}", status=401, Www_Authenticate='Bearer realm="' + "x" * (1 << 20) + '"')
            if mode == "headerbomb": return self.headers_without_end()
            if what == "manifests": return self.manifests(mode, name)
            if what == "referrers": return self.referrers(mode, name, path.query)
            self.count("blob-" + mode)
            for data in configs.values():
                if name == digest(data): return self.answer(data)
            if name in contents: return self.answer(contents[name])
            if mode == "bomb": return self.answer(next(data for data in gzipped() if digest(data) == name))
            self.blob(mode)

        def headers_without_end(self):
            self.send_response(200)
            for number in range(1 << 20):
                self.send_header(f"X-{number}", "y" * 100)
                if number % 100 == 0: self.flush_headers()
            self.end_headers()

        def referrers(self, mode, subject, query):
            self.count("referrers-" + mode)
            if mode == "elder": return self.answer(b"404 page not found", "text/plain", 404)
            if mode == "liar": return self.answer(index([descriptor(MANIFEST, stranger)]), INDEX)
            if mode == "crowd":
                last = int(urllib.parse.parse_qs(query).get("last", ["0"])[0]) + 1
                entries = [dict(descriptor(MANIFEST, bill), digest="sha256:%064x" % (last * 100 + number)) for number in range(100)]
                return self.answer(index(entries), INDEX, Link=f'<?last={last}>; rel="next"')
            own = {digest(images["amd64"]): bill, digest(bill): signature}.get(subject)
            if own and not query: return self.answer(index([]), INDEX, Link='<?last=0>; rel="next"')
            self.answer(index([descriptor(MANIFEST, own)] if own else []), INDEX)

        def allowed(self, mode):
            if self.headers.get("Authorization") == f"Bearer token-for-repository:{mode}:pull": return True
            self.answer(b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}', status=401,
                Www_Authenticate=f'Bearer realm="http://{"localhost" if mode == "realmelsewhere" else "127.0.0.1"}:{port}/token",service="test, \\"quoted\\"",scope="repository:{mode}:pull"')
            return False

        def token(self, query):
            self.count("token")
            scope, given = query["scope"][0], self.headers.get("Authorization")
            if query["service"] != ['test, "quoted"']: return self.answer(b"{}", status=400)
            if "private" in scope and given != basic:
                return self.answer(b'{"details":"incorrect username or password"}', status=401)
            self.answer(json.dumps({"token": "token-for-" + scope}).encode())

        def manifests(self, mode, name):
            image = images["amd64"]
            self.count(f"{self.command}-{mode}")
            if mode == "busy" and self.count("refused-busy") == 1:
                return self.answer(b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slower"}]}', status=429, Retry_After="1")
            if mode == "elder" and name == "sha256-" + digest(image)[7:]:
                return self.answer(index([descriptor(MANIFEST, bill, artifactType="application/spdx+json")]), INDEX)
            if name.startswith("sha256-"): return self.answer(b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', status=404)
            if name in known: return self.answer(known[name][1], known[name][0])
            if mode == "bomb": return self.answer(gzipped()[0], MANIFEST)
            if mode == "headless" and self.command == "HEAD": return self.answer(b"", status=405)
            if mode in ("fresh", "pinned"):
                return self.answer(image, MANIFEST, Docker_Content_Digest=digest(image))
            if mode == "freshindex": return self.answer(several, INDEX, Docker_Content_Digest=digest(several))
            if mode == "endless": return self.endless(MANIFEST)
            if mode == "garbage":
                self.wfile.write(b"\x00\xff garbage\r\n\r\n"); self.close_connection = True; return
            if mode == "text": return self.answer(b"<html>hello</html>", "text/html")
            if mode == "json": return self.answer(b'{"hello": 1}', "application/json")
            if mode == "schema1":
                return self.answer(b'{"schemaVersion":1}', "application/vnd.docker.distribution.manifest.v1+prettyjws")
            if mode == "both": return self.answer(manifest(manifests=[]), MANIFEST)
            if mode == "contradiction": return self.answer(image, INDEX)
            if mode == "digest": return self.answer(image, MANIFEST, Docker_Content_Digest="sha256:" + "0" * 64)
            if mode == "limited":
                return self.answer(b'{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}',
                    status=429, RateLimit_Limit="100;w=21600", Retry_After="3600")
            if mode == "tired" and self.count("tired") < 3: return self.answer(b"", status=503, Retry_After="0")
            if mode == "circles": return self.answer(b"", status=307, Location=self.path)
            if mode == "file": return self.answer(b"", status=307, Location="file:///etc/passwd")
            if mode == "several": return self.answer(several, INDEX)
            if mode == "nested": return self.answer(nested, INDEX)
            if mode == "artifact":
                return self.answer(json.dumps(dict(schemaVersion=2, mediaType=MANIFEST, layers=[],
                    config=descriptor("application/vnd.example", configs["amd64"]))).encode(), MANIFEST)
            self.answer(image, MANIFEST)

        def blob(self, mode):
            half = len(layer) // 2
            start = 0
            if "Range" in self.headers: start = int(self.headers["Range"].split("=")[1].split("-")[0])
            if mode == "halt" and not start:
                self.answer(layer[:half], length=len(layer)); self.wfile.flush()
                self.count("halted"); time.sleep(60); self.close_connection = True; return
            if mode == "halt":
                self.count("resumed-%d" % start)
                return self.answer(layer[start:], status=206, Content_Range=f"bytes {start}-{len(layer) - 1}/{len(layer)}")
            if mode == "stall":
                self.answer(layer[:half], length=len(layer)); time.sleep(8); self.close_connection = True; return
            if mode in ("cut", "rangeless") and self.count("part-" + mode) < 3:
                if mode == "cut" and start:
                    self.answer(layer[start:start + 50000], status=206, length=len(layer) - start,
                        Content_Range=f"bytes {start}-{len(layer) - 1}/{len(layer)}")
                else: self.answer(layer[:half], length=len(layer))
                self.close_connection = True; return
            if mode == "cut" and start:
                self.count("range")
                return self.answer(layer[start:], status=206, Content_Range=f"bytes {start}-{len(layer) - 1}/{len(layer)}")
            if mode == "range": return self.answer(layer, status=206, Content_Range=f"bytes 5-{len(layer)}/{len(layer)}")
            if mode == "lies": return self.answer(layer.replace(b"01234", b"43210"))
            if mode == "noise": return self.answer(b"x" * len(layer))
            if mode == "short": return self.answer(layer[:half])
            if mode == "long": return self.endless("application/octet-stream", layer)
            if mode == "absent": return self.answer(b'{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown"}]}', status=404)
            if mode == "blobfile": return self.answer(b"", status=307, Location="file:///etc/passwd")
            if mode == "plain": return self.answer(b"", status=307, Location="http://192.0.2.1/x")
            if mode == "elsewhere": return self.answer(b"", status=307, Location=f"http://localhost:{port}/elsewhere")
            if mode == "slow": time.sleep(0.5)
            if mode == "trickle":
                self.answer(b"", length=len(layer))
                for at in range(0, len(layer), 50000): self.wfile.write(layer[at:at + 50000]); time.sleep(0.1)
                return
            self.answer(layer)

    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
    """#
}
