"""Which job an environment tells, and that all its ranks get one key."""

from __future__ import annotations

import pytest

from provfs.capture.identity.jobs import ALLOWED, LONGEST_VALUE, chosen, job, task

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none",
    "MASTER_ADDR": "node0",
    "MASTER_PORT": "29500",
    "RANK": "3",
    "WORLD_SIZE": "8",
}
SLURM = {"SLURM_JOB_ID": "77", "SLURM_CLUSTER_NAME": "big", "SLURM_PROCID": "0"}
K8S = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "POD_NAMESPACE": "ml"}

CASES = [
    ("torchrun", TORCHRUN, ("torchrun", "node0/29500", 3)),
    ("torchrun-named", TORCHRUN | {"TORCHELASTIC_RUN_ID": "r1"}, ("torchrun", "r1/node0/29500", 3)),
    ("torchrun-in-slurm", SLURM | TORCHRUN, ("torchrun", "node0/29500", 3)),
    (
        "torch",
        {k: v for k, v in TORCHRUN.items() if k != "TORCHELASTIC_RUN_ID"},
        ("torch", "node0/29500", 3),
    ),
    ("slurm-step", SLURM | {"SLURM_STEP_ID": "0", "SLURM_PROCID": "5"}, ("slurm", "big/77.0", 5)),
    ("slurm-batch", SLURM, ("slurm", "big/77", None)),
    (
        "slurm-array",
        SLURM | {"SLURM_ARRAY_JOB_ID": "70", "SLURM_ARRAY_TASK_ID": "7"},
        ("slurm", "big/70_7", None),
    ),
    (
        "openmpi",
        {"OMPI_COMM_WORLD_RANK": "2", "PMIX_NAMESPACE": "prterun-1"},
        ("mpi", "prterun-1", 2),
    ),
    ("mpi-without-key", {"PMI_RANK": "2", "PMI_ID": "2"}, ("mpi", None, 2)),
    (
        "airflow",
        {
            "AIRFLOW_CTX_DAG_ID": "d",
            "AIRFLOW_CTX_TASK_ID": "t",
            "AIRFLOW_CTX_DAG_RUN_ID": "scheduled__1",
            "AIRFLOW_CTX_TRY_NUMBER": "1",
        },
        ("airflow", "d/t/scheduled__1/1", None),
    ),
    (
        "argo",
        {"ARGO_WORKFLOW_NAME": "w", "ARGO_WORKFLOW_UID": "u", "ARGO_NODE_ID": "n"} | K8S,
        ("argo", "w/u/n", None),
    ),
    ("kubeflow", {"KFP_POD_NAME": "p", "KFP_RUN_ID": "r"} | K8S, ("kubeflow", "p/r", None)),
    (
        "kubernetes-indexed",
        {"JOB_COMPLETION_INDEX": "4", "HOSTNAME": "train-4"} | K8S,
        ("kubernetes", "train/ml", 4),
    ),
    (
        "kubernetes-pod",
        {"HOSTNAME": "pod-x", "POD_UID": "u"} | K8S,
        ("kubernetes", "pod-x/ml/u", None),
    ),
    ("ray", {"RAY_JOB_ID": "01000000"}, ("ray", "01000000", None)),
    ("dask", {"DASK_SCHEDULER_ADDRESS": "tcp://s:8786"}, ("dask", "tcp://s:8786", None)),
    ("mlflow", {"MLFLOW_RUN_ID": "a1", "MLFLOW_EXPERIMENT_ID": "3"}, ("mlflow", "a1/3", None)),
    (
        "wandb",
        {"WANDB_RUN_ID": "x", "WANDB_ENTITY": "e", "WANDB_PROJECT": "p"},
        ("wandb", "x/e/p", None),
    ),
    (
        "sagemaker",
        {"TRAINING_JOB_NAME": "tj", "SM_CURRENT_HOST": "algo-2"},
        ("sagemaker", "tj", 1),
    ),
    (
        "awsbatch",
        {"AWS_BATCH_JOB_ID": "id#1", "AWS_BATCH_JOB_NODE_INDEX": "1"},
        ("awsbatch", "id", 1),
    ),
    (
        "github",
        {
            "GITHUB_RUN_ID": "9",
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_JOB": "b",
        },
        ("github", "9/o/r/1/b", None),
    ),
    (
        "gitlab",
        {"CI_JOB_ID": "5", "CI_PROJECT_PATH": "g/p", "CI_PIPELINE_ID": "4"},
        ("gitlab", "5/g/p/4", None),
    ),
    (
        "jupyter",
        {"JPY_SESSION_NAME": "a.ipynb", "JPY_PARENT_PID": "7"},
        ("jupyter", "a.ipynb/7", None),
    ),
    ("nothing", {"HOME": "/root", "RANK": "1"}, (None, None, None)),
]


@pytest.mark.parametrize(
    ("environment", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_job_is_told_by_its_launcher(environment, expected):
    """Each launcher's variables give a system, a key and, where there are ranks, the rank."""
    assert job(environment) == expected


@pytest.mark.parametrize(
    ("environment", "rank", "host"),
    [
        (TORCHRUN, "RANK", {"LOCAL_RANK": "1", "HOSTNAME": "node1"}),
        (
            SLURM | {"SLURM_STEP_ID": "1"},
            "SLURM_PROCID",
            {"SLURM_NODEID": "1", "SLURM_LOCALID": "0"},
        ),
        ({"OMPI_COMM_WORLD_RANK": "0", "PMIX_NAMESPACE": "n"}, "OMPI_COMM_WORLD_RANK", {}),
    ],
    ids=["torchrun", "slurm", "mpi"],
)
def test_ranks_on_different_hosts_have_one_key(environment, rank, host):
    """What differs between ranks and hosts is not in the key."""
    here, there = job(environment | {rank: "0"}), job(environment | host | {rank: "1"})

    assert here[:2] == there[:2]
    assert (here[2], there[2]) == (0, 1)


def test_only_allowed_variables_are_taken():
    """A variable that nobody put on the list is not recorded, whatever its name looks like."""
    environment = {
        "CUDA_VISIBLE_DEVICES": "0,1",
        "SLURM_JOB_ID": "7",
        "AWS_SECRET_ACCESS_KEY": "s",
        "SLURM_JWT": "eyJ",
        "WANDB_API_KEY": "k",
        "MLFLOW_TRACKING_PASSWORD": "p",
        "AIRFLOW_CTX_DAG_EMAIL": "a@b",
        "PYTHONHASHSEED": "",
    }

    assert chosen(environment) == ["CUDA_VISIBLE_DEVICES=0,1", "SLURM_JOB_ID=7"]
    secret = ("KEY", "TOKEN", "PASSWORD", "SECRET")
    assert not [name for name in ALLOWED if name.endswith(secret)]


def test_long_values_are_cut():
    """A variable that holds a whole document does not fill the journal."""
    assert len(chosen({"SM_HOSTS": "h" * 10_000})[0]) == len("SM_HOSTS=...") + LONGEST_VALUE


def test_process_as_a_whole_serves_a_notebook_or_a_task():
    """A kernel names its notebook, a scheduler's worker its task."""
    assert task({"JPY_SESSION_NAME": "work/a.ipynb"}) == "work/a.ipynb"
    assert task({"AIRFLOW_CTX_DAG_ID": "d", "AIRFLOW_CTX_TASK_ID": "t"}) == "d/t"
    assert task({}) is None
