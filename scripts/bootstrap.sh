#!/usr/bin/env bash
# Builds ringward and runs a cluster of real processes on this machine. Needs bash and Go.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: scripts/bootstrap.sh [start|stop|status|wipe] [options]

  start    builds ringward and starts the cluster, a new one or the one that lies in
           the directory, and waits until every shard is ACTIVE (the default)
  stop     stops all nodes; their data stays
  status   shows which nodes run, and the state of every shard
  wipe     stops all nodes and removes the cluster with its data

Options, remembered for the next start:
  --nodes N            processes, 1 to 99 (default 5)
  --shards N           shards of the ring, 1 to 4096 (default 5)
  --replicas N         copies of each shard, at most one per node (default 2)
  --port P             node K listens on P+K for clients and other nodes, on P+100+K
                       for gossip, on P+200+K for metrics (default 7000)
  --suspect-after D    silence after which a node is suspected, such as 50ms
                       (default: the node's own)
  --regrow-after D     time for which a shard waits for a lost member before another
                       node takes its place, such as 1s; 0s: none does
                       (default: the node's own)
  --dir DIR            where everything lies (default .ringward at the top of the tree)

A cluster keeps the --nodes, --shards and --replicas it was made with; the
other options may change while it is stopped.

DIR/endpoints      addresses for clients, separated by commas
DIR/bin/ringward   the program
DIR/node-K/pid     process id of node K
DIR/node-K/log     what node K says
DIR/node-K/data    what node K keeps
TEXT
}

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
port_span=299  # highest port is --port plus this
start_within=60 # seconds for the shards of a starting cluster to become ACTIVE
stop_within=20  # seconds for a node to end by itself

say() { printf '%s\n' "$*"; }
fail() { printf 'bootstrap.sh: %s\n' "$*" >&2; exit 1; }
misuse() { printf 'bootstrap.sh: %s\n' "$*" >&2; printf 'Run scripts/bootstrap.sh --help.\n' >&2; exit 2; }

# number NAME VALUE LOW HIGH refuses what is not a whole number between the two.
number() {
  [[ $2 =~ ^[1-9][0-9]{0,5}$ ]] && (($2 >= $3 && $2 <= $4)) || misuse "$1 $2: want a whole number from $3 to $4"
}

# ---- what was asked ----

action='' dir='' nodes='' shards='' replicas='' port='' suspect='' regrow=''
while (($# > 0)); do
  case $1 in
    -h | --help) usage; exit 0 ;;
    start | stop | status | wipe)
      [ -z "$action" ] || misuse "both $action and $1: want one"
      action=$1; shift; continue ;;
    --nodes | --shards | --replicas | --port | --suspect-after | --regrow-after | --dir)
      (($# > 1)) || misuse "$1: want a value"
      option=$1 value=$2; shift 2 ;;
    --nodes=* | --shards=* | --replicas=* | --port=* | --suspect-after=* | --regrow-after=* | --dir=*)
      option=${1%%=*} value=${1#*=}; shift ;;
    *) misuse "$1: no such action or option" ;;
  esac
  case $option in
    --nodes) number "$option" "$value" 1 99; nodes=$value ;;
    --shards) number "$option" "$value" 1 4096; shards=$value ;;
    --replicas) number "$option" "$value" 1 64; replicas=$value ;;
    --port) number "$option" "$value" 1 $((65535 - port_span)); port=$value ;;
    --suspect-after) suspect=$value ;;
    --regrow-after) regrow=$value ;;
    --dir) [ -n "$value" ] || misuse '--dir: want a directory'; dir=$value ;;
  esac
