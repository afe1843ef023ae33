"""The policies that tests and tables go through: those of tests/data/policies, every NSG of the
shared data, with parameters and a context that resolve what it names, and generated ones.

A policy is a name and what `accelnetctl policy compile` and `verify` take for it.
"""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "tests" / "data"
GENERATOR = ROOT / "scripts" / "gen-nsg.py"
GENERATED_SIZES = (10, 100, 1000)
SHARED = ROOT.parent / "shared" / "data"


@dataclass
class Policy:
    name: str
    file: Path
    options: list = field(default_factory=list)  # --nsg, --parameters, --context
    user_rules: int = 0


def of_tests():
    return [Policy(path.stem, path) for path in sorted((DATA / "policies").glob("*.json"))]


def of_generator(directory, sizes=GENERATED_SIZES):
    """Of so many rules each: acl and two levels, IPv6, tags and groups."""
    found = []
    for size in sizes:
        path = Path(directory) / f"generated-{size}.json"
        with open(path, "wb") as file:
            subprocess.run([sys.executable, GENERATOR, "policy", "--rules", str(size)],
                           stdout=file, check=True)
        found.append(Policy(path.stem, path))
    return found


def of_azure(accelnetctl, directory):
    """Empty where the shared data is absent. `directory` holds files that the policies need."""
    with open(DATA / "nsg-parameters.json", encoding="utf-8") as file:
        parameters = json.load(file)
    return [policy for path in sorted((SHARED / "nsg").glob("*.json"))
            for policy in _of_file(accelnetctl, path, parameters.get(path.name), directory)]


def _of_file(accelnetctl, path, parameters, directory):
    options = []
    if parameters:
        values = Path(directory) / path.name
        values.write_text(json.dumps(parameters), encoding="utf-8")
        options = ["--parameters", str(values)]
    check = subprocess.run([accelnetctl, "policy", "check", path, "--json", *options],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    nsgs = json.loads(check.stdout).get("nsgs", [])
    options += ["--context", str(DATA / "nsg-context.json")]
    found = [Policy(path.stem + (f" {nsg['name']}" if len(nsgs) > 1 else ""), path,
                    ["--nsg", nsg["name"], *options] if nsg["name"] else options, nsg["rules"])
             for nsg in nsgs]
    if check.returncode == 0:
        return found
    # a template with values that only a deployment has: NSGs that do not need them can be used
    return [policy for policy in found if _is_usable(accelnetctl, policy)]


def _is_usable(accelnetctl, policy):
    try:
        compile_policy(accelnetctl, policy, "T0")
    except RuntimeError:
        return False
    return True


def compile_policy(accelnetctl, policy, tier, *options):
    """Standard output of `policy compile` for a NIC of the tier."""
    command = [accelnetctl, "policy", "compile", policy.file, "--target", "rte_flow",
               "--tier", tier, *policy.options, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{policy.name}: {done.stderr}")
    return done.stdout
