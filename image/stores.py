"""Look at the stores that are elsewhere, before the server opens them.

At each start, from entrypoint.sh; and in a deploy, as a job of its own on a Nomad client before the
server is touched (HOMELAB_PROBE).
"""

import os
import sys

import basic_auth
import remote_databases
import secret_env

secret_env.load()
probe = bool(os.environ.get("HOMELAB_PROBE"))
found = remote_databases.problems(probe)
# A start looks at the users a little later, wherever they are.
if probe and basic_auth.is_on() and os.environ["HOMELAB_BACKEND_STORE"] != "sqlite" and not found:
    found += basic_auth.problems()
# Without S3 a server still serves runs, so none is kept from starting.
if probe and os.environ.get("HOMELAB_ARTIFACTS", "").startswith("s3://"):
    import s3

    found += s3.problems()
for problem in found:
    print(f"{'error' if probe else 'entrypoint'}: {problem}", file=sys.stderr)
sys.exit(1 if found else 0)
