"""A real Slurm cluster on one machine: munged, slurmctld and a slurmd for each node, on loopback, with made-up GPUs.

All of it lies in one folder, runs as the user who starts it, and is stopped by the process ids that were noted. Nothing
under /etc is read or changed. The nodes share the machine's cores, but claim more, so that jobs wait for GPUs alone.
"""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

PROGRAMS = ("munged", "munge", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo", "scontrol")
PACKAGES = "slurmctld slurmd slurm-client munge"  # of Debian and Ubuntu
ADMIN = "/usr/sbin:/sbin"  # where the daemons are, which not every user has in PATH
PATIENCE = 60.0  # seconds
SECONDS_TO_ANSWER = 20.0  # for a command of Slurm
CONTROLLER = "slurmctld"

CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/state/slurmctld.pid
SlurmdPidFile={folder}/spool/%n.pid
SlurmctldLogFile={folder}/logs/slurmctld.log
SlurmdLogFile={folder}/logs/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=10
KillWait=2
SchedulerParameters=sched_interval=1,bf_interval=2,batch_sched_delay=0
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
"""
PARTITION = "PartitionName=tests Nodes=ALL Default=YES MaxTime=INFINITE State=UP"


def find_missing() -> list[str]:
    """The programs of Slurm that this machine lacks."""
    path = f"{os.environ['PATH']}:{ADMIN}"
    return [program for program in PROGRAMS if shutil.which(program, path=path) is None]


def wait_for(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """TimeoutError that says `what` was waited for, unless `condition` becomes true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.2)


