"""Ordinary kinds of agent, one function each: what it does in its sandbox from the first command to the last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from pipeline.lab.gpus import inference, rollouts, training
from pipeline.lab.sandbox import SSH_HELLO, TLS_HELLO, Place, Sandbox, Step, bulk

Work: TypeAlias = Callable[[Sandbox], None]

FORGE: Final = Place("203.0.113.10", 443, "git.forge.example", "ssl", 0.024)
FORGE_SSH: Final = Place("203.0.113.10", 22, "git.forge.example", "ssh", 0.024)
WHEELS: Final = Place("203.0.113.20", 443, "wheels.mirror.example", "ssl", 0.021)
DEBS: Final = Place("203.0.113.21", 80, "deb.mirror.example", "http", 0.021)
WEIGHTS: Final = Place("198.18.7.30", 443, "weights.hub.example", "ssl", 0.09)
MODEL: Final = Place("198.18.9.40", 443, "api.llm.example", "ssl", 0.11)
DOCS: Final = (
    Place("198.18.20.11", 443, "docs.python.example", "ssl", 0.05),
    Place("198.18.20.12", 443, "qa.overflow.example", "ssl", 0.08),
    Place("198.18.20.13", 443, "wiki.linux.example", "ssl", 0.13),
)
TRACKER: Final = Place("10.20.1.30", 443, "track.lab.internal", "ssl", 0.002)
STORE: Final = Place("10.20.2.40", 22, "ckpt.lab.internal", "ssh", 0.002)
GATEWAY: Final = "10.20.4.5"

PROJECTS: Final = ("parser", "ledger", "renderer", "scheduler", "tokens", "router", "catalog", "solver")
MODULES: Final = ("lexer", "store", "config", "cache", "queue", "report", "client", "model")
PACKAGES: Final = ("attrs", "numpy", "pydantic", "rich", "httpx", "tqdm", "networkx", "lxml", "orjson", "click")


def clone(s: Sandbox, *, ssh: bool = False) -> None:
    """Fetch the project and install it."""
    project = s.pick(PROJECTS)
    address = f"git@git.forge.example:lab/{project}.git" if ssh else f"https://git.forge.example/lab/{project}.git"
    s.type(f"git clone -q {address} && cd {project}")
    size = s.random.uniform(1.5e6, 2.5e7)
    s.talk(FORGE_SSH if ssh else FORGE, bulk(9000, size, 5e6), hello=SSH_HELLO if ssh else TLS_HELLO, at=s.now + 0.05)
    s.cwd = f"/workspace/{project}"
    s.wait(8, 20)
    s.type("python3 -m venv .venv && . .venv/bin/activate && pip install -q -e '.[test]'")
    fetch_packages(s, 6)
    s.wait(20, 40)


def fetch_packages(s: Sandbox, many: int) -> None:
    """What pip does: an index page and a file a package, over one connection or two."""
    steps: list[Step] = []
    for _ in range(many):
        steps += [(0.02, 420, s.random.uniform(3e3, 4e4)), (0.03, 460, s.random.uniform(2e4, 2.5e6))]
    s.talk(WHEELS, steps, hello=TLS_HELLO, at=s.now + 0.8)


def read(s: Sandbox) -> None:
    """Look at the code."""
    module = s.pick(MODULES)
    first = int(s.random.uniform(1, 180))
    s.type(s.pick((
        "ls -la", "git status --short", "git log --oneline | head -8", f"sed -n {first},{first + 60}p src/{module}.py",
        f"cat tests/test_{module}.py", f"grep -rn 'def {module}' src | head -20", "find . -name '*.py' | xargs wc -l",
        f"rg -n '{module.title()}Error' src tests", "git diff --stat", "cat pyproject.toml", "df -h . && free -m",
    )))  # fmt: skip


def edit(s: Sandbox) -> None:
    """Change a file, and look at what changed."""
    module = s.pick(MODULES)
    line = int(s.random.uniform(10, 200))
    s.type(s.pick((
        f"sed -i '{line}s/None/default/' src/{module}.py",
        f"python3 - <<'EOF'\nimport pathlib\np = pathlib.Path('src/{module}.py')\n"
        f"p.write_text(p.read_text().replace('limit={line}', 'limit={line + 1}'))\nEOF",
        f"cat > tests/test_{module}_{line}.py <<'EOF'\nfrom src.{module} import load\n\n\ndef test_load():\n"
        f"    assert load({line}) is not None\nEOF",
        f"git apply --check /tmp/{module}.patch && git apply /tmp/{module}.patch",
    )))  # fmt: skip
    s.wait(3, 12)
    s.type("git diff")


def check(s: Sandbox) -> None:
    """Run the tests."""
    module = s.pick(MODULES)
    failing = s.random.random() < 0.35
    commands = (f"pytest -q tests/test_{module}.py", "pytest -x -q", "ruff check src && mypy src")
    s.type(s.pick(commands), exit_code=1 if failing else 0)
    s.wait(5, 90)


def look_up_docs(s: Sandbox) -> None:
    """Read a page on the web."""
    place, topic = s.pick(DOCS), s.pick(MODULES)
    s.type(f"curl -sL https://{place.name}/search?q={topic} | head -c 4000")
    s.web(place, 300, s.random.uniform(8e3, 1.8e5), at=s.now + 0.03)


def install(s: Sandbox) -> None:
    """Fetch one more package."""
    if s.random.random() < 0.7:
        s.type(f"pip install -q {s.pick(PACKAGES)}")
        fetch_packages(s, 1 + int(s.random.random() * 4))
    else:
        s.type("apt-get update -qq && apt-get install -y -qq libxml2-dev")
        s.talk(DEBS, [(0.02, 210, s.random.uniform(2e4, 9e5)) for _ in range(9)], at=s.now + 0.2)
    s.wait(5, 20)


def commit(s: Sandbox, *, ssh: bool = False) -> None:
    """Commit and push."""
    s.type(f'git commit -qam "{s.pick(MODULES)}: fix edge case"')
    s.wait(2, 5)
    s.type("git push -q origin HEAD")
    place, hello = (FORGE_SSH, SSH_HELLO) if ssh else (FORGE, TLS_HELLO)
    s.talk(place, [(0.05, 420, 900), (0.1, s.random.uniform(2e3, 6e4), 400)], hello=hello, at=s.now + 0.04)


def coder(s: Sandbox, *, ssh: bool = False) -> None:
    """Reads, edits, tests, looks things up, installs, pushes, until its time is over."""
    s.push_metrics(30)
    s.wait(2, 20)
    clone(s, ssh=ssh)
    while s.left > 120:
        chance = s.random.random()
        if chance < 0.45:
            read(s)
        elif chance < 0.65:
            edit(s)
        elif chance < 0.83:
            check(s)
        elif chance < 0.91:
            look_up_docs(s)
        elif chance < 0.95:
            install(s)
        else:
            commit(s, ssh=ssh)
        s.wait(4, 45)


def ssh_coder(s: Sandbox) -> None:
    """The same with git over ssh."""
    coder(s, ssh=True)


def trainer(s: Sandbox) -> None:
    """Fetches data, trains a model on its GPU, and keeps checkpoints in the store."""
    s.push_metrics(15)
    s.wait(5, 30)
    clone(s)
    fetch_weights(s, 4e8)
    train(s, s.end - 90)
    s.gpu([(s.now, s.end - 60, training)])
    follow_training(s, s.end - 90)


def policy_trainer(s: Sandbox) -> None:
    """Reinforcement learning on one GPU, after the model was fetched."""
    s.push_metrics(15)
    s.wait(5, 30)
    clone(s)
    fetch_weights(s, 1.1e9)
    train(s, s.end - 90, command="torchrun --standalone --nproc_per_node=1 train_policy.py --config configs/grpo.yaml")
    s.gpu([(s.now, s.end - 60, rollouts)])
    follow_training(s, s.end - 90)


def fetch_weights(s: Sandbox, size: float) -> None:
    """Download a model or a data set."""
    s.type(f"curl -sSL -o /data/base-{int(size // 1e8)}.safetensors https://weights.hub.example/base/model.safetensors")
    end = s.talk(WEIGHTS, bulk(900, size, 3.2e7), hello=TLS_HELLO, at=s.now + 0.05)
    s.now = end + s.random.uniform(2, 8)


def train(s: Sandbox, until: float, command: str = "torchrun --standalone train.py --config configs/base.yaml") -> None:
    """Start training in the background; it reports to the tracker until it ends."""
    s.type(f"nohup {command} > train.log 2>&1 &")
    many = int((until - s.now) / 30)
    beats = [(30 + s.random.uniform(-0.4, 0.4), s.random.uniform(700, 1400), 310.0) for _ in range(many)]
    s.talk(TRACKER, beats, hello=TLS_HELLO, at=s.now + 9)


def follow_training(s: Sandbox, until: float) -> None:
    """Look at the log now and then, and send every checkpoint to the store."""
    step = 0
    saved = s.now + 900
    while s.now < until:
        s.wait(40, 180)
        s.type(s.pick(("tail -n 3 train.log", "nvidia-smi", "grep loss train.log | tail -n 5", "ls -la ckpt", "date")))
        if s.now > saved and s.now < until:
            saved, step = s.now + 900, step + 500
            s.type(f"rsync -a ckpt/step-{step} build@ckpt.lab.internal:/srv/ckpt/{s.run}/")
            s.talk(STORE, bulk(4.2e8, 9000, 4e7), hello=SSH_HELLO, at=s.now + 0.05)


def server(s: Sandbox) -> None:
    """Serves a model: its GPU works in waves, clients come through the gateway."""
    s.push_metrics(15)
    s.wait(5, 20)
    fetch_weights(s, 1.4e9)
    s.cwd = "/srv/serve"
    s.type("python3 -m serve --model /data/base-14.safetensors --port 8000 > serve.log 2>&1 &")
    s.wait(60, 70)
    s.gpu([(s.now - 60, s.end - 30, inference)])
    at = s.now
    while at < s.end - 90:
        asked = [(s.random.uniform(0.4, 9), s.random.uniform(900, 6000), s.random.uniform(600, 9000)) for _ in range(8)]
        s.serve(GATEWAY, 8000, asked, at=at)
        at += s.random.expovariate(1 / 35)
    while s.left > 300:
        s.wait(120, 600)
        s.type(s.pick(("tail -n 20 serve.log", "curl -s localhost:8000/health", "nvidia-smi", "ps aux | head -5")))


def downloader(s: Sandbox) -> None:
    """Prepares data: large files from the hub, hundreds of small ones from a mirror, all from few places."""
    s.push_metrics(30)
    s.wait(5, 20)
    clone(s)
    while s.left > 400:
        if s.random.random() < 0.6:
            fetch_weights(s, s.random.uniform(5e7, 9e8))
        else:
            s.type("seq 1 120 | xargs -P 6 -I{} curl -s -o data/{}.deb http://deb.mirror.example/pool/main/p{}.deb")
            at = s.now
            for _ in range(120):
                at += s.random.uniform(0.05, 0.2)
                s.web(DEBS, 180, s.random.uniform(700, 6e4), at=at)
            s.now = at
        s.type("python3 scripts/shard.py --input data --output shards")
        s.wait(30, 240)


def caller(s: Sandbox) -> None:
    """Asks a language model, which streams its answers, between reading and editing."""
    s.push_metrics(30)
    s.wait(2, 20)
    clone(s)
    s.type("python3 run_eval.py --suite reasoning --endpoint https://api.llm.example/v1 > eval.log 2>&1 &")
    while s.left > 120:
        words = int(s.random.uniform(40, 260))
        stream: list[Step] = [(0.1, s.random.uniform(1500, 9000), 0), *[(0.08, 0.0, 96.0)] * words]
        s.talk(MODEL, stream, hello=TLS_HELLO)
        s.wait(5, 40)
        if s.random.random() < 0.2:
            s.type(s.pick(("tail -n 5 eval.log", "wc -l results.jsonl", "git status --short")))


def scraper(s: Sandbox) -> None:
    """Collects the figures of twelve exporters every 30 s; one of them is down."""
    s.push_metrics(30)
    s.wait(2, 20)
    s.type(
        "while true; do for i in $(seq 40 51); do curl -s -m 2 http://10.20.1.$i:9100/metrics >> node.prom; done; "
        "sleep 30; done",
        exit_code=None,
        session="2",
    )
    at = s.now
    while at < s.end - 60:
        for number in range(40, 52):
            place = Place(f"10.20.1.{number}", 9100, "", "http", 0.002)
            at = s.refused(place, at) if number == 51 else s.web(place, 94, 2365, at=at)
            at += s.random.uniform(0.01, 0.03)
        at += 30
    while s.left > 300:
        s.wait(100, 400)
        s.type(s.pick(("tail -n 3 node.prom", "wc -l node.prom", "python3 plot.py node.prom", "ls -la")))


def rank(s: Sandbox) -> None:
    """One rank of a training job on eight machines: a rendezvous, and connections to the seven others."""
    s.push_metrics(15)
    s.wait(5, 10)
    clone(s)
    until = s.end - 90
    place = "--nnodes=8 --node_rank=3 --rdzv_endpoint=10.20.3.1:29500"
    train(s, until, command=f"torchrun {place} train.py --config configs/large.yaml")
    s.gpu([(s.now, until, training)])
    many = int((until - s.now) / 4)
    for other in range(1, 8):
        ports = 29500 if other == 1 else 33000 + int(s.random.random() * 12000)
        size = s.random.uniform(1e5, 2e5) if other in (2, 3) else 320.0
        beats = [(4 + s.random.uniform(-0.2, 0.2), size, s.random.uniform(200, 400)) for _ in range(many)]
        s.talk(Place(f"10.20.3.{other}", ports, "", "", 0.001), beats, at=s.now + 1)
    follow_training(s, until)
