#!/bin/sh
# Ends a job with the nomad command. Not with `nomad job stop`: that takes the start of another
# job's ID for this one's, and fails when the job is gone already.
set -eu
"$HOMELAB_NOMAD" operator api -X DELETE "$HOMELAB_JOB"
rm -f "$HOMELAB_RECORD"
