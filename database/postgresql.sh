#!/bin/sh
# PostgreSQL, for start.sh. PGHOST is the directory of its socket.

# shellcheck disable=SC2034
TITLE=PostgreSQL SERVER=postgres

# The major version: another one can't read its data.
series_in() {
  major=${1#*PostgreSQL) }
  echo "${major%%[!0-9]*}"
}

series_of() {
  cat "$1/PG_VERSION"
}

make() {
  initdb --pgdata "$1" --username postgres --encoding UTF8 --locale C.UTF-8 \
    --data-checksums --auth-local trust --auth-host scram-sha-256 > /dev/null
  echo "host mlflow mlflow all scram-sha-256" >> "$1/pg_hba.conf"
}

serve() {
  data=$1
  shift
  # Nobody but us reaches it while its user gets the password.
  pg_ctl start --pgdata "$data" --wait --timeout 600 --silent \
    --options "-c listen_addresses= -c unix_socket_directories=$PGHOST"
  psql --no-psqlrc --quiet --username postgres --dbname postgres --set ON_ERROR_STOP=1 \
    --file /local/postgresql.sql || refuse "could not set up its user and database: see above"
  pg_ctl stop --pgdata "$data" --wait --timeout 600 --silent --mode fast

  exec postgres -D "$data" -c unix_socket_directories="$PGHOST" "$@"
}
