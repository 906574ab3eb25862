"""The part of the hub's HTTP interface that its client asks for, on loopback."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class Hub:
    """Repositories in memory: `files` of each commit, `private` of each repository."""

    def __init__(self):
        self.repos, self.asked, self.messages, self.fails = {}, [], [], None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def add(self, repo_id, files, private=False):
        """Add a commit and return its name."""
        repo = self.repos.setdefault(repo_id, {"private": private, "commits": {}})
        commit = hashlib.sha1(f"{repo_id}{len(repo['commits'])}".encode()).hexdigest()
        repo["commits"][commit] = dict(files)
        return commit

    def _find(self, repo_id, revision):
        commits = self.repos[repo_id]["commits"]
        return revision if revision in commits else list(commits)[-1] if commits else None

    def _handler(hub):
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def answer(self, body=b"", status=200, **headers):
                if not isinstance(body, bytes):
                    body, headers = (
                        json.dumps(body).encode(),
                        headers | {"Content-Type": "application/json"},
                    )
                self.send_response(status)
                headers.setdefault("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def missing(self):
                self.answer({"error": "Not found"}, 404, X_Error_Code="RepoNotFound")

            def do_GET(self):
                hub.asked.append((self.command, self.path, self.headers.get("authorization")))
                parts = unquote(urlsplit(self.path).path).strip("/").split("/")
                if parts[:2] == ["api", "models"]:
                    return self.about("/".join(parts[2:4]), parts[4:])
                repo_id, revision = "/".join(parts[:2]), (parts + 4 * [""])[3]
                if repo_id not in hub.repos:
                    return self.missing()
                commit = hub._find(repo_id, revision)
                body = hub.repos[repo_id]["commits"][commit]["/".join(parts[4:])]
                etag = f'"{hashlib.sha1(body).hexdigest()}"'
                return self.answer(body, ETag=etag, X_Repo_Commit=commit, Accept_Ranges="bytes")

            do_HEAD = do_GET

            def about(self, repo_id, rest):
                if repo_id not in hub.repos:
                    return self.missing()
                commit = hub._find(repo_id, rest[1] if len(rest) > 1 else "main")
                files = hub.repos[repo_id]["commits"].get(commit, {})
                if rest and rest[0] == "tree":
                    return self.answer(
                        [
                            {"type": "file", "path": name, "size": len(body), "oid": "0" * 40}
                            for name, body in files.items()
                        ]
                    )
                return self.answer(
                    {
                        "id": repo_id,
                        "sha": commit,
                        "private": hub.repos[repo_id]["private"],
                        "siblings": [{"rfilename": name} for name in files],
                        "tags": [],
                    }
                )

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hub.asked.append((self.command, self.path, self.headers.get("authorization")))
                parts = unquote(urlsplit(self.path).path).strip("/").split("/")
                if hub.fails == parts[-2 if parts[-1] == "main" else -1]:
                    return self.answer({"error": "You may not"}, 403)
                if parts == ["api", "validate-yaml"]:
                    return self.answer({"errors": [], "warnings": []})
                if parts == ["api", "repos", "create"]:
                    made = json.loads(body)
                    private = made.get("private") or made.get("visibility") == "private"
                    repo_id = f"{made.get('organization') or 'me'}/{made['name']}"
                    hub.repos[repo_id] = {"private": bool(private), "commits": {}}
                    return self.answer({"url": f"{hub.endpoint}/{repo_id}"})
                repo_id = "/".join(parts[2:4])
                if repo_id not in hub.repos:
                    return self.missing()
                if parts[4] == "preupload":
                    asked = json.loads(body)["files"]
                    return self.answer(
                        {
                            "files": [
                                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False}
                                for f in asked
                            ]
                        }
                    )
                if parts[4] == "commit":
                    return self.commit(repo_id, [json.loads(line) for line in body.splitlines()])
                return self.answer({"error": self.path}, 500)

            def commit(self, repo_id, lines):
                before = hub._find(repo_id, "main")
                files = dict(hub.repos[repo_id]["commits"].get(before, {}))
                for line in lines:
                    value = line["value"]
                    if line["key"] == "header":
                        hub.messages.append(value["summary"])
                    if line["key"] == "file":
                        files[value["path"]] = base64.b64decode(value["content"])
                    elif line["key"] == "deletedFile":
                        del files[value["path"]]
                commit = hub.add(repo_id, files)
                url = f"{hub.endpoint}/{repo_id}/commit/{commit}"
                return self.answer({"commitUrl": url, "commitOid": commit})

        return Handler
