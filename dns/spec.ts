/** A DNS record and where it is kept: what a deploy makes, and a destroy removes. */
export interface DnsSpec {
  /** The name it is for, such as "mlflow.lan". */
  readonly name: string;
  /** What it points to: a hostname (CNAME) or an IPv4 address (A). */
  readonly target: string;
  /** Take the place of a record with another target. */
  readonly replace: boolean;
  /** The server that answers questions about it. */
  readonly server: DnsServer;
  readonly keeper: PlaybookKeeper | PiholeKeeper;
}

export interface DnsServer {
  /** Hostname or IP address. */
  readonly address: string;
  readonly port: number;
}

/** A drop-in file that a playbook writes. */
export interface PlaybookKeeper {
  readonly kind: "playbook";
  /** Both as texts: a destroy runs them as they were when the record was made. */
  readonly playbook: string;
  readonly inventory: string;
  /** Where the file is, for messages: HOST:PATH. */
  readonly place: string;
}

/** Pi-hole 6, asked by its API; the password is in PIHOLE_PASSWORD. */
export interface PiholeKeeper {
  readonly kind: "pihole";
  /** Such as "http://pi.hole". */
  readonly url: string;
}