done
action=${action:-start}
case ${dir:=$top/.ringward} in /*) ;; *) dir=$PWD/$dir ;; esac
case $dir in *[[:space:],]*) misuse "--dir $dir: want a path without spaces and commas" ;; esac
if [ -d "$dir" ]; then dir=$(cd "$dir" && pwd -P); fi

# ---- what is there ----

started='' # the nodes that a start under way has started

# lock keeps a second bootstrap.sh out of the directory until this one ends.
lock() {
  mkdir -p "$dir" || exit 1
  dir=$(cd "$dir" && pwd -P)
  local holder
  if ! (set -C; echo $$ >"$dir/lock") 2>/dev/null; then
    holder=$(cat "$dir/lock" 2>/dev/null) || holder=''
    [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null ||
      fail "another bootstrap.sh (pid ${holder:-unknown}) is at work in $dir; if it is not, remove $dir/lock"
    echo $$ >"$dir/lock"
  fi
  trap unlock EXIT
  trap 'exit 130' INT TERM
}

# unlock runs at the end, however that comes. Where nothing was made, nothing stays.
unlock() {
  local status=$?
  trap - EXIT INT TERM
  if [ -n "$started" ]; then
    # The start failed: the next one begins cleanly.
    terminate $started
  fi
  rm -f "$dir/lock"
  rmdir "$dir" 2>/dev/null || true
  exit $status
}

# recall reads DIR/options into was_*; it fails where there is no cluster.
recall() {
  was_nodes='' was_shards='' was_replicas='' was_port='' was_suspect='' was_regrow=''
  [ -f "$dir/options" ] || return 1
  local key value
  while IFS='=' read -r key value; do
    case $key in
      nodes) was_nodes=$value ;;
      shards) was_shards=$value ;;
      replicas) was_replicas=$value ;;
      port) was_port=$value ;;
      suspect-after) was_suspect=$value ;;
      regrow-after) was_regrow=$value ;;
    esac
  done <"$dir/options"
  [ -n "$was_nodes" ] && [ -n "$was_shards" ] && [ -n "$was_replicas" ] && [ -n "$was_port" ] ||
    fail "$dir/options does not describe a cluster: remove it, or choose another --dir"
}

# alive K tells whether node K runs. Its pid file may be stale and the number now be
# another process's, so the process must be a ringward node on that very data.
alive() {
  local pid args
  pid=$(cat "$dir/node-$1/pid" 2>/dev/null) || return 1
  [[ $pid =~ ^[0-9]+$ ]] || return 1
  if [ -r "/proc/$pid/cmdline" ]; then
    args=$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) || return 1
  else
    args=$(ps -o args= -p "$pid" 2>/dev/null) || return 1
  fi
  [[ " $args " == *" node "*" --dir $dir/node-$1/data "* ]]
}

# living lists the numbers of the nodes that run.
living() {
  local k
  for ((k = 1; k <= was_nodes; k++)); do
    if alive "$k"; then printf '%d ' "$k"; fi
  done
}

# listens PORT tells whether somebody accepts connections there.
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# ---- start ----

refuse_the_impossible() {
  ((replicas <= nodes)) ||
    fail "$replicas replicas on $nodes nodes: a node holds at most one replica of a shard, so want at most $nodes"
  command -v go >/dev/null || fail 'go is not installed: https://go.dev/dl'
  local k p taken=''
  for ((k = 1; k <= nodes; k++)); do
    if alive "$k"; then continue; fi
    for p in $((port + k)) $((port + 100 + k)) $((port + 200 + k)); do
      if listens "$p"; then taken="$taken $p"; fi
    done
  done
  [ -z "$taken" ] || fail "in use:$taken; this cluster needs $((port + 1)) to $((port + nodes)), and the same plus 100 and 200: choose another --port"
}

launch() { # K
  local k=$1 home=$dir/node-$1 join='' i
  for ((i = 1; i <= nodes; i++)); do
    if ((i != k)); then join=$join,127.0.0.1:$((port + 100 + i)); fi
  done
  set -- node --name "node-$k" --dir "$home/data" \
    --listen "127.0.0.1:$((port + k))" --gossip "127.0.0.1:$((port + 100 + k))" --ops "127.0.0.1:$((port + 200 + k))"
  if [ -n "$join" ]; then set -- "$@" --join "${join#,}"; fi
  if [ -n "$suspect" ]; then set -- "$@" --suspect-after "$suspect"; fi
  if [ -n "$regrow" ]; then set -- "$@" --regrow-after "$regrow"; fi
  mkdir -p "$home"
  # Job control gives the node a process group of its own: Ctrl-C here does not reach it.
  set -m
  # Settings of the caller's shell are not this cluster's.
  (
    for name in "${!RINGWARD_@}"; do unset "$name"; done
    exec nohup "$dir/bin/ringward" "$@" >>"$home/log" 2>&1 </dev/null
  ) &
  set +m
  echo $! >"$home/pid"
}

# died K shows why a node that should run does not.
died() {
  say "bootstrap.sh: node-$1 ended; the last lines of $dir/node-$1/log:" >&2
  tail -n 15 "$dir/node-$1/log" | sed 's/^/    /' >&2
  exit 1
}

start() {
  if recall; then
    local pair name asked was
    for pair in "nodes:$nodes:$was_nodes" "shards:$shards:$was_shards" "replicas:$replicas:$was_replicas"; do
      IFS=: read -r name asked was <<<"$pair"
      [ -z "$asked" ] || [ "$asked" = "$was" ] ||
        fail "--$name $asked: the cluster in $dir has $was: wipe it first, or choose another --dir"
    done
  elif compgen -G "$dir/node-*" >/dev/null; then
    fail "$dir holds node directories that are not this script's: choose another --dir"
  fi
  local old_port=$was_port old_suspect=$was_suspect old_regrow=$was_regrow running=''
  if [ -n "$was_nodes" ]; then running=$(living); fi
  nodes=${nodes:-${was_nodes:-5}} shards=${shards:-${was_shards:-5}} replicas=${replicas:-${was_replicas:-2}}
  port=${port:-${was_port:-7000}} suspect=${suspect:-$was_suspect} regrow=${regrow:-$was_regrow}
  if [ -n "$running" ] && { [ "$port" != "$old_port" ] || [ "$suspect" != "$old_suspect" ] || [ "$regrow" != "$old_regrow" ]; }; then
    fail "the cluster in $dir is running: stop it before --port, --suspect-after or --regrow-after change"
  fi
  if [ "$(wc -w <<<"$running")" -eq "$nodes" ]; then
    say "The cluster in $dir is running."
    say ''
    tell
    return
  fi
  refuse_the_impossible

  say 'Building ringward.'
  (cd "$top" && go build -o "$dir/bin/ringward" ./node/cmd/ringward)
  local k endpoints=''
  for ((k = 1; k <= nodes; k++)); do endpoints=$endpoints,127.0.0.1:$((port + k)); done
  endpoints=${endpoints#,}
  printf 'nodes=%s\nshards=%s\nreplicas=%s\nport=%s\nsuspect-after=%s\nregrow-after=%s\n' \
    "$nodes" "$shards" "$replicas" "$port" "$suspect" "$regrow" >"$dir/options"
  printf '%s\n' "$endpoints" >"$dir/endpoints"

  say 'Starting nodes.'
  for ((k = 1; k <= nodes; k++)); do
    if alive "$k"; then continue; fi
    launch "$k"
    started="$started $k"
  done
  local deadline=$((SECONDS + start_within))
  for k in $started; do
    until listens $((port + k)); do
      kill -0 "$(<"$dir/node-$k/pid")" 2>/dev/null || died "$k"
      ((SECONDS < deadline)) || fail "node-$k does not listen on port $((port + k)) after ${start_within}s: see $dir/node-$k/log"
      sleep 0.05
    done
  done
  if ! "$dir/bin/ringward" init --endpoints "$endpoints" --shards "$shards" --replicas "$replicas" --timeout "${start_within}s" >/dev/null; then
    for k in $started; do alive "$k" || died "$k"; done
    fail "the cluster did not come up: see the logs $dir/node-*/log"
  fi
  started=''
  say ''
  tell
}

