server {
  enabled          = true
  bootstrap_expect = 1
  # An emulated machine is late with its heartbeats without being gone.
  heartbeat_grace = "20s"
}
