"""The alert rules are valid, and each fires for its own fault only."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.support.folders import ROOT
from tests.support.programs import program

RULES = ROOT / "deploy" / "alerts.yaml"
HOURS = 4
HOURLY = "0x59 1x59 2x59 3x60"

# One value a minute, in the notation of promtool: `0+5x10` is 0, 5, 10 and so on, eleven values.
HEALTHY = {
    "up": "1x240",
    'process_start_time_seconds{process="main"}': "1000x240",
    'process_resident_memory_bytes{process="main"}': "115000000x240",
    'process_open_fds{process="main"}': "100x240",
    'process_max_fds{process="main"}': "1000x240",
    'taskward_build_info{version="0.3.0"}': "1x240",
    'taskward_ready{check="database"}': "1x240",
    'taskward_ready{check="keys"}': "1x240",
    "taskward_workers_configured": "2x240",
    "taskward_workers_running": "2x240",
    "taskward_worker_restarts_total": "0x240",
    'taskward_reloads_total{result="completed"}': "0x200 1x40",
    'taskward_reloads_total{result="failed"}': "0x240",
    'taskward_requests_total{status="200"}': "0+600x240",
    'taskward_requests_total{status="503"}': "0x240",
    'taskward_request_duration_seconds_bucket{le="0.5"}': "0+600x240",
    'taskward_request_duration_seconds_bucket{le="2.5"}': "0+600x240",
    'taskward_request_duration_seconds_bucket{le="+Inf"}': "0+600x240",
    'taskward_probes_total{status="503"}': "0+12x240",
    'taskward_token_lookups_total{result="hit"}': "0+600x240",
    'taskward_tokens_rejected_total{reason="expired"}': "0+1x240",
    'taskward_tokens_rejected_total{reason="issuer"}': "0x240",
    'taskward_problems_total{code="keys_unavailable"}': "0x240",
    'taskward_problems_total{code="storage_budget_reached"}': "0x240",
    'taskward_problems_total{code="task_quota_reached"}': "0x240",
    "taskward_pool_waiting": "0x100 3x2 0x138",
    "taskward_signals_lost": "0x100 2x5 0x135",
    "taskward_waiting": "0x100 900x2 0x138",
    "taskward_waiting_limit": "1000x240",
    'taskward_housekeeping_runs_total{work="purge",result="completed"}': HOURLY,
    'taskward_housekeeping_runs_total{work="purge",result="failed"}': "0x200 1x40",
}
FAULTS: dict[str, dict[str, str]] = {
    "TaskwardDown": {"up": "1x220 0x20"},
    "TaskwardRestarting": {'process_start_time_seconds{process="main"}': "0x235 1+1x5"},
    "TaskwardNotReady": {'taskward_ready{check="keys"}': "1x220 0x20"},
    "TaskwardWorkersMissing": {"taskward_workers_running": "2x220 1x20"},
    "TaskwardWorkersExit": {"taskward_worker_restarts_total": "0x233 1+1x7"},
    "TaskwardReloadFailed": {'taskward_reloads_total{result="failed"}': "0x235 1x5"},
    "TaskwardErrors": {'taskward_requests_total{status="503"}': "0x220 10+10x20"},
    "TaskwardSlow": {'taskward_request_duration_seconds_bucket{le="0.5"}': "0+580x240"},
    "TaskwardPoolExhausted": {"taskward_pool_waiting": "0x220 3x20"},
    "TaskwardKeysUnavailable": {'taskward_problems_total{code="keys_unavailable"}': "0x235 1x5"},
    "TaskwardTokensRejected": {
        'taskward_tokens_rejected_total{reason="issuer"}': "0+300x240",
    },
    "TaskwardHousekeepingFails": {
        'taskward_housekeeping_runs_total{work="purge",result="completed"}': "0x240",
        'taskward_housekeeping_runs_total{work="purge",result="failed"}': HOURLY,
    },
    "TaskwardUsersAtLimit": {'taskward_problems_total{code="task_quota_reached"}': "0x235 1x5"},
    "TaskwardMemoryHigh": {'process_resident_memory_bytes{process="main"}': "390000000x240"},
    "TaskwardDescriptorsUsed": {'process_open_fds{process="main"}': "100x220 900x20"},
    "TaskwardSignalsLost": {"taskward_signals_lost": "0x220 1x20"},
    "TaskwardWaitingFull": {"taskward_waiting": "0x220 900x20"},
    "TaskwardVersionsDiffer": {'taskward_build_info{version="0.4.0"}': "1x240"},
}


def alerts() -> list[dict[str, Any]]:
    """Return the alerts of the file."""
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def test_each_alert_fires_for_its_fault_and_no_other_does(tmp_path: Path) -> None:
    assert {each["alert"] for each in alerts()} == FAULTS.keys()
    cases = {"": {}, **FAULTS}
    tests = [_test(alert, HEALTHY | fault) for alert, fault in cases.items()]
    file = tmp_path / "tests.yaml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "5m", "tests": tests})
    )
    finished = subprocess.run(
        [program("promtool"), "test", "rules", file],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout


def test_the_guide_explains_each_alert() -> None:
    page = (ROOT / "docs" / "how-to" / "monitor.md").read_text()
    for each in alerts():
        row = f"| `{each['alert']}` | {each['labels']['severity']} |"
        assert row in page


def _test(alert: str, series: dict[str, str]) -> dict[str, object]:
    """Return a test in which this alert fires at the end and no other; none for an empty name."""
    firing = [{"labels": f'{{alertname="{alert}"}}', "value": 1}] if alert else []
    expression = 'count by (alertname) (ALERTS{alertstate="firing"})'
    return {
        "name": alert or "healthy",
        "interval": "1m",
        "input_series": [
            {"series": _in_job(name), "values": values} for name, values in series.items()
        ],
        "promql_expr_test": [{"expr": expression, "eval_time": f"{HOURS}h", "exp_samples": firing}],
    }


def _in_job(series: str) -> str:
    name, _, labels = series.partition("{")
    return f'{name}{{job="taskward",instance="a:8001",{labels or "}"}'
