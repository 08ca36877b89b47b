#!/bin/sh
# MariaDB, for start.sh. MYSQL_UNIX_PORT is its socket.

# shellcheck disable=SC2034
TITLE=MariaDB SERVER=mariadbd

# Its release series, such as 11.8: what is of another one has to be converted.
series_in() {
  echo "$1" | sed -n 's/.* \([0-9]*\.[0-9]*\)\.[0-9]*-MariaDB.*/\1/p'
}

# Not in MariaDB's own file, which has another name from 11 on.
series_of() {
  cat "$1/.homelab-series"
}

make() {
  mariadb-install-db --no-defaults --datadir="$1" --skip-test-db --skip-name-resolve --force \
    --auth-root-authentication-method=socket --auth-root-socket-user=mysql > /dev/null
  echo "$2" > "$1/.homelab-series"
}

serve() {
  data=$1
  shift
  # In memory, for this user alone. As digits, the password needs no quoting.
  {
    printf "SET @password = x'%s';\n" "$(od -An -v -tx1 /secrets/password | tr -d ' \n')"
    cat /local/mysql.sql
  } > /dev/shm/init.sql

  # The init file is read before anybody is let in. Nomad's looks at the port, which say nothing, would be
  # warned of every 3 s, and shut out after a hundred where names are resolved.
  exec mariadbd --no-defaults --datadir="$data" --socket="$MYSQL_UNIX_PORT" \
    --pid-file=/tmp/mysql.pid --init-file=/dev/shm/init.sql --skip-name-resolve --log-warnings=1 \
    --character-set-server=utf8mb4 --key-buffer-size=8M \
    --aria-pagecache-buffer-size=8M "$@"
}
