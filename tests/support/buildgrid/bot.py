"""Workers for BuildGrid, which brings none: `bot.py ADDRESS SLOTS BUILDBOX_RUN [ARGUMENT…]`.

Each slot is a bot with a session of its own that is given one lease at a time and has `buildbox-run` perform it. A lease that
the server calls off is ended; a session goes on being updated while its lease is worked on, or the server would give it up.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

import grpc
from google.protobuf import any_pb2

from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as execution
from buildgrid._protos.google.devtools.remoteworkers.v1test2 import bots_pb2 as bots
from buildgrid._protos.google.devtools.remoteworkers.v1test2 import bots_pb2_grpc
from buildgrid._protos.google.rpc import status_pb2

DEADLINE_EXCEEDED, INTERNAL = 4, 13


class Work:
    """One lease, and the process that performs it."""

    def __init__(self, lease, name, runner):
        self.id, self.name = lease.id, name
        self.folder = tempfile.TemporaryDirectory(prefix="zosc-bot-")
        self.action = execution.Action()
        lease.payload.Unpack(self.action)
        self.started = time.monotonic()
        with open(self.path("action"), "wb") as file:
            file.write(self.action.SerializeToString())
        with open(self.path("log"), "wb") as log:
            self.process = subprocess.Popen(
                [*runner, f"--action={self.path('action')}", f"--action-result={self.path('result')}"],
                stdout=log,
                stderr=log,
            )

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.folder.cleanup()

    def lease(self):
        """What the server is told of it now."""
        if self.process.poll() is None:
            return bots.Lease(id=self.id, state=bots.LeaseState.ACTIVE)
        lease = bots.Lease(id=self.id, state=bots.LeaseState.COMPLETED)
        if os.path.exists(self.path("result")):
            result = execution.ActionResult()
            with open(self.path("result"), "rb") as file:
                result.ParseFromString(file.read())
            result.execution_metadata.worker = self.name
            lease.result.Pack(result)
            took = time.monotonic() - self.started
            if result.exit_code == 137 and self.action.HasField("timeout") and took >= self.action.timeout.seconds:
                lease.status.CopyFrom(status_pb2.Status(code=DEADLINE_EXCEEDED, message="the command took too long"))
        # What the runner itself has to say, where it could not start the command.
        elif os.path.exists(self.path("result.error")):
            with open(self.path("result.error"), "rb") as file:
                lease.status.ParseFromString(file.read())
        else:
            with open(self.path("log"), "rb") as file:
                said = file.read()[-2000:].decode(errors="replace")
            lease.status.CopyFrom(status_pb2.Status(code=INTERNAL, message=f"buildbox-run failed: {said}"))
        return lease


def serve(address, name, runner):
    stub = bots_pb2_grpc.BotsStub(grpc.insecure_channel(address))
    session, work = None, None
    while True:
        try:
            if session is None:
                session = bots.BotSession(bot_id=name, status=bots.BotStatus.OK)
                session.worker.devices.add(handle=name)
                session = stub.CreateBotSession(
                    bots.CreateBotSessionRequest(parent="", bot_session=session), timeout=60
                )
            else:
                del session.leases[:]
                if work:
                    session.leases.append(work.lease())
                session = stub.UpdateBotSession(
                    bots.UpdateBotSessionRequest(name=session.name, bot_session=session), timeout=60
                )
        except grpc.RpcError as error:
            # The server was restarted, or gave the session up: what is being worked on is no longer wanted.
            print(f"{name}: {error.code()}: {error.details()}", file=sys.stderr, flush=True)
            session = None
        wanted = {lease.id for lease in session.leases if lease.state == bots.LeaseState.ACTIVE} if session else set()
        if work and work.id not in wanted:
            work.end()
            work = None
        if session and not work:
            fresh = [lease for lease in session.leases if lease.state == bots.LeaseState.ACTIVE]
            work = Work(fresh[0], name, runner) if fresh else None
        if work:
            try:
                work.process.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                pass
        elif session is None:
            time.sleep(0.5)


def main():
    address, slots, runner = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    runner += [f"--remote=http://{address}", "--disable-localcas"]
    for slot in range(slots):
        threading.Thread(target=serve, args=(address, f"bot-{slot}", runner), daemon=True).start()
    signal.pause()


main()
