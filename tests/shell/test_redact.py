"""Secrets do not come through; ordinary commands do."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.shell.redact import _RULES, MARK, clean_at_a_glance, redact, thoroughly

SECRET = "Zq7vXw9Ktp3L"

TEMPLATES = [
    "mysql -u root -p{} -h db x",
    "mysqldump -p{} --all-databases | gzip > d.gz",
    "mysql --password={} -e 'select 1'",
    "mysql --password {} x",
    "sshpass -p {} ssh u@h",
    "sshpass -p{} ssh u@h ls",
    "sshpass -p '{}' scp a u@h:",
    "SSHPASS={} sshpass -e ssh h",
    "curl -u admin:{} https://h/",
    "curl -uadmin:{} h",
    "curl --user admin:{} h",
    "curl --user=admin:{} h",
    "curl -x http://u:{}@p:3128 h",
    "curl --proxy-user u:{} h",
    "curl -H 'Authorization: Bearer {}' h",
    'curl -H "Authorization: token {}" h',
    "curl -H Authorization:{} h",
    "curl -H 'X-Api-Key: {}' h",
    "curl -H 'Private-Token: {}' h",
    "curl -H 'PRIVATE-TOKEN:{}' h",
    "curl -b 'Cookie: sid={}' h",
    "curl -H 'Cookie: sid={}' h",
    "curl https://h/a?token={}",
    "curl 'https://h/a?x=1&api_key={}&y=2'",
    "curl https://h/?access_token={}",
    "wget 'https://h/f?X-Amz-Signature={}'",
    "curl https://u:{}@h/x",
    "git clone https://u:{}@github.com/a/b",
    "git clone https://oauth2:{}@gitlab.com/a/b",
    "psql postgresql://u:{}@db:5432/x",
    "redis-cli -a {} ping",
    "redis-cli -u redis://:{}@h:6379",
    "mongo -u a -p {} h",
    "mongosh mongodb://u:{}@h/x",
    "wget --password={} --user=u h",
    "wget --http-password {} h",
    "wget --ftp-password={} h",
    "docker login -u u -p {} r.io",
    "docker login --password {} r.io",
    "docker login -p{} r.io",
    "echo {} | docker login -u u --password-stdin",
    "helm repo add x https://h --password {}",
    "htpasswd -b f u {}",
    "htpasswd -bc f u {}",
    "openssl enc -aes-256-cbc -pass pass:{} -in f",
    "openssl rsa -passin pass:{} -in f",
    "openssl enc -k {} -in f",
    "openssl passwd -1 {}",
    "echo 'root:{}' | chpasswd",
    "echo root:{}|chpasswd|bash",
    'echo "u:{}" | sudo chpasswd',
    "chpasswd <<< 'root:{}'",
    "printf 'u:{}\\n' | chpasswd",
    "echo -e '{}\\n{}' | passwd u",
    "(echo {}; echo {}) | passwd",
    "echo {} | passwd --stdin u",
    "echo {} | sudo -S ls",
    "echo '{}' | sudo -u r -S ls",
    "sudo -S ls <<< '{}'",
    "export DB_PASSWORD={}",
    "DB_PASSWORD='{}' run",
    "env API_TOKEN={} run",
    "docker run -e MYSQL_ROOT_PASSWORD={} mysql",
    "docker run --env SECRET_KEY={} x",
    "PGPASSWORD={} psql -h h",
    "MYSQL_PWD={} mysql",
    "export AWS_SECRET_ACCESS_KEY={}",
    "HF_TOKEN={} python t.py",
    "WANDB_API_KEY={} python t.py",
    'export OPENAI_API_KEY="{}"',
    "aws configure set aws_secret_access_key {}",
    "vault login {}",
    "gh auth login --with-token <<< {}",
    "echo {} | gh auth login --with-token",
    "huggingface-cli login --token {}",
    "wandb login {}",
    "npm config set //registry.npmjs.org/:_authToken {}",
    "npm config set _auth={}",
    "echo '//r/:_authToken={}' >> ~/.npmrc",
    "twine upload -u u --password {} d/*",
    "python -c 'import x; x.login(password=\"{}\")'",
    "python -c \"x(token='{}')\"",
    'curl -d \'{{"password": "{}"}}\' h',
    'curl -d \'{{"user":"a","password":"{}"}}\' h',
    "curl -d 'user=a&password={}' h",
    "curl -d password={} h",
    'curl -d "{{\\"api_key\\": \\"{}\\"}}" h',
    "echo 'password: {}' > c.yml",
    "kubectl create secret generic x --from-literal=password={}",
    "kubectl create secret generic x --from-literal=k={}",
    "kubectl --token={} get pods",
    "smbclient //h/s -U 'u%{}'",
    "rpcclient -U u%{} h",
    "ldapsearch -D cn=a -w {} -H ldap://h",
    "xfreerdp /u:a /p:{} /v:h",
    "evil-winrm -i h -u a -p {}",
    "hydra -l a -p {} ssh://h",
    "rabbitmqctl add_user u {}",
    "zip -P {} a.zip b",
    "7z x -p{} a.7z",
    "unzip -P {} a.zip",
    "useradd -p {} u",
    "ipmitool -H h -U a -P {} power on",
    "gpg --batch --passphrase {} -d f",
    "mount -t cifs //h/s /m -o username=u,password={}",
    "sh -c 'mysql -p{} x'",
    'bash -c "sshpass -p {} ssh h"',
    "ssh h 'mysql -u r -p{} x'",
    "sudo mysql -p{}",
    "nohup mysql -p{} &",
    "for i in 1 2; do mysql -p{}; done",
    "a && mysql -p{} || b",
    "wpa_passphrase net {}",
    "nmcli dev wifi connect net password {}",
    "svn co --username u --password {} u",
    "az login -u u -p {}",
    "mosquitto_pub -u u -P {} -t t",
    "ansible-playbook -e ansible_password={} p.yml",
    "curl ftp://u:{}@h/f",
    "lftp -u u,x ftp://u:{}@h",
    "git config user.token {}",
    "sqlcmd -S h -U sa -P {} -Q x",
    "http -a u:{} h",
    "token={} ; curl h",
    "x --auth-token {}",
    "snmpwalk -v3 -A {} h",
    "curl -H 'Authorization: Basic {}' h",
    'psql "host=h password={} user=u"',
    "GITHUB_TOKEN={} gh pr list",
]
SHAPED = [
    "AKIA" + "A1B2C3D4E5F6G7H8",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2_" * 10,
    "glpat-" + "a1B2c3D4e5F6g7H8i9J0",
    "xoxb-123456789012-abcDEF",
    "hf_" + "aB1" * 11,
    "sk-" + "aB1" * 12,
    "sk-proj-" + "aB_1-" * 8,
    "sk-ant-api03-" + "aB1" * 10,
    "sk_live_" + "a1" * 12,
    "AIza" + "a1B2c3" * 6,
    "npm_" + "a1B2" * 9,
    "pypi-" + "a1B2" * 9,
    "dckr_pat_" + "a1B2c3" * 4,
    "hvs." + "a1B2" * 8,
    "nvapi-" + "a1B2" * 8,
    "eyJhbGciOiJI.eyJzdWIiOiIx.abc_DEF-1",
    "SG.abcdefgh12.abcdefgh34",
    "1234567890:AAF-abcdefghijklmnopqrstuvwxyz012",
    "glrt-" + "a1B2" * 5,
    "ya29." + "a1B2" * 8,
]
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----"


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_secret_goes(template: str) -> None:
    shown = redact(template.replace("{}", SECRET).replace("{{", "{").replace("}}", "}"))
    assert SECRET not in shown
    assert MARK in shown
    assert redact(shown) == shown


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(TEMPLATES), st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.+]{6,20}[A-Za-z0-9]", fullmatch=True))
@example("mysql -p{}", "12345678")
def test_no_secret_comes_through(template: str, secret: str) -> None:
    shown = redact(template.replace("{}", "Q9" + secret).replace("{{", "{").replace("}}", "}"))
    assert "Q9" + secret not in shown
    assert redact(shown) == shown


@pytest.mark.parametrize("token", SHAPED)
@pytest.mark.parametrize(
    "template", ["run {}", "x --y={}", "echo '{}' > f", 'curl -d \'{{"k":"{}"}}\' h', "python -c \"a('{}')\""]
)
def test_tokens_of_known_shape_go_wherever_they_stand(token: str, template: str) -> None:
    assert token not in redact(template.replace("{}", token))


def test_private_keys_go() -> None:
    for command in (f"cat > k <<E\n{KEY}\nE", f"echo '{KEY}' | ssh-add -", KEY, f"echo '{KEY[:70]}"):
        assert "b3Blbn" not in redact(command)


@pytest.mark.parametrize(
    "command",
    [
        "ls -l",
        "mkdir -p a/b",
        "ssh -p 2222 -R 9000:localhost:22 u@h",
        "nmap -p 22,80 10.0.0.0/24",
        "curl -s -o f http://h/x?page=2",
        "git commit -m 'fix token parsing'",
        "grep -r password .",
        "grep token f | wc -l",
        "cat /etc/passwd",
        "passwd root",
        "echo $HF_TOKEN",
        "export HF_TOKEN=$(cat f)",
        "mysql -u root -p -h db",
        "docker run -p 80:80 -u 1000:1000 img",
        "docker login -u u --password-stdin < f",
        "python t.py --max-tokens 512 --tokenizer gpt2",
        "sort -k 2 f",
        "sort --key=2 f",
        "tar -xpf a.tar",
        "cp -a a b",
        "ps -p 1 -u root",
        "ssh-keygen -t ed25519 -f key",
        "openssl rsa -passin env:X -in f",
        "curl --key k.pem --cert c.pem h",
        "xmrig -o pool:3333 -u wallet -p x",
        "git clone git@h:a/b",
        "pip install -i http://h:8080/simple x",
        "http://h:80/@scope/x",
        "find . -name '*token*'",
        "PWD=/x ls",
        "KEY_FILE=/x run",
        "DB_PASSWORD_FILE=/run/x app",
        "num_tokens=5 run",
        "echo basic command",
        "rsync -aP a u@h:b",
        "read -s -p 'Password: ' password",
        "monkey=1 run",
        "7z x -p a",
        "zip -r a.zip b",
        "unzip a.zip -d b",
        "sudo -u u ls",
        "redis-cli -p 6379 ping",
        "echo a | passwd-tool",
        "kubectl get secret",
    ],
)
def test_ordinary_commands_are_left_alone(command: str) -> None:
    assert redact(command) == command


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=120))
def test_twice_is_once(text: str) -> None:
    shown = redact(text)
    assert redact(shown) == shown


PIECES = st.sampled_from(
    [*_RULES, "sudo", "cryptsetup", "login", "add", "add_user", "config", "configure set", "secret", "passwd", "psk",
     "-p", "-P", "-u", "-U", "-a", "-A", "-k", "-K", "-w", "-s", "-S", "-X", "-hp", "-pw", "-pQ7x", "/p:Q7x", "--user",
     "--stdin", "--pass", "--from-literal", "a:Q7x", "a%Q7x", "'a:Q7x'", "Q7x", "echo", "|", ";", "&&", "(", "'", '"',
     "\\", "\n", "\t", "=", "://", "@", ":", "/", "https://", "hooks.slack.com/services/T0/B0/x", "SECRET", "Key",
     "AKIAABCDEFGHIJKLMNOP", "ghp_abcdefghijklmnop1234", "123456789:" + "a1" * 16, "basic ", "<<<", "\x1c", "é"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=8), st.sampled_from([" ", "", "/"]))
def test_what_is_clean_at_a_glance_is_clean(pieces: list[str], between: str) -> None:
    text = between.join(pieces)
    assert not clean_at_a_glance(text) or thoroughly(text) == text


def test_each_secret_is_missed_by_no_glance() -> None:
    for template in TEMPLATES:
        assert not clean_at_a_glance(template.replace("{}", SECRET)), template
    assert clean_at_a_glance("cd /tmp && curl -sS https://h.example/x -o x | tar xz")


def test_the_user_and_the_rest_stay() -> None:
    assert redact("curl -u admin:abc https://h/x") == f"curl -u admin:{MARK} https://h/x"
    assert redact("echo root:abc | chpasswd") == f"echo root:{MARK} | chpasswd"
    assert redact("git clone https://u:abc@h/r.git") == f"git clone https://u:{MARK}@h/r.git"
    assert redact('A_TOKEN="abcde fgh" run') == f'A_TOKEN="{MARK}" run'


def test_costly_texts_end_and_are_cut() -> None:
    for text in (
        "a@" * 40_000,
        "token=" * 20_000,
        "'" * 80_001,
        "://" * 30_000,
        "password " * 20_000,
        "-----BEGIN " * 8_000,
        "x:" * 40_000,
        "\\" * 90_000,
        "a-" * 40_000 + "token=1",
        "eyJ" * 30_000,
        "-p" * 40_000,
    ):
        assert len(redact(text)) < 400_000


@pytest.mark.parametrize(
    "piece",
    ["token: ", "token: -p ", "http://a:keya=", "echo a | sudo -S ", "sshpass ", "sshpass -p x ", "Authorization: b "],
)
def test_a_command_made_to_be_hard_to_read_is_read(piece: str) -> None:
    assert redact(piece * (60_000 // len(piece)) + " x; mysql -phunter2").endswith("; mysql -p[redacted]")


def test_what_sshpass_runs_is_read_too_and_a_long_header_whole() -> None:
    said = "sshpass -p a sshpass -p b mysql -phunter2 -h db; xmrig -o pool:1 -p hunter2"
    assert redact(said) == (
        "sshpass -p [redacted] sshpass -p [redacted] mysql -p[redacted] -h db; xmrig -o pool:1 -p [redacted]"
    )
    assert redact(f"curl -H 'Authorization: Bearer {'a1' * 3000} b'") == "curl -H 'Authorization: Bearer [redacted]'"
    assert redact(f"TOKEN={'a1' * 3000} ls") == "TOKEN=[redacted] ls"
