#!/bin/sh
# Registers a job with the nomad command, and notes the job as Nomad has it then: a later synth
# compares it with what it finds (registrations.ts).
set -eu
printf %s "$HOMELAB_JOBSPEC" | "$HOMELAB_NOMAD" job run -detach -
job=$("$HOMELAB_NOMAD" operator api "$HOMELAB_JOB")
mkdir -p "$(dirname "$HOMELAB_RECORD")"
printf '{"token":"%s","job":%s}\n' "$HOMELAB_TOKEN" "$job" >"$HOMELAB_RECORD.new"
mv "$HOMELAB_RECORD.new" "$HOMELAB_RECORD"
