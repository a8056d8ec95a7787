/** The files that `init` writes: each a complete, commented beginning, and each loaded by a test. */

export const STARTER_GATEWAY = `# yaml-language-server: $schema=./schemas/gateway.schema.json
# The configuration of Aegis Gateway. Everything but \`version\` may be left out; what stands here is mostly the default.
version: 1

# Journal, audit and approval databases, and the control socket for \`aegis-gateway approvals\`.
# Paths are relative to this file.
data_dir: ./aegis-data

# Who the agent is: policy sees \`id\` as the agent, audit records carry all of it.
agent:
  id: my-agent

listeners:
  data: 127.0.0.1:15001 # the agent sends its requests here
  admin: 127.0.0.1:15020 # /healthz, /readyz, /metrics

# The first rule that matches decides. What a rule of the baseline blocks, no file after it can loosen.
policy:
  # baseline: baseline.yaml
  files: [policy.yaml]

# How requests become actions. Without an entry: GET is read, POST create, PUT and PATCH update, DELETE delete.
actions:
  files: [actions.yaml]

# Upstreams with a name, for tools that have a base-URL setting: http://127.0.0.1:15001/routes/tickets/...
# The gateway can add the credential, so that the agent never has it.
routes: {}
#  tickets:
#    upstream: https://tickets.example.com/api
#    credential:
#      header: Authorization
#      format: Bearer {secret}
#      file: /etc/aegis/secrets/tickets-token

# Loopback, link-local, metadata and cluster API addresses are refused unless they are listed here: an address for
# requests that name it, a name for whatever it resolves to.
upstream:
  allow: []
#    - 127.0.0.1:8080
#    - tools.internal:8080

# TLS of the agent is opened with a CA that is made at each start; \`aegis-gateway env\` prints what an agent needs for that.
# Hosts that must not be opened (certificates pinned by their client) are judged by host and port alone.
tunnel: []
#  - pinned.example.com
# For an agent that runs as another user: a folder that it can read.
# agent_files: /run/aegis-agent

approvals:
  store: local # decided with: aegis-gateway approvals approve NAME

log:
  format: text # json in production

# limits:             # every limit, its default and its reason: docs/limits.md
#   body: 8MiB
#   approval_wait: 30s
#   approval_ttl: 15m
`;

export const STARTER_POLICY = `# yaml-language-server: $schema=./schemas/policy.schema.json
# Rules are read from top to bottom; the first that matches decides.
#   approval: auto (let it pass), approve (ask a human), block
#   risk_level: low, medium, high, critical; high and critical records are on the disk before the request leaves
version: "1"

# What no rule matches asks a human.
defaults:
  risk_level: medium
  approval: approve

rules:
  # Nothing that deletes more than ten at once, or does not say how many.
  - name: bulk_delete
    match: { type: bulk_delete }
    conditions: { param_gt: { count: 10 } }
    on_missing: block
    risk_level: critical
    approval: block

  # No deployment at night or on a weekend.
  - name: deploy_at_night
    match: { type: deploy }
    conditions: { time_after: "18:00", time_before: "08:00", timezone: UTC }
    risk_level: critical
    approval: block
  - name: deploy_on_weekend
    match: { type: deploy }
    conditions: { weekdays: [6, 7] }
    risk_level: critical
    approval: block
  - name: deploy
    match: { type: deploy }
    risk_level: high
    approval: approve

  # Money moves only when a human agrees; a refund without an amount, or below zero, never does.
  - name: refund_not_positive
    match: { type: refund }
    conditions: { param_lte: { amount: 0 } }
    on_missing: block
    risk_level: critical
    approval: block
  - name: refund
    match: { type: refund }
    risk_level: high
    approval: { approvers: 1, ttl: 15m, wait: 30s, scope: once }

  # Single deletions ask a human.
  - name: delete
    match: { type: delete }
    risk_level: high
    approval: approve

  # Reading is free.
  - name: read
    match: { type: read }
    risk_level: low
    approval: auto
`;

export const STARTER_ACTIONS = `# yaml-language-server: $schema=./schemas/actions.schema.json
# Which request is which action. What no entry matches gets the default mapping.
version: 1

actions:
  - match: { host: "*", method: POST, path: "/refunds" }
    action: { type: refund, target: "order/{order}" }
    params:
      order: { body: /order }
      amount: { body: /amount }
    required: [order, amount]
    effect: irreversible
    amount: amount
    description: "Refund {amount} for order {order}"

  - match: { host: "*", method: POST, path: "/deployments" }
    action: { type: deploy, target: "{environment}" }
    params:
      environment: { body: /environment }
      version: { body: /version }
    required: [environment]
    effect: reversible
    description: "Deploy version {version} to {environment}"

  - match: { host: "*", method: POST, path: "/orders/bulk-delete" }
    action: { type: bulk_delete, target: orders }
    params:
      count: { length: /ids }
    required: [count]
    effect: irreversible
    description: "Delete {count} orders"
`;