# tell shows the ring, and what to do next.
tell() {
  local program=$dir/bin/ringward endpoints
  endpoints=$(<"$dir/endpoints")
  case $program in "$PWD"/*) program=${program#"$PWD"/} ;; esac
  "$dir/bin/ringward" ring --endpoints "$endpoints" || true
  say ''
  say 'Endpoints:'
  say "  export RINGWARD_ENDPOINTS=$endpoints"
  say ''
  say 'Try next:'
  say "  $program put greeting hello"
  say "  $program get greeting"
  say "  $program status"
}

# ---- stop, status, wipe ----

# terminate K... ends the named nodes, all at once. On SIGTERM each would hand over to others first, which end as well.
terminate() {
  local k left deadline=$((SECONDS + stop_within))
  for k in "$@"; do
    if alive "$k"; then kill -INT "$(<"$dir/node-$k/pid")" 2>/dev/null || true; fi
  done
  while :; do
    left=''
    for k in "$@"; do if alive "$k"; then left="$left $k"; fi; done
    [ -n "$left" ] && ((SECONDS < deadline)) || break
    sleep 0.05
  done
  for k in $left; do
    say "node-$k does not end by itself within ${stop_within}s: killed" >&2
    kill -KILL "$(<"$dir/node-$k/pid")" 2>/dev/null || true
  done
  for k in "$@"; do rm -f "$dir/node-$k/pid"; done
}

stop() {
  local running
  running=$(living)
  if [ -z "$running" ]; then
    say "The cluster in $dir is not running."
    return
  fi
  terminate $running
  say "The cluster in $dir is stopped."
}

status() {
  local k running
  running=$(living)
  for ((k = 1; k <= was_nodes; k++)); do
    if alive "$k"; then
      say "node-$k  runs, pid $(<"$dir/node-$k/pid")"
    else
      say "node-$k  does not run"
    fi
  done
  [ -n "$running" ] || exit 1
  say ''
  "$dir/bin/ringward" status --endpoints "$(<"$dir/endpoints")"
}

wipe() {
  stop
  # What somebody else put there stays.
  rm -rf "$dir"/node-* "$dir/bin" "$dir/endpoints" "$dir/options"
  say "The cluster in $dir is removed."
}

if [ "$action" != start ] && ! recall; then
  fail "there is no cluster in $dir"
fi
if [ "$action" != status ]; then lock; fi
"$action"
