# Of both clients. A node has its machine's host name.
region     = "global"
datacenter = "dc1"
data_dir   = "/opt/nomad/data"
bind_addr  = "0.0.0.0"

advertise {
  http = "{{ GetInterfaceIP \"eth1\" }}"
  rpc  = "{{ GetInterfaceIP \"eth1\" }}"
  serf = "{{ GetInterfaceIP \"eth1\" }}"
}

disable_update_check = true

client {
  enabled           = true
  servers           = ["10.77.0.2"]
  network_interface = "eth1"
  options = {
    # They wait for answers of clouds and of servers that are not here.
    "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean,consul,vault"
  }
}

plugin "docker" {
  config {
    # An automatic revert needs the image that ran before.
    gc {
      image = false
    }
  }
}