class SlurmCluster:
    """The cluster; `environment` is what a process needs to talk to it.

    Args:
        folder: an empty one, of a short path (sockets)
        gpus: for each node, how many GPUs it claims to have
    """

    def __init__(self, folder: Path, gpus: tuple[int, ...] = (1, 1)):
        self.folder, self.gpus = folder, gpus
        self.nodes = [f"node{i}" for i in range(len(gpus))]
        self.daemons: dict[str, psutil.Process] = {}
        path = f"{folder}/bin:{os.environ['PATH']}:{ADMIN}"
        self.environment = os.environ | {"SLURM_CONF": f"{folder}/etc/slurm.conf", "PATH": path}

    def start(self) -> None:
        for name in ("etc", "state", "spool", "logs", "devices", "bin", "munge"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)
        (self.folder / "munge").chmod(0o711)
        self._configure()
        self._start_munge()
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        wait_for(lambda: self.count_idle() == len(self.nodes), "all nodes of Slurm to be idle")

    def _configure(self) -> None:
        host = socket.gethostname().partition(".")[0]
        controller_port, *ports = find_free_ports(1 + len(self.nodes))
        values = {"host": host, "controller_port": controller_port, "user": getpass.getuser(), "folder": self.folder}
        lines, devices = [CONFIGURATION.strip().format(**values)], []
        if any(self.gpus):
            lines.append("GresTypes=gpu")
        for node, gpus, port in zip(self.nodes, self.gpus, ports, strict=True):
            address = f"NodeHostname={host} NodeAddr=127.0.0.1 Port={port}"
            lines.append(f"NodeName={node} {address} CPUs=16 RealMemory=200000" + (f" Gres=gpu:{gpus}" if gpus else ""))
            for index in range(gpus):
                # Slurm wants a character device; a link to one will do, whose last digits become the GPU's index.
                device = self.folder / f"devices/{node}-gpu{index}"
                device.symlink_to("/dev/null")
                devices.append(f"NodeName={node} Name=gpu File={device}")
        (self.folder / "etc/slurm.conf").write_text("\n".join([*lines, PARTITION]) + "\n")
        (self.folder / "etc/gres.conf").write_text("\n".join(devices) + "\n")
        # snakemake-executor-plugin-slurm-jobstep drops SLURM_CONF before it calls srun.
        srun = shutil.which("srun", path=self.environment["PATH"])
        wrapper = self.folder / "bin/srun"
        wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/etc/slurm.conf exec {srun} "$@"\n')
        wrapper.chmod(0o755)

    def _start_munge(self) -> None:
        munge = self.folder / "munge"
        (munge / "key").write_bytes(os.urandom(1024))
        (munge / "key").chmod(0o400)
        files = [f"--{name}-file={munge}/{name}" for name in ("key", "pid", "log", "seed")]
        self._spawn("munged", "--foreground", "--force", f"--socket={munge}/socket", *files)
        check = ["munge", "--socket", str(munge / "socket"), "--no-input"]
        wait_for(lambda: self.call(*check).returncode == 0, "munge to answer")

    def start_controller(self) -> None:
        self._spawn(CONTROLLER, "-D")
        wait_for(lambda: self.call("scontrol", "ping").returncode == 0, "slurmctld to answer")

    def start_node(self, node: str) -> None:
        self._spawn("slurmd", "-D", "-N", node, name=node)

    def _spawn(self, program: str, *arguments: str, name: str | None = None) -> None:
        with (self.folder / f"logs/{name or program}.out").open("ab") as log:
            process = subprocess.Popen(
                [shutil.which(program, path=self.environment["PATH"]), *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        process.returncode = 0  # whoever stops it waits for it by psutil, which remembers when it was started
        self.daemons[name or program] = psutil.Process(process.pid)

    def call(self, *command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=self.environment, cwd=cwd, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER
        )

    def count_idle(self) -> int:
        return len(set(self.call("sinfo", "--noheader", "--Node", "--states=idle", "--format=%N").stdout.split()))

    def list_jobs(self, *columns: str, states: str = "RUNNING") -> list[list[str]]:
        """Of each job, id and what the columns (of squeue's --format) say."""
        layout = "|".join(["%i", *columns])
        listing = self.call("squeue", "--noheader", f"--states={states}", f"--format={layout}")
        return [line.split("|") for line in listing.stdout.splitlines()]

    # --- what can go wrong ---

    def crash(self, node: str) -> None:
        """As a power cut: the daemon of the node and all processes of its jobs are killed at once."""
        processes = [self.daemons[node], *self.find_steps(node)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()  # first, so that no parent tells Slurm of the death of its child
        processes += [child for process in processes[1:] for child in _descendants(process)]
        for process in processes:
            _send(process, signal.SIGKILL)

    def freeze(self, node: str) -> None:
        """As a network that is cut: Slurm takes the node for lost, but its jobs go on."""
        self.daemons[node].suspend()

    def thaw(self, node: str) -> None:
        self.daemons[node].resume()

    @contextlib.contextmanager
    def silence(self) -> Iterator[None]:
        """slurmctld takes requests but answers none."""
        self.daemons[CONTROLLER].suspend()
        try:
            yield
        finally:
            self.daemons[CONTROLLER].resume()

    def find_steps(self, node: str) -> list[psutil.Process]:
        """The processes with which Slurm watches over the jobs of a node: those that have its log open."""
        log = self.folder / f"logs/slurmd-{node}.log"
        steps = []
        for process in psutil.process_iter(["name"]):
            with contextlib.suppress(psutil.Error):
                if process.info["name"] == "slurmstepd" and str(log) in {file.path for file in process.open_files()}:
                    steps.append(process)
        return steps

    def stop(self) -> None:
        """Cancel all jobs, end the daemons that this object started and wait for them."""
        for process in self.daemons.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()
        with contextlib.suppress(subprocess.TimeoutExpired, TimeoutError):
            self.call("scancel", "--me")
            wait_for(lambda: not self.list_jobs(states="RUNNING,COMPLETING,CONFIGURING"), "jobs to end", 10)
        leftover = [step for node in self.nodes for step in self.find_steps(node)]
        leftover += [child for step in leftover for child in _descendants(step)]
        for name in reversed(list(self.daemons)):  # munged last: the others need it to say goodbye
            _send(self.daemons[name], signal.SIGTERM)
            if psutil.wait_procs([self.daemons[name]], timeout=10)[1]:
                _send(self.daemons[name], signal.SIGKILL)
        for process in leftover:
            _send(process, signal.SIGKILL)
        psutil.wait_procs(leftover, timeout=10)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _send(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)  # psutil looks whether the process id is still that process


def find_free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
