"""PostgreSQL, nginx and the servers of a chaos run: started on sockets of their own, killed, and started again."""
import grp
import http.client
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time


class Missing(Exception):
    """A program that the run needs is not installed."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class PostgreSQL:
    """A server of Debian's package on a private socket, run by an ordinary user."""

    def __init__(self, folder):
        tools = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not tools:
            raise Missing("PostgreSQL is not installed (apt install postgresql)")
        self.tools = tools[-1].parent
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.data = self.folder / "data"
        self.conninfo = f"host={self.folder} dbname=postgres user=postgres"
        # initdb refuses root.
        self.user = "postgres" if os.getuid() == 0 else None
        if self.user:
            entry = pwd.getpwnam(self.user)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync")
        self.start()

    def run(self, tool, *arguments):
        command = [str(self.tools / tool), *map(str, arguments)]
        if self.user:
            command = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--init-groups", *command]
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL)

    def start(self):
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c max_connections=60"
        self.run("pg_ctl", "-D", self.data, "-w", "-o", options, "-l", self.folder / "log", "start")

    def restart(self):
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")
        time.sleep(0.5)
        self.start()

    def stop(self):
        if not (self.data / "postmaster.pid").exists():
            return
        try:
            self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")
        except subprocess.CalledProcessError:
            pass


class Server:
    """One instance of iovad."""

    def __init__(self, binary, arguments, log):
        self.binary, self.arguments, self.log = binary, arguments, log
        self.port = free_port()
        self.process = None
        self.lock = threading.Lock()

    def start(self, within=30):
        command = [
            self.binary, "serve", "--listen", f"127.0.0.1:{self.port}", "--no-host", "--log", "none", "--allow-host",
            "*", *self.arguments]
        end = time.monotonic() + within
        while time.monotonic() < end:
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self.log)
            while time.monotonic() < end and self.process.poll() is None:
                # It listens before it has read its store.
                if answers(self.port):
                    return
                time.sleep(0.02)
            # Its store may be away for a moment.
            time.sleep(0.2)
        raise RuntimeError(f"{self.binary} does not start: {' '.join(command)}")

    def kill(self):
        with self.lock:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode if self.process else None


CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream iovad {{ {servers} keepalive 32; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://iovad; proxy_http_version 1.1; proxy_set_header Connection "";
      # A request with an Idempotency-Key has its effect once, whichever instance answers.
      proxy_next_upstream error timeout non_idempotent; proxy_next_upstream_tries 3;
      proxy_connect_timeout 2s; proxy_read_timeout 30s; proxy_buffering off;
      error_page 502 504 =503 @away;
    }}
    location @away {{ default_type text/plain; return 503 "no instance answers\\n"; }}
  }}
}}
"""


class Nginx:
    """Round robin over the instances, without any stickiness."""

    def __init__(self, folder, servers):
        if not shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin"):
            raise Missing("nginx is not installed (apt install nginx-light)")
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.port = free_port()
        lines = " ".join(f"server 127.0.0.1:{one.port} max_fails=0;" for one in servers)
        file = self.folder / "nginx.conf"
        user = f"user {pwd.getpwuid(os.getuid()).pw_name} {grp.getgrgid(os.getgid()).gr_name};\n"
        file.write_text(
            (user if os.getuid() == 0 else "")
            + CONFIGURATION.format(folder=self.folder, servers=lines, port=self.port))
        self.process = subprocess.Popen(
            ["nginx", "-c", str(file), "-e", str(self.folder / "error.log")],
            env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"})
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError("nginx does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()
