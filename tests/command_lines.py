"""Words of command lines that must be kept as they are, and ones that hold a secret.

Contract: the secrets are made up; each is put together here, so that no scanner takes it for a real
one. Both corpora are held against the Python code and its twin in C.
"""

from __future__ import annotations

KEPT: tuple[tuple[str, ...], ...] = (
    ("train.py", "--lr", "3e-4", "--epochs=10", "--seed", "0", "-n", "8", "--beta", "-0.5"),
    ("x", "--token-dim", "64", "--max_new_tokens=512", "--num-tokens", "8", "--tokens-per-step=4"),
    (
        "x",
        "--tokenizer",
        "bert-base",
        "--pad-token",
        "<pad>",
        "--eos-token=</s>",
        "--bos_token_id=1",
    ),
    (
        "x",
        "--key-size",
        "128",
        "--num-keys=4",
        "--sort-key=date",
        "--key_dim",
        "64",
        "--passes",
        "3",
    ),
    ("x", "--token=5", "--attention.num_key_value_heads=8", "model.key=value", "--keyword", "cat"),
    ("x", "--digest", "xxh3-128:6ac97317b324077e6fb30d1f9c5b99b6"),
    ("x", "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ("x", "sha256:" + "0123456789abcdef" * 4, "sha512-" + "ab12" * 32, "md5=" + "ef" * 16),
    ("x", "--commit", "9fceb02d0ae598e95dc970b74767f19372d61af8", "--run-id=0a1b2c3d4e5f"),
    ("x", "--uuid", "123e4567-e89b-12d3-a456-426614174000", "--ulid=01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("x", "sk-learn-model-name", "disk-0123456789abcdef0123", "task-" + "a" * 27, "keyboard.csv"),
    ("x", "hf_hub_models_of_a_long_name", "npm_config_registry_mirror", "pypi-mirror-of-wheels"),
    (
        "x",
        "asia.csv",
        "bearer.csv",
        "authorization.parquet",
        "secrets.txt",
        "password-strength.csv",
    ),
    ("x", "s3://bucket/key.parquet", "https://host:8080/a@b", "--data=/secret/place.csv"),
    (
        "x",
        "gs://b/o?versionId=3",
        "https://h/x?page=2&sort=key",
        "file:///tmp/a%20b",
        "hdfs://n:8020/x",
    ),
    ("x", "--signature", "float->float", "--auth-type=none", "--access-mode=r", "--secretary=anna"),
    ("x", "-p", "8888", "-u", "anna", "--user=anna", "--credit=3", "--session-length", "60"),
    ("x", "SG.csv", "hvs.csv", "ya29.csv", "r8_model", "gsk_report.csv", "dapi", "xai-grok-1"),
    ("python", "-c", "import os; print(os.environ.get('HOME'))", "--format={a}&{b}?", "a\nb", ""),
)

_A, _D = "aB3" * 20, "0123456789abcdef" * 4

TOKENS: dict[str, str] = {
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "aws-temporary": "ASIA" + "IOSFODNN7EXAMPLE",
    "github": "ghp_" + _A[:36],
    "github-app": "ghs_" + _A[:36],
    "github-fine-grained": "github_pat_" + _A[:22] + "_" + _A[:40],
    "gitlab": "glpat-" + _A[:20],
    "gitlab-runner": "glrt-" + _A[:20],
    "hugging-face": "hf_" + _A[:34],
    "openai": "sk-" + _A[:48],
    "openai-project": "sk-proj-" + _A[:48],
    "anthropic": "sk-ant-api03-" + _A[:40],
    "slack": "xoxb-" + "1234567890-" + _A[:20],
    "json-web-token": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0." + _A[:20],
    "google-key": "AIza" + _A[:35],
    "google-oauth": "ya29." + _A[:40],
    "stripe": "sk_live_" + _A[:24],
    "stripe-restricted": "rk_test_" + _A[:24],
    "npm": "npm_" + _A[:36],
    "pypi": "pypi-" + "AgEIcHlwaS5vcmc" + _A[:50],
    "databricks": "dapi" + _D[:32],
    "digital-ocean": "dop_v1_" + _D,
    "docker-hub": "dckr_pat_" + _A[:27],
    "linear": "lin_api_" + _A[:40],
    "replicate": "r8_" + _A[:37],
    "sendgrid": "SG." + _A[:22] + "." + _A[:43],
    "shopify": "shpat_" + _D[:32],
    "vault": "hvs." + _A[:30],
    "groq": "gsk_" + _A[:52],
    "nvidia": "nvapi-" + _A[:60],
    "xai": "xai-" + _A[:60],
    "atlassian": "ATATT3" + _A[:60],
    "tailscale": "tskey-" + "auth-" + _A[:20],
}

SECRET = "hunter2-and-more"  # noqa: S105 - the secret of the examples below

REMOVED: tuple[tuple[str, ...], ...] = (
    ("x", "--password", SECRET),
    ("x", "--db-password=" + SECRET),
    ("x", "--api_key", SECRET),
    ("x", "--api-key=" + SECRET),
    ("x", "--token", SECRET),
    ("x", "--hub_token=" + SECRET),
    ("x", "--aws-secret-access-key", SECRET),
    ("x", "WANDB_API_KEY=" + SECRET),
    ("x", "+db.password=" + SECRET),
    ("x", "postgres://me:" + SECRET + "@host/db"),
    ("x", "https://me:" + SECRET + "@host/x.git"),
    ("x", "https://b.s3/k?X-Amz-Signature=" + SECRET + "&v=1"),
    ("x", "https://b.blob/k?sv=1&sig=" + SECRET),
    ("x", "https://h/x?access_token=" + SECRET),
    ("curl", "-H", "Authorization: Bearer " + SECRET),
    ("curl", "-H", "authorization=" + SECRET),
    (
        "x",
        "DefaultEndpointsProtocol=https;AccountName=n;AccountKey=" + SECRET + ";EndpointSuffix=c",
    ),
    ("x", "Endpoint=sb://n/;SharedAccessKeyName=k;SharedAccessKey=" + SECRET),
    ("x", "Server=h;Uid=me;Pwd=" + SECRET + ";"),
    ("x", "-----BEGIN RSA PRIVATE KEY-----\n" + SECRET + "\n-----END RSA PRIVATE KEY-----"),
    ("x", "-----BEGIN PRIVATE KEY-----" + SECRET),
)
