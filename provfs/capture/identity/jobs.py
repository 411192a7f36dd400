"""The distributed or scheduled job that a process belongs to, from its environment by allow-list.

Contract: pure. The key of a job is equal for all its ranks on all hosts and differs between jobs;
it is made from the launcher's variables alone, in a fixed order, so that nobody has to be asked.
Only names listed here are ever taken from the environment. Not here: what a shared key means, see
`provfs/inference/relations.sql`; secrets in values, see `provfs.capture.secrets`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_JOBS: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    ("torchrun", ("TORCHELASTIC_RUN_ID",), ("MASTER_ADDR", "MASTER_PORT"), ("RANK",)),
    ("torch", ("WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "RANK"), (), ("RANK",)),
    ("mpi", ("PMIX_NAMESPACE",), (), ("OMPI_COMM_WORLD_RANK", "PMIX_RANK")),
    ("mpi", ("OMPI_MCA_ess_base_jobid",), (), ("OMPI_COMM_WORLD_RANK",)),
    ("mpi", ("PMI_JOBID",), (), ("PMI_RANK",)),
    ("mpi", ("PMI_KVS",), (), ("PMI_RANK",)),
    ("mpi", ("PMI_PORT",), (), ("PMI_RANK",)),
    ("slurm", ("SLURM_JOB_ID",), ("SLURM_CLUSTER_NAME", "SLURM_STEP_ID"), ("SLURM_PROCID",)),
    ("sagemaker", ("TRAINING_JOB_NAME",), (), ("SM_CURRENT_HOST",)),
    ("awsbatch", ("AWS_BATCH_JOB_ID",), ("AWS_BATCH_JOB_ATTEMPT",), ("AWS_BATCH_JOB_NODE_INDEX",)),
    (
        "skypilot",
        ("SKYPILOT_TASK_ID",),
        ("SKYPILOT_CLUSTER_NAME",),
        ("SKYPILOT_NODE_RANK",),
    ),
    (
        "airflow",
        ("AIRFLOW_CTX_DAG_ID", "AIRFLOW_CTX_TASK_ID"),
        ("AIRFLOW_CTX_DAG_RUN_ID", "AIRFLOW_CTX_TRY_NUMBER"),
        (),
    ),
    ("kubeflow", ("KFP_POD_NAME",), ("KFP_RUN_ID", "KFP_POD_UID"), ()),
    ("argo", ("ARGO_WORKFLOW_NAME",), ("ARGO_WORKFLOW_UID", "ARGO_NODE_ID"), ()),
    (
        "flyte",
        ("FLYTE_INTERNAL_EXECUTION_ID",),
        ("FLYTE_INTERNAL_EXECUTION_PROJECT", "FLYTE_INTERNAL_EXECUTION_DOMAIN"),
        (),
    ),
    (
        "metaflow",
        ("METAFLOW_RUN_ID",),
        ("METAFLOW_FLOW_NAME", "METAFLOW_TASK_ID"),
        ("MF_PARALLEL_NODE_INDEX",),
    ),
    ("prefect", ("PREFECT__FLOW_RUN_ID",), (), ()),
    ("ray", ("RAY_JOB_ID",), ("RAY_ADDRESS",), ()),
    ("dask", ("DASK_SCHEDULER_ADDRESS",), (), ()),
    ("kubernetes", ("JOB_COMPLETION_INDEX", "HOSTNAME"), ("POD_NAMESPACE",), ()),
    ("mlflow", ("MLFLOW_RUN_ID",), ("MLFLOW_EXPERIMENT_ID",), ()),
    ("wandb", ("WANDB_RUN_ID",), ("WANDB_ENTITY", "WANDB_PROJECT"), ()),
    ("clearml", ("CLEARML_TASK_ID",), (), ()),
    ("pbs", ("PBS_JOBID",), (), ()),
    ("lsf", ("LSB_JOBID",), ("LSB_JOBINDEX",), ()),
    ("sge", ("SGE_TASK_ID", "JOB_ID"), (), ()),
    (
        "github",
        ("GITHUB_RUN_ID",),
        ("GITHUB_REPOSITORY", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB"),
        (),
    ),
    ("gitlab", ("CI_JOB_ID",), ("CI_PROJECT_PATH", "CI_PIPELINE_ID"), ()),
    ("jenkins", ("BUILD_TAG",), (), ()),
    ("kubernetes", ("KUBERNETES_SERVICE_HOST", "HOSTNAME"), ("POD_NAMESPACE", "POD_UID"), ()),
    ("jupyter", ("JPY_SESSION_NAME",), ("JPY_PARENT_PID",), ()),
)
"""(system, variables that tell it, further ones in the key, where the rank is), innermost first: a
torchrun inside of a Slurm job is a torchrun. Source: the launchers' own sources and documentation.
"""

_NOT_IN_KEY = frozenset({"WORLD_SIZE", "RANK", "JOB_COMPLETION_INDEX", "KUBERNETES_SERVICE_HOST"})

_FURTHER = """
AIRFLOW_CTX_DAG_OWNER CI_COMMIT_SHA CI_JOB_NAME CI_MERGE_REQUEST_IID CLEARML_PROC_MASTER_ID
COLAB_RELEASE_TAG CONDA_DEFAULT_ENV CONDA_PREFIX CUBLAS_WORKSPACE_CONFIG CUDA_VISIBLE_DEVICES
DVC_EXP_NAME GITHUB_ACTOR GITHUB_REF GITHUB_SHA GITHUB_WORKFLOW GITLAB_USER_LOGIN GIT_COMMIT
GROUP_RANK HIP_VISIBLE_DEVICES JOB_NAME JUPYTERHUB_USER LOCAL_RANK LOCAL_WORLD_SIZE MKL_NUM_THREADS
MLFLOW_ACTIVE_MODEL_ID MLFLOW_EXPERIMENT_NAME MLFLOW_TRACKING_URI NB_USER NODE_NAME
NVIDIA_VISIBLE_DEVICES OMPI_COMM_WORLD_LOCAL_RANK OMPI_COMM_WORLD_SIZE OMP_NUM_THREADS
OPENBLAS_NUM_THREADS OPENLINEAGE_PARENT_ID OPENLINEAGE_ROOT_PARENT_ID PMI_SIZE POD_NAME
PYTHONHASHSEED ROCR_VISIBLE_DEVICES SKYPILOT_NUM_NODES SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID
SLURM_JOB_ACCOUNT SLURM_JOB_GPUS SLURM_JOB_NAME SLURM_JOB_NUM_NODES SLURM_JOB_PARTITION
SLURM_JOB_QOS SLURM_JOB_USER SLURM_LOCALID SLURM_NODEID SLURM_NTASKS SLURM_RESTART_COUNT
SLURM_SUBMIT_DIR SLURM_SUBMIT_HOST SM_CHANNELS SM_HOSTS SM_MODEL_DIR TF_DETERMINISTIC_OPS
TOKENIZERS_PARALLELISM TORCHELASTIC_RESTART_COUNT TRACEPARENT VIRTUAL_ENV WANDB_JOB_TYPE WANDB_NAME
WANDB_RUN_GROUP WANDB_SWEEP_ID
"""

ALLOWED = frozenset(name for _, *groups in _JOBS for group in groups for name in group) | frozenset(
    _FURTHER.split()
)
"""The only variables that are ever recorded."""

LONGEST_VALUE = 512
"""Characters of a value that are kept; what is longer ends in `...`."""

_SLURM_NO_STEP = frozenset({"", "4294967294", "4294967291", "batch", "extern"})


def job(environment: Mapping[str, str]) -> tuple[str | None, str | None, int | None]:
    """Return (job system, job key, rank) of the innermost job; the rank is None where none is told.

    Where ranks are told but nothing that all of them share, the key is None.
    """
    for system, telling, further, ranks in _JOBS:
        if all(environment.get(name) for name in telling):
            if system == "slurm":
                return _slurm(environment)
            parts = [environment.get(name, "") for name in (*telling, *further) if _in_key(name)]
            parts = [part for part in parts if part and part != "none"]
            told = [number for name in ranks if (number := _rank(environment, name)) is not None]
            rank = told[0] if told else None
            if "JOB_COMPLETION_INDEX" in telling:
                rank = _rank(environment, "JOB_COMPLETION_INDEX")
                parts = [part.removesuffix(f"-{rank}") for part in parts]
            if system == "awsbatch":
                parts[0] = parts[0].partition("#")[0]
            return system, "/".join(parts) or None, rank
    rank = _rank(environment, "OMPI_COMM_WORLD_RANK")
    rank = _rank(environment, "PMI_RANK") if rank is None else rank
    return ("mpi", None, rank) if rank is not None else (None, None, None)


def chosen(environment: Mapping[str, str]) -> list[str]:
    """Return the allowed variables as `NAME=value`, sorted; secrets are not removed here."""
    found = sorted(name for name in environment if name in ALLOWED)
    return [f"{name}={_short(environment[name])}" for name in found if environment[name]]


def task(environment: Mapping[str, str]) -> str | None:
    """Return the notebook or task that the process as a whole serves; None where none is told."""
    if notebook := environment.get("JPY_SESSION_NAME"):
        return notebook
    if dag := environment.get("AIRFLOW_CTX_DAG_ID"):
        return f"{dag}/{environment.get('AIRFLOW_CTX_TASK_ID', '')}"
    return None


def _slurm(environment: Mapping[str, str]) -> tuple[str, str, int | None]:
    """Return the job; ranks are those of one step, and the batch script itself is no step.

    The script and all that it starts one after the other have process id 0 and no step.
    """
    get = environment.get
    array, number = get("SLURM_ARRAY_JOB_ID"), get("SLURM_ARRAY_TASK_ID")
    key = f"{array}_{number}" if array and number else get("SLURM_JOB_ID", "")
    step = get("SLURM_STEP_ID") or get("SLURM_STEPID") or ""
    rank = None
    if step not in _SLURM_NO_STEP:
        key, rank = f"{key}.{step}", _rank(environment, "SLURM_PROCID")
    cluster = get("SLURM_CLUSTER_NAME")
    return "slurm", f"{cluster}/{key}" if cluster else key, rank


def _in_key(name: str) -> bool:
    return name not in _NOT_IN_KEY


def _rank(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    if name == "SM_CURRENT_HOST":
        number = text.rpartition("-")[2]
        return int(number) - 1 if number.isdigit() else None
    return int(text) if text.isdigit() else None


def _short(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else value[:LONGEST_VALUE] + "..."
